/**
 * The files of a log, the one at the path and those that were put aside, in the order in which they were written: each says which was before it.
 */
import { createReadStream } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { createGunzip } from 'node:zlib';
import { errorCode, faultError, HrmError } from '../errors.js';
import { MAX_AUDIT_LINE_BYTES } from '../limits.js';
import { READ_AT_ONCE } from '../regular-file.js';
import { headPathOf } from './audit-place.js';
import { type AuditLine, parseAuditLine } from './event.js';
import { sha256Hex } from './follow.js';

/** A file of a log. */
export interface AuditLogFile {
  readonly path: string;
  /** SHA-256 of its first line, hex; `''` for one without a line. */
  readonly id: string;
  /** The id of the file before it; `null` where it says nothing of one. */
  readonly before: string | null;
  /** The time of its first line; `''` where that is none. */
  readonly time: string;
}

/**
 * Finds the files of a log, the oldest first; those that `logrotate` has packed with gzip too.
 * @throws HrmError kind `unavailable`, code `audit_unreadable`.
 */
export async function findAuditFiles(path: string): Promise<readonly AuditLogFile[]> {
  try {
    const all = new Map<string, AuditLogFile>();
    // The one at the path comes first by name. Of a copy of a file one is enough.
    for (const name of await namesOf(path)) {
      const file = await describe(join(dirname(resolve(path)), name));
      if (file.id !== '' && !all.has(file.id)) all.set(file.id, file);
    }
    return inOrder(all, basename(path));
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function namesOf(path: string): Promise<readonly string[]> {
  const [name, head] = [basename(path), basename(headPathOf(path))];
  const names = await readdir(dirname(resolve(path))).catch((error) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  return names.filter((one) => one !== head && (one === name || one.startsWith(`${name}.`))).sort();
}

async function describe(path: string): Promise<AuditLogFile> {
  for await (const { bytes, isEnded } of auditLines(path)) {
    if (!isEnded) break;
    const { line } = parseAuditLine(Buffer.from(bytes).toString('utf8'));
    return { path, id: sha256Hex(bytes), before: line?.previous?.file ?? null, time: line?.time ?? '' };
  }
  return { path, id: '', before: null, time: '' };
}

/** When a file was put aside, as its name has it; else the time of its first line, in the same form. */
function placeOf({ path, time }: AuditLogFile): string {
  return /\.(\d{8}T\d{6}\.\d{3}Z)-[^./]{1,64}(?:\.gz)?$/.exec(path)?.[1] ?? time.replace(/[-:]/g, '');
}

/**
 * By their times, and each behind the one that it follows, since a clock may be set back. The one at the path is the last. Two files may follow the same
 * one, where two processes put one aside at the same moment. Whoever wrote to both wrote to that first which was put aside first.
 */
function inOrder(all: ReadonlyMap<string, AuditLogFile>, name: string): readonly AuditLogFile[] {
  const isLast = ({ path }: AuditLogFile) => basename(path) === name;
  const byTime = [...all.values()].sort(
    (a, b) => Number(isLast(a)) - Number(isLast(b)) || (placeOf(a) < placeOf(b) ? -1 : 1),
  );
  const placed = new Set<AuditLogFile>();
  for (const file of byTime) {
    const chain: AuditLogFile[] = [];
    for (
      let at: AuditLogFile | undefined = file;
      at !== undefined && !chain.includes(at);
      at = all.get(at.before ?? '')
    )
      chain.push(at);
    for (const one of chain.reverse()) placed.add(one);
  }
  return [...placed];
}

/** A line as it stands in a file. */
export interface RawLine {
  /** Without its end. */
  readonly bytes: Uint8Array;
  /** Bytes before it. */
  readonly at: number;
  /** Whether it has an end. */
  readonly isEnded: boolean;
}

/** The lines of a file, empty ones too; what is longer than any line comes in pieces. */
export async function* auditLines(path: string): AsyncGenerator<RawLine, void, undefined> {
  let tail: Buffer = Buffer.alloc(0);
  let at = 0;
  for await (const chunk of auditBytes(path)) {
    let rest = tail.length === 0 ? chunk : Buffer.concat([tail, chunk]);
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      yield { bytes: rest.subarray(0, end), at, isEnded: true };
      at += end + 1;
      rest = rest.subarray(end + 1);
    }
    if (rest.length > MAX_AUDIT_LINE_BYTES) {
      yield { bytes: rest, at, isEnded: false };
      at += rest.length;
      rest = Buffer.alloc(0);
    }
    tail = rest;
  }
  if (tail.length > 0) yield { bytes: tail, at, isEnded: false };
}

/** The bytes of a file, unpacked. */
export async function* auditBytes(path: string): AsyncGenerator<Buffer, void, undefined> {
  const isPacked = await beginsAsGzip(path);
  const raw = createReadStream(path, { flags: READ_FLAGS });
  const bytes = isPacked ? raw.pipe(createGunzip()) : raw;
  if (isPacked) raw.on('error', (error) => bytes.destroy(error));
  try {
    for await (const chunk of bytes) yield chunk as Buffer;
  } finally {
    raw.destroy();
  }
}

/** As a number it is taken by `fs`, whose types know only words. */
const READ_FLAGS = READ_AT_ONCE as unknown as string;

async function beginsAsGzip(path: string): Promise<boolean> {
  const handle = await open(path, READ_AT_ONCE);
  try {
    if (!(await handle.stat()).isFile()) throw new Error(`${path} is no file`);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}

/** All lines of a log that can be read, the oldest file first. @throws as {@link findAuditFiles}. */
export async function* readAudit(path: string): AsyncGenerator<AuditLine, void, undefined> {
  for (const file of await findAuditFiles(path)) {
    try {
      for await (const { bytes } of auditLines(file.path)) {
        const { line } = parseAuditLine(Buffer.from(bytes).toString('utf8'));
        if (line !== null) yield line;
      }
    } catch (error) {
      throw unreadable(file.path, error);
    }
  }
}

/** @throws HrmError kind `invalid`, code `audit_none`, for an empty path, which is what settings without a log have. */
export function requireLogPath(path: string): void {
  if (path !== '') return;
  throw faultError('audit_none', 'there is no audit log: name its file with HRM_AUDIT_LOG or --audit-log', '/auditLog');
}

/** The error of a log that cannot be read. */
export function unreadable(path: string, cause: unknown): HrmError {
  const message = `the audit log ${path} cannot be read (${errorCode(cause) || 'damaged'}): see that this user may, and that no program has replaced it`;
  return new HrmError(message, { kind: 'unavailable', code: 'audit_unreadable', cause });
}
