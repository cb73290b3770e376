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
const MAX_KEY_USERS = 1_000;

/** What is kept of a key. @see KeyFileSchema for the file. */
export const KeyRecordSchema = v.strictObject({
  id: v.pipe(v.string(), v.regex(/^[a-z2-7]{12}$/)),
  /** For people: whose or what for. */
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(100), v.regex(/^\P{Cc}+$/u)),
  /** SHA-256 of the secret, hex. */
  hash: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  scopes: v.pipe(v.array(v.picklist(SCOPES)), v.minLength(1)),
  /** The only users it may speak of; `null`: all. */
  user_ids: v.nullable(v.pipe(v.array(IdSchema), v.minLength(1), v.maxLength(MAX_KEY_USERS))),
  /** Epoch ms. */
  created_ms: v.pipe(v.number(), v.safeInteger()),
  /** Epoch ms from which on it is worth nothing; `null`: never. */
  expires_ms: v.nullable(v.pipe(v.number(), v.safeInteger())),
});

/** What is kept of a key: nothing that could be used as one. */
export type KeyRecord = Readonly<v.InferOutput<typeof KeyRecordSchema>>;

/** What a new key is to be. */
export interface KeyInput {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** The only users it may speak of; `null`: all. */
  readonly userIds: readonly string[] | null;
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
export function newKey({ name, scopes, userIds, expiresMs }: KeyInput, nowMs: number): NewKey {
  const id = Array.from(randomBytes(12), (byte) => BASE32[byte % 32]).join('');
  const secret = randomBytes(32).toString('base64url');
  const record = {
    id,
    name,
    hash: hashOf(secret).toString('hex'),
    scopes: SCOPES.filter((scope) => scopes.includes(scope)),
    user_ids: userIds === null ? null : [...new Set(userIds)],
    created_ms: nowMs,
    expires_ms: expiresMs,
  };
  return { record, token: `hrm_${id}_${secret}` };
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
