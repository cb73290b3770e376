/**
 * How far an import came, in a file, so that the next one goes on from there. Nothing depends on it: where it is lost, or older than
 * what was enqueued, readings are enqueued again, which is harmless.
 */
import { createHash } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { errorCode, HrmError } from '../errors.js';
import type { ReadStart, ResumePoint } from '../formats/format.js';
import { findFormat } from '../formats/formats.js';
import { type RegularFile, readRegularFile } from '../regular-file.js';
import { hashBefore, type Input } from './inputs.js';
import { replaceNamedFile } from './replace-named-file.js';

/** How far a file was imported, and in which way; an older checkpoint does not say it, and then nothing is known to be done. */
interface Entry extends ResumePoint {
  readonly way?: string;
}

/** By absolute path. */
type Entries = Map<string, Entry>;

/** Of the file's form. */
const VERSION = 2;

/** The progress of one import. */
export interface Checkpoint {
  readonly path: string;
  /** Where to go on with a file: at its beginning where what was imported of it is not what it was. It is read up to there. */
  startOf(input: Input): Promise<ReadStart & { readonly isChanged: boolean }>;
  /** Remembers that everything before a point is in the queue; written soon, and never two at once. */
  note(input: Input, point: ResumePoint): void;
  /** Resolves once what was noted is written. @throws HrmError kind `unavailable` where it could not be. */
  settled(): Promise<void>;
}

/** The default place: beside the queue's directory, under a name that the files decide. */
export function checkpointPath(queueDir: string, paths: readonly string[], cwd: string): string {
  const names = JSON.stringify(paths.map((path) => resolve(cwd, path)));
  const name = createHash('sha256').update(names).digest('hex').slice(0, 16);
  return join(dirname(queueDir), 'imports', `${name}.json`);
}

/**
 * Opens a checkpoint, new or old.
 * @param way - of the import, as `importFingerprint` says it: with other options the same rows come to other readings, and none is done.
 * @throws HrmError kind `invalid` for a file that is none.
 */
export async function openCheckpoint(path: string, way: string): Promise<Checkpoint> {
  const entries = readEntries(path);
  let running: Promise<void> | null = null;
  let isStale = false;
  let failure: unknown;
  async function writeAll(): Promise<void> {
    while (isStale) {
      isStale = false;
      await write(path, entries).catch((error: unknown) => {
        failure ??= error;
      });
    }
    running = null;
  }
  return {
    path,
    async startOf(input) {
      const known = input.path === null ? undefined : entries.get(input.path);
      const point = known?.way === way ? known : undefined;
      const before = point === undefined ? null : await hashBefore(input, point.offset);
      if (point !== undefined && before?.copy().digest('hex') === point.digest)
        return { point, before, isChanged: false };
      return { point: null, before: createHash('sha256'), isChanged: point !== undefined };
    },
    note({ path: file }, point) {
      if (file === null) return;
      entries.set(file, { ...point, way });
      isStale = true;
      running ??= writeAll();
    },
    async settled() {
      await running;
      if (failure !== undefined) throw unwritable(path, failure);
    },
  };
}

function readEntries(path: string): Entries {
  let file: RegularFile | null = null;
  try {
    file = readRegularFile(path);
  } catch (cause) {
    const code = errorCode(cause);
    if (code === 'ENOENT') return new Map();
    const message = `the checkpoint ${path} cannot be read (${code})`;
    // One that is too large is none.
    if (code !== 'EFBIG') throw new HrmError(message, { kind: 'invalid', code: 'invalid_checkpoint', cause });
  }
  const entries = file === null ? null : parseEntries(file.text);
  if (entries !== null) return entries;
  const message = `${path} is no checkpoint of an import: name another file, or remove it`;
  throw new HrmError(message, { kind: 'invalid', code: 'invalid_checkpoint' });
}

/** `null` for what this never wrote. */
function parseEntries(text: string): Entries | null {
  try {
    const { version, files } = JSON.parse(text);
    const entries = Object.entries(files as Record<string, Entry>);
    return version === VERSION && entries.every(([, point]) => isPoint(point)) ? new Map(entries) : null;
  } catch {
    return null;
  }
}

function isPoint({ offset, line, digest, format, header }: ResumePoint): boolean {
  const areNumbers = [offset, line - 1].every((value) => Number.isSafeInteger(value) && value >= 0);
  const known = findFormat(format);
  const isKnown = known !== undefined && typeof header === (known.hasHeader ? 'string' : 'undefined');
  return areNumbers && /^[0-9a-f]{64}$/.test(digest) && isKnown;
}

async function write(path: string, entries: Entries): Promise<void> {
  await replaceNamedFile(path, JSON.stringify({ version: VERSION, files: Object.fromEntries(entries) }));
}

function unwritable(path: string, cause: unknown): HrmError {
  const code = errorCode(cause) || 'unknown';
  const message = `the checkpoint ${path} cannot be written (${code}); the readings are enqueued`;
  return new HrmError(message, { kind: 'unavailable', code: 'checkpoint_unwritable', cause });
}
