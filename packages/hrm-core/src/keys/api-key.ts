/**
 * What an API key is: a token that only its holder has, and the record that the server keeps of it.
 *
 * `hrm_<id>_<secret>`: the id (12 characters) is public and finds the record; the secret (256 random bits) proves it. Of
 * the secret only the SHA-256 is kept: a slow hash is for passwords, which can be guessed; 256 random bits cannot.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import * as v from 'valibot';
import { IdSchema } from '../pure/reading/reading.js';

/** What a key may do: send readings; read answers; erase; see how the system is. */
export const SCOPES = ['ingest', 'query', 'erase', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Users that one key may be bound to: the file is read as a whole. */
export const MAX_KEY_USERS = 1_000;

/** Devices that one key may be bound to, as users. */
const MAX_KEY_DEVICES = 1_000;

/** Bytes that a key must be allowed to have under way at least: the body of a small batch. */
const MIN_BODY_BYTES = 1024 * 1024;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** What a key may have at once, or in a minute. It may have no more of anything than its share: a quarter of what there is. */
const KeyLimitsSchema = v.strictObject({
  /** Requests a minute, of each process; default `HRM_RATE_LIMIT`. */
  requests: v.optional(count),
  /** Bytes of bodies under way, of each call. */
  body_bytes: v.optional(v.pipe(count, v.minValue(MIN_BODY_BYTES))),
  /** Live streams. */
  streams: v.optional(count),
  /** Answers that are too long for one piece. */
  long_answers: v.optional(count),
});

/** @see KeyLimitsSchema */
export type KeyLimits = Readonly<v.InferOutput<typeof KeyLimitsSchema>>;

/** What is kept of a key. What not every key has is absent there, so that versions before it can read the file. @see KeyFileSchema for the file. */
const KeyFieldsSchema = v.strictObject({
  id: v.pipe(v.string(), v.regex(/^[a-z2-7]{12}$/)),
  /** For people: whose or what for. */
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(100), v.regex(/^\P{Cc}+$/u)),
  /** SHA-256 of the secret, hex. */
  hash: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  scopes: v.pipe(v.array(v.picklist(SCOPES)), v.minLength(1)),
  /** The only users it may speak of; `null`: all. */
  user_ids: v.nullable(v.pipe(v.array(IdSchema), v.minLength(1), v.maxLength(MAX_KEY_USERS))),
  /** The only devices that it may send readings of; absent: all. Such a key may do nothing else. */
  device_ids: v.optional(v.pipe(v.array(IdSchema), v.minLength(1), v.maxLength(MAX_KEY_DEVICES))),
  limits: v.optional(KeyLimitsSchema),
  /** The id of the key that was made to replace it. */
  replaced_by: v.optional(v.string()),
  /** Epoch ms. */
  created_ms: v.pipe(v.number(), v.safeInteger()),
  /** Epoch ms from which on it is worth nothing; `null`: never. */
  expires_ms: v.nullable(v.pipe(v.number(), v.safeInteger())),
});

/** @see KeyFieldsSchema */
export const KeyRecordSchema = v.pipe(
  KeyFieldsSchema,
  v.forward(
    // An answer is of all devices of a user, and so is what is erased or set.
    v.check(({ device_ids, scopes }) => device_ids === undefined || scopes.every((scope) => scope === 'ingest')),
    ['device_ids'],
  ),
);

/** What is kept of a key: nothing that could be used as one. */
export type KeyRecord = Readonly<v.InferOutput<typeof KeyRecordSchema>>;

/**
 * Limits as they are typed, `streams=3`.
 * @returns what is none of them too: a key with it is refused.
 */
export function keyLimitsOf(words: readonly string[]): KeyLimits {
  return Object.fromEntries(
    words.map((word) => {
      const [name = '', ...rest] = word.split('=');
      return [name, Number(rest.join('=') || 'NaN')];
    }),
  );
}

/** What a new key is to be. */
export interface KeyInput {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** The only users it may speak of; `null`: all. */
  readonly userIds: readonly string[] | null;
  /** The only devices that it may send readings of; `null`, the default: all. */
  readonly deviceIds?: readonly string[] | null | undefined;
  /** Default: no others than everybody's. */
  readonly limits?: KeyLimits | undefined;
  /** Epoch ms; `null`: never. */
  readonly expiresMs: number | null;
}

/** A new key: its record, and the token, which exists nowhere else. */
export interface NewKey {
  readonly record: KeyRecord;
  readonly token: string;
}

const TOKEN = /^hrm_([a-z2-7]{12})_([A-Za-z0-9_-]{43})$/;
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** Makes a key of random bits. */
export function newKey(
  { name, scopes, userIds, deviceIds = null, limits, expiresMs }: KeyInput,
  nowMs: number,
): NewKey {
  const id = Array.from(randomBytes(12), (byte) => BASE32[byte % 32]).join('');
  const secret = randomBytes(32).toString('base64url');
  const record = {
    id,
    name,
    hash: hashOf(secret).toString('hex'),
    scopes: SCOPES.filter((scope) => scopes.includes(scope)),
    user_ids: userIds === null ? null : [...new Set(userIds)],
    ...(deviceIds !== null && { device_ids: [...new Set(deviceIds)] }),
    ...(limits !== undefined && Object.keys(limits).length > 0 && { limits }),
    created_ms: nowMs,
    expires_ms: expiresMs,
  };
  return { record, token: `hrm_${id}_${secret}` };
}

/** Milliseconds before its end in which a key counts as about to end: a week, or a tenth of a shorter life. */
const ENDING_MS = 7 * 86_400_000;

/** Whether a key ends soon, and no other was made to replace it. */
export function isEnding({ created_ms, expires_ms, replaced_by }: KeyRecord, nowMs: number): boolean {
  if (expires_ms === null || replaced_by !== undefined || expires_ms <= nowMs) return false;
  return expires_ms - nowMs <= Math.min(ENDING_MS, (expires_ms - created_ms) / 10);
}

/** What a token that is none is compared with, so that it takes as long. */
const NO_HASH = Buffer.alloc(32);

/**
 * The record that a token proves; `null` for any other. How long it takes tells nothing of the secret, nor whether there
 * is a key of this id.
 */
export function findKey(records: ReadonlyMap<string, KeyRecord>, token: string, nowMs: number): KeyRecord | null {
  const [, id = '', secret = ''] = TOKEN.exec(token) ?? [];
  const record = records.get(id);
  const isRight = timingSafeEqual(hashOf(secret), record === undefined ? NO_HASH : Buffer.from(record.hash, 'hex'));
  if (record === undefined || !isRight) return null;
  return record.expires_ms !== null && record.expires_ms <= nowMs ? null : record;
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
