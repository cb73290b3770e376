/**
 * Pieces of objects that were read, bounded in bytes; those not used for longest go first. An object with an ETag never changes, so neither
 * does a piece of it.
 *
 * A request takes as long for a byte as for some hundred kilobytes. So a small file is read as a whole when some of it is wanted, and
 * one that is read from its beginning on, as who proves it does, in large pieces.
 */
import { goneError } from '../../../errors.js';
import type { DiskCache } from './disk-cache.js';
import type { ListedObject, Objects } from './objects.js';

/** Bytes up to which a file is read as a whole: two devices' day at 1 Hz is 60 KB. */
const WHOLE_BYTES = 256 * 1024;
/** Bytes of a piece of a file that is read from its beginning on. */
const PIECE_BYTES = 4 * 1024 * 1024;
/** Bytes of all pieces that are kept. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;

interface Piece {
  readonly fromByte: number;
  readonly toByte: number;
  readonly bytes: Promise<Buffer>;
}

/** What was read lately. */
export interface Pieces {
  /** The bytes `fromByte <= b < toByte`, within the object. @throws HrmError code `file_gone`; as the objects do. */
  read(object: ListedObject, fromByte: number, toByte: number): Promise<ArrayBuffer>;
}

/** Creates a memory of pieces. @param disk - where they are kept for longer; `null`: nowhere. */
export function createPieces(objects: Pick<Objects, 'get'>, disk: DiskCache | null): Pieces {
  const kept = new Map<string, Piece>();
  let held = 0;

  function forget(key: string): void {
    const piece = kept.get(key);
    if (piece === undefined) return;
    kept.delete(key);
    held -= piece.toByte - piece.fromByte;
  }

  async function fetchPiece({ key, etag }: ListedObject, fromByte: number, toByte: number): Promise<Buffer> {
    const piece = { key, etag, fromByte, toByte };
    const cached = (await disk?.get(piece)) ?? null;
    if (cached !== null) return cached;
    const found = await objects.get(key, { etag, fromByte, toByte });
    if (found === null || found.bytes.length !== toByte - fromByte)
      throw goneError(key.slice(key.lastIndexOf('/') + 1));
    disk?.put(piece, found.bytes);
    return found.bytes;
  }

  function keep(key: string, piece: Piece): void {
    forget(key);
    kept.set(key, piece);
    held += piece.toByte - piece.fromByte;
    for (const oldest of kept.keys()) {
      if (held <= MAX_KEPT_BYTES) break;
      forget(oldest);
    }
    piece.bytes.catch(() => {
      if (kept.get(key) === piece) forget(key);
    });
  }

  return {
    async read(object, fromByte, toByte) {
      const key = `${object.key}\n${object.etag}`;
      let piece = kept.get(key);
      const hasIt = piece !== undefined && piece.fromByte <= fromByte && toByte <= piece.toByte;
      if (piece === undefined || !hasIt) {
        const isWhole = object.byteLength <= WHOLE_BYTES;
        const isSequential =
          fromByte === 0 || (piece !== undefined && fromByte <= piece.toByte && toByte > piece.toByte);
        if (!isWhole && !isSequential) return copyOf(await fetchPiece(object, fromByte, toByte));
        const from = isWhole ? 0 : fromByte;
        const to = isWhole ? object.byteLength : Math.min(object.byteLength, Math.max(toByte, from + PIECE_BYTES));
        piece = { fromByte: from, toByte: to, bytes: fetchPiece(object, from, to) };
        keep(key, piece);
      } else {
        // The order of a Map is that of insertion.
        kept.delete(key);
        kept.set(key, piece);
      }
      const { bytes, fromByte: start } = piece;
      return copyOf((await bytes).subarray(fromByte - start, toByte - start));
    },
  };
}

/** A buffer of these bytes alone. */
function copyOf(bytes: Buffer): ArrayBuffer {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy.buffer;
}
