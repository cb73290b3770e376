/** Dead letters of erased readings, as far as they can be read. */
import { elementText } from '../reading/element.js';
import type { Erasure } from './erasure.js';
import { deviceTest, type ErasureRegister, isInRange } from './register.js';
import { isExpiredAt, type Retention } from './retention.js';

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
  return readingsIn(bytes).some(({ userId, deviceId, timestampMs }) =>
    register
      .ofUser(userId)
      .some((erasure) => stampMs <= erasure.until_ms && mayBeOf(erasure, { deviceId, timestampMs })),
  );
}

/**
 * Whether a dead letter has a reading that is kept no longer, as of some UTC day. Of what has no instant that can be read it is the day on which it
 * was accepted.
 */
export function isExpiredLetter({ bytes, stampMs }: Letter, retention: Retention, surely: number): boolean {
  const found = readingsIn(bytes);
  const all = found.length > 0 ? found : [{ userId: '', deviceId: null, timestampMs: null }];
  return all.some(({ userId, deviceId, timestampMs }) =>
    isExpiredAt(retention, { userId, deviceId: deviceId ?? '', timestampMs: timestampMs ?? stampMs }, surely),
  );
}

function readingsIn(bytes: Uint8Array): readonly LetterReading[] {
  const text = elementText(bytes) ?? Buffer.from(bytes).toString('latin1');
  return parsedReadings(text) ?? looseReadings(text);
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
  const {
    user_id: userId,
    device_id: deviceId,
    timestamp,
    timestamp_ms: own,
  } = value as Partial<Record<string, unknown>>;
  if (typeof userId !== 'string') return [];
  const ms = typeof timestamp === 'string' ? Date.parse(timestamp) : Number(own ?? Number.NaN);
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
