/**
 * Follows a file of the log to its end: what is in it, whoever wrote that, as a claim that others can prove, and which lines of one writer
 * have come into it.
 */
import { createHash, type Hash } from 'node:crypto';
import { MAX_AUDIT_LINE_BYTES } from '../limits.js';
import type { AuditFile } from './audit-place.js';
import { type AuditClaim, parseAuditLine } from './event.js';

/** Bytes that are read at once. */
const READ_BYTES = 256 * 1024;
const NEW_LINE = 10;

/** A file as it was known when it was last read. */
export interface FollowedFile {
  readonly file: AuditFile;
  /** Reads what has come since. @returns whether the file is shorter than it was: then it was cut, and is read anew. */
  readOn(): Promise<boolean>;
  /** What is known of it. */
  claim(): AuditClaim;
  /** Bytes after the last line. */
  tornBytes(): number;
  /** The number of the last line of the writer that is in it; 0: none is. */
  ownSeq(): number;
}

/** Follows a file. @param writer - whose lines are looked for. */
export function followAuditFile(file: AuditFile, writer: string): FollowedFile {
  const mark = `"writer":"${writer}"`;
  let hash: Hash = createHash('sha256');
  let at = 0;
  let first = '';
  let began = '';
  /** The beginning of a line whose end has not come. */
  let tail: Uint8Array = new Uint8Array(0);
  let ownSeq = 0;

  function begin(): void {
    hash = createHash('sha256');
    at = 0;
    first = '';
    tail = new Uint8Array(0);
  }

  function take(bytes: Uint8Array): void {
    hash.update(bytes);
    at += bytes.length;
    const all = Buffer.concat([tail, bytes]);
    const end = all.lastIndexOf(NEW_LINE) + 1;
    const lines = all.subarray(0, end);
    if (first === '' && end > 0) {
      const line = lines.subarray(0, lines.indexOf(NEW_LINE));
      first = sha256Hex(line);
      began = parseAuditLine(line.toString('utf8')).line?.time ?? '';
    }
    // Nearly all lines of others are passed over by one search.
    for (let from = lines.indexOf(mark); from !== -1; from = lines.indexOf(mark, from + 1)) {
      const lineEnd = lines.indexOf(NEW_LINE, from);
      const { line } = parseAuditLine(lines.toString('utf8', lines.lastIndexOf(NEW_LINE, from) + 1, lineEnd));
      if (line?.writer === writer) ownSeq = Math.max(ownSeq, line.seq);
    }
    const rest = all.subarray(end);
    // What is longer than any line is none.
    tail = Buffer.from(rest.subarray(Math.max(0, rest.length - MAX_AUDIT_LINE_BYTES)));
  }

  return {
    file,
    async readOn() {
      const isCut = (await file.size()) < at;
      if (isCut) begin();
      for (;;) {
        const bytes = await file.read(at, READ_BYTES);
        if (bytes.length === 0) return isCut;
        take(bytes);
      }
    },
    claim: () => ({ file: first, at, seen: hash.copy().digest('hex'), began }),
    tornBytes: () => tail.length,
    ownSeq: () => ownSeq,
  };
}

/** SHA-256 as hex. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
