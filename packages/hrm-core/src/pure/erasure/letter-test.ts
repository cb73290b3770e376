/** Dead letters of erased readings, as far as they can be read. */
import { elementText } from '../reading/element.js';
import type { Erasure } from './erasure.js';
import { deviceTest, type ErasureRegister, isInRange } from './register.js';

/** What of a dead letter is looked at. */
interface Letter {
  readonly bytes: Uint8Array;
  /** When it was accepted, epoch ms. */
  readonly stampMs: number;
}

/** Ids of users in what is not JSON as a whole; a string of JSON ends at the first quotation mark that has no backslash before it. */
const USER_IDS = /"user_id"\s*:\s*("(?:[^"\\]|\\.)*")/g;

/**
 * Whether a dead letter has an erased reading, or may have: one of which not even the instant can be read goes with its user. A letter goes
 * as a whole, whoever else is in it: nothing of it could be stored.
 */
export function isErasedLetter({ bytes, stampMs }: Letter, register: ErasureRegister): boolean {
  const text = elementText(bytes) ?? Buffer.from(bytes).toString('latin1');
  const found = parsedReadings(text) ?? looseReadings(text);
  return found.some(({ userId, deviceId, timestampMs }) =>
    register
      .ofUser(userId)
      .some((erasure) => stampMs <= erasure.until_ms && mayBeOf(erasure, { deviceId, timestampMs })),
  );
}

interface LetterReading {
  readonly userId: string;
  readonly deviceId: string | null;
  readonly timestampMs: number | null;
}

function mayBeOf(erasure: Erasure, { deviceId, timestampMs }: Omit<LetterReading, 'userId'>): boolean {
  const isDevice = deviceId === null || deviceTest([deviceId])(erasure, 0);
  return isDevice && (timestampMs === null || isInRange(erasure, timestampMs));
}

function parsedReadings(text: string): readonly LetterReading[] | null {
  try {
    const value: unknown = JSON.parse(text);
    return (Array.isArray(value) ? value : [value]).flatMap(readingOf);
  } catch {
    return null;
  }
}

function readingOf(value: unknown): readonly LetterReading[] {
  if (typeof value !== 'object' || value === null) return [];
  const { user_id: userId, device_id: deviceId, timestamp } = value as Partial<Record<string, unknown>>;
  if (typeof userId !== 'string') return [];
  const ms = typeof timestamp === 'string' ? Date.parse(timestamp) : Number.NaN;
  return [
    { userId, deviceId: typeof deviceId === 'string' ? deviceId : null, timestampMs: Number.isNaN(ms) ? null : ms },
  ];
}

function looseReadings(text: string): readonly LetterReading[] {
  return [...text.matchAll(USER_IDS)].flatMap(([, quoted = '']) => {
    try {
      return [{ userId: String(JSON.parse(quoted)), deviceId: null, timestampMs: null }];
    } catch {
      return [];
    }
  });
}
