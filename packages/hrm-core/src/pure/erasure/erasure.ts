/**
 * What is remembered of an erasure: enough to tell whose readings it is of, and nobody's id. Ids are keyed hashes: who has an id can
 * look whether it is meant, and who has the hash cannot read the id from it.
 *
 * A stored reading is erased where it is of the user, the device and the range, and was received in `untilMinute` or before. So
 * whatever is brought back later (a redelivered batch, a backup, a file that a frozen process writes) is erased as well. What was accepted
 * after the erasure is stored as received in a later minute: see erase-queued.ts.
 */
import { createHmac, randomBytes } from 'node:crypto';
import * as v from 'valibot';
import { MINUTE_MS } from '../../limits.js';
import { userDirectory } from '../partition.js';

/** Hex digits of an id and of a salt. */
const ID_BYTES = 16;

/** What is to be erased. */
export interface ErasureTarget {
  readonly userId: string;
  /** Only this device's readings. */
  readonly deviceId?: string | undefined;
  /** Readings measured from then on, epoch ms, inclusive; `null`: from the first on. */
  readonly fromMs?: number | null | undefined;
  /** Exclusive; `null`: to the last. */
  readonly toMs?: number | null | undefined;
}

const HEX = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));
const HASH = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const INSTANT = v.pipe(v.number(), v.safeInteger());

const ErasureSchema = v.strictObject({
  version: v.literal(1),
  /** Random; it names the erasure. */
  id: HEX,
  /** What the hashes are keyed by; most erasures of a store have the same. */
  salt: HEX,
  user: HASH,
  /** Of the name of the user's directory, by which a partition is told. */
  directory: HASH,
  /** `null`: of every device. */
  device: v.nullable(HASH),
  /** Measured from then on, epoch ms, inclusive; `null`: from the first on. */
  from_ms: v.nullable(INSTANT),
  /** Exclusive; `null`: to the last. */
  to_ms: v.nullable(INSTANT),
  /** Accepted until then, epoch ms, inclusive. */
  until_ms: INSTANT,
  /** Stored as received in that minute since the epoch, or before. At least that of `until_ms`. */
  until_minute: INSTANT,
});

/** One erasure, as it is kept. */
export type Erasure = Readonly<v.InferOutput<typeof ErasureSchema>>;

/**
 * Makes an erasure.
 * @param untilMs - readings that were accepted until then are erased.
 * @param others - of the same store: its salt is theirs.
 */
export function createErasure(
  { userId, deviceId, fromMs = null, toMs = null }: ErasureTarget,
  untilMs: number,
  others: readonly Erasure[],
): Erasure {
  const salt = others[0]?.salt ?? newSalt();
  const user = hashOf(salt, 'user', userId);
  return {
    version: 1,
    id: randomBytes(ID_BYTES).toString('hex'),
    salt,
    user,
    directory: hashOf(salt, 'directory', userDirectory(userId)),
    device: deviceId === undefined ? null : hashOf(salt, 'device', deviceId),
    from_ms: fromMs,
    to_ms: toMs,
    until_ms: untilMs,
    until_minute: Math.max(Math.floor(untilMs / MINUTE_MS), lastMinute(userId, others) + 1),
  };
}

/**
 * The last minute that erasures of a user are of; -1 where there are none. What was accepted after one of them may be stored as received in
 * the minute after that, so the next one is of that minute, too.
 */
export function lastMinute(userId: string, erasures: readonly Erasure[]): number {
  let last = -1;
  for (const { salt, user, until_minute: minute } of erasures)
    if (minute > last && hashOf(salt, 'user', userId) === user) last = minute;
  return last;
}

/** A key for the hashes of a store. */
export function newSalt(): string {
  return randomBytes(ID_BYTES).toString('hex');
}

/** What an id is remembered as. */
export function hashOf(salt: string, kind: 'user' | 'directory' | 'folded' | 'device', id: string): string {
  return createHmac('sha256', salt).update(`${kind}\n${id}`).digest('hex');
}

/** An erasure as text. */
export function erasureText(erasure: Erasure): string {
  return `${JSON.stringify(erasure, null, 2)}\n`;
}

/** The erasure that a text is; `null` where it is none. */
export function parseErasure(text: string): Erasure | null {
  try {
    return v.parse(ErasureSchema, JSON.parse(text));
  } catch {
    return null;
  }
}
