/**
 * The container: headers, records, checksums, as many files as are chained. A file gives what it has up to where it breaks off.
 *
 * `header` -> `records` -> `checksum` -> `header` of the next; from `records` to `skip` where a record cannot be read, up to the declared
 * end; `over` where nothing says where another file could begin.
 */
import { joinBytes } from '../../bytes.js';
import type { PieceGatherer } from '../../gather-pieces.js';
import { createFitClock, type FitClock } from './clock.js';
import { crc16 } from './crc.js';
import { type Definition, readDefinition, readUint } from './definition.js';
import { createFitMessages } from './messages.js';

/** Reads bytes as they come; what it finds is gathered. */
export interface FitReader {
  write(piece: Uint8Array): void;
  end(): void;
}

const MIN_HEADER_BYTES = 12;
/** Headers have 12 or 14 bytes; what begins with a letter is none. */
const MAX_HEADER_BYTES = 31;
const CHECKSUM_BYTES = 2;
const COMPRESSED = 0x80;
const DEFINITION = 0x40;
const DEVELOPER = 0x20;

/** One file of a chain. */
interface Part {
  /** Where its records end, in the whole input; infinite where the recording was never finished. */
  readonly end: number;
  readonly definitions: (Definition | undefined)[];
  readonly clock: FitClock;
  crc: number;
}

type State = 'header' | 'records' | 'checksum' | 'skip' | 'over';

/** Whether a FIT header begins there. */
export function isFitHeader(bytes: Uint8Array, at = 0): boolean {
  const size = bytes[at] ?? 0;
  const isSigned = [0x2e, 0x46, 0x49, 0x54].every((byte, i) => bytes[at + 8 + i] === byte);
  return size >= MIN_HEADER_BYTES && size <= MAX_HEADER_BYTES && isSigned;
}

/** Begins at the first header. */
export function createFitReader(gatherer: PieceGatherer): FitReader {
  const messages = createFitMessages(gatherer);
  let state: State = 'header';
  let part: Part = startPart(0);
  let isFirst = true;
  /** What was not understood yet, and where it begins in the whole input. */
  let bytes: Uint8Array = new Uint8Array(0);
  let offset = 0;
  let at = 0;
  let isEnd = false;

  function startPart(end: number): Part {
    return { end, definitions: [], clock: createFitClock(), crc: 0 };
  }
  function consume(to: number): void {
    part.crc = crc16(part.crc, bytes.subarray(at, to));
    at = to;
  }
  function damage(message: string, next: State): void {
    gatherer.damage(`byte ${offset + at}`, message);
    state = next;
  }

  /** @returns whether it got on; if not, more bytes have to come. */
  function readHeader(): boolean {
    // Some devices fill up their files with zeros.
    while (!isFirst && bytes[at] === 0) at += 1;
    const left = bytes.length - at;
    if (left === 0) return false;
    if (left >= MIN_HEADER_BYTES && !isFitHeader(bytes, at)) {
      damage(isFirst ? 'there is no FIT header' : 'what follows is no FIT header', 'over');
      return true;
    }
    const size = bytes[at] as number;
    if (left < Math.max(MIN_HEADER_BYTES, size)) return false;
    const dataBytes = readUint(bytes, at + 4, 4, true);
    if (dataBytes === 0) gatherer.note('not_finished', 'the header has no size: the recording was never finished');
    part = startPart(dataBytes === 0 ? Number.POSITIVE_INFINITY : offset + at + size + dataBytes);
    isFirst = false;
    consume(at + size);
    state = 'records';
    return true;
  }

  function readRecord(): boolean {
    const left = Math.min(bytes.length, part.end - offset) - at;
    if (offset + at >= part.end) {
      state = 'checksum';
      return true;
    }
    if (left === 0) return false;
    const isUnfinished = part.end === Number.POSITIVE_INFINITY;
    if (isUnfinished && !isEnd && left < MIN_HEADER_BYTES) return false;
    if (isUnfinished && isFitHeader(bytes, at)) {
      state = 'header';
      return true;
    }
    // Where nobody says where records end, what is left at last are checksums.
    if (isUnfinished && isEnd && left <= CHECKSUM_BYTES) {
      at = bytes.length;
      return false;
    }
    const header = bytes[at] as number;
    const isCompressed = (header & COMPRESSED) !== 0;
    if (!isCompressed && (header & DEFINITION) !== 0) {
      const read = readDefinition(bytes, at + 1, (header & DEVELOPER) !== 0);
      if (read === null || offset + read.end > part.end) return cutRecord(read !== null);
      part.definitions[header & 0x0f] = read.definition;
      consume(read.end);
      return true;
    }
    const definition = part.definitions[isCompressed ? (header >> 5) & 0x03 : header & 0x0f];
    if (definition === undefined) {
      damage('a message has no definition', isUnfinished ? 'over' : 'skip');
      return true;
    }
    const end = at + 1 + definition.length;
    if (end > bytes.length || offset + end > part.end) return cutRecord(offset + end > part.end);
    messages.take(bytes, at + 1, definition, part.clock, isCompressed ? header & 0x1f : undefined);
    consume(end);
    return true;
  }

  /** A record goes on behind what is there. @param isBeyond - or behind the end that the header says. */
  function cutRecord(isBeyond: boolean): boolean {
    if (isBeyond && bytes.length >= part.end - offset) {
      damage('a message reaches over the end of the data', 'skip');
      return true;
    }
    return false;
  }

  function readChecksum(): boolean {
    if (bytes.length - at < CHECKSUM_BYTES) return false;
    if (readUint(bytes, at, CHECKSUM_BYTES, true) !== part.crc) {
      gatherer.note('crc_mismatch', 'the checksum differs: some of the values may be wrong');
    }
    at += CHECKSUM_BYTES;
    state = 'header';
    return true;
  }

  function skip(): boolean {
    consume(Math.min(bytes.length, Math.max(at, part.end - offset)));
    if (offset + at < part.end) return false;
    state = 'checksum';
    return true;
  }

  const STEPS: Readonly<Record<State, () => boolean>> = {
    header: readHeader,
    records: readRecord,
    checksum: readChecksum,
    skip,
    over: () => {
      at = bytes.length;
      return false;
    },
  };

  function readOn(): void {
    while (STEPS[state]()) {
      // Each step reads one thing.
    }
    offset += at;
    bytes = bytes.subarray(at);
    at = 0;
  }

  return {
    write(piece) {
      bytes = bytes.length === 0 ? piece : joinBytes([bytes, piece]);
      readOn();
    },
    end() {
      isEnd = true;
      readOn();
      if (state === 'checksum') gatherer.note('crc_missing', 'the file ends before its checksum');
      else if (state === 'header' && (isFirst || bytes.length > 0))
        damage(isFirst ? 'there is no FIT header' : 'what follows is no FIT header', 'over');
      else if (state === 'skip' || (state === 'records' && (bytes.length > 0 || Number.isFinite(part.end))))
        damage('the file breaks off', 'over');
    },
  };
}
