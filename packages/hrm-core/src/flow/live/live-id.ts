/**
 * Ids of events: positions in the feed that only those can read who share the queue. In the clear they would tell whoever watches
 * one user how much all others send. An id reads differently each time, and all are of one length, so that neither the id of an
 * event nor that of a quiet hour tells anything.
 * @see https://csrc.nist.gov/pubs/sp/800/38/d/final AES-GCM, with a random nonce
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { faultError } from '../../errors.js';
import { MAX_CURSOR_LENGTH } from '../../limits.js';
import { LIVE_ID, type LiveCursor } from '../../pure/live-cursor.js';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const INDEX_BYTES = 4;

/** Before everything, and in no feed: whoever stands there has missed what there is. */
const NOWHERE: LiveCursor = { cursor: '', index: -1 };

/**
 * @param text - an id as it came back.
 * @param path - of the fault, in the caller's input.
 * @throws HrmError kind `invalid`, code `invalid_cursor`, for what no id looks like.
 */
export function requireLiveId(text: unknown, path: string): string {
  if (typeof text === 'string' && LIVE_ID.test(text)) return text;
  const message = 'must be the id of an event, as it was sent';
  throw faultError('invalid_cursor', message, path);
}

/** @param secret - of the feed. */
export function formatLiveId(secret: Uint8Array, { cursor, index }: LiveCursor): string {
  const plain = Buffer.alloc(INDEX_BYTES + MAX_CURSOR_LENGTH);
  plain.writeInt32LE(index);
  plain.write(cursor, INDEX_BYTES, 'latin1');
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, secret, nonce);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

/** The inverse of {@link formatLiveId}; a position that is in no feed for what was not made with this secret. */
export function parseLiveId(secret: Uint8Array, id: string): LiveCursor {
  const bytes = Buffer.from(id, 'base64url');
  if (bytes.length !== NONCE_BYTES + INDEX_BYTES + MAX_CURSOR_LENGTH + TAG_BYTES) return NOWHERE;
  const decipher = createDecipheriv(CIPHER, secret, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const plain = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    const [cursor = ''] = plain.toString('latin1', INDEX_BYTES).split('\0', 1);
    return { cursor, index: plain.readInt32LE() };
  } catch {
    return NOWHERE;
  }
}
