/**
 * Which files an import is done with, in a file, so that the next one passes over them. Nothing depends on it: a file that is imported
 * again changes nothing.
 */
import { readFile } from 'node:fs/promises';
import { HrmError } from '../../errors.js';
import { replaceNamedFile } from '../replace-named-file.js';
import type { ImportFile } from './list-files.js';

/** The files that are done. */
export interface FinishedFiles {
  /** Whether the very same file was imported in the same way: as long, and not changed since. */
  has(path: string, file: ImportFile): boolean;
  /** Remembers a file; written soon. */
  add(path: string, file: ImportFile): void;
  /** Resolves once all is written. @throws HrmError kind `unavailable`, code `checkpoint_unwritable`. */
  settled(): Promise<void>;
}

/** The first one did not say in which way files were imported: of that nothing is known to be done. */
const [VERSION, OLD_VERSION] = [2, 1];
/** Between two writes, ms: each writes all names. */
const WRITE_EVERY_MS = 1_000;

/**
 * Opens a list, new or old.
 * @param way - of the import, as `importFingerprint` says it: with other options a file comes to other readings, and is not done.
 * @throws HrmError kind `invalid`, code `invalid_checkpoint`, for a file that is none.
 */
export async function openFinishedFiles(path: string, way: string): Promise<FinishedFiles> {
  const files = await readFinished(path);
  let writing: Promise<void> = Promise.resolve();
  let writtenMs = Number.NEGATIVE_INFINITY;
  let isStale = false;
  let failure: unknown;
  function write(): void {
    isStale = false;
    writtenMs = performance.now();
    const text = JSON.stringify({ version: VERSION, finished: Object.fromEntries(files) });
    writing = writing
      .then(() => replaceNamedFile(path, text))
      .catch((error: unknown) => {
        failure ??= error;
      });
  }
  return {
    has(name, { byteLength, modifiedMs }) {
      const known = files.get(name);
      return known !== undefined && known[0] === byteLength && known[1] === modifiedMs && known[2] === way;
    },
    add(name, { byteLength, modifiedMs }) {
      if (byteLength === undefined || modifiedMs === undefined) return;
      files.set(name, [byteLength, modifiedMs, way]);
      isStale = true;
      if (performance.now() - writtenMs >= WRITE_EVERY_MS) write();
    },
    async settled() {
      if (isStale) write();
      await writing;
      if (failure === undefined) return;
      const message = `the checkpoint ${path} cannot be written; the readings are enqueued`;
      throw new HrmError(message, { kind: 'unavailable', code: 'checkpoint_unwritable', cause: failure });
    },
  };
}

type Entry = readonly [byteLength: number, modifiedMs: number, way: string];
type Entries = Map<string, Entry>;

async function readFinished(path: string): Promise<Entries> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return new Map();
  try {
    const { version, finished } = JSON.parse(text);
    const entries = Object.entries(finished as Record<string, Entry>);
    if (version === OLD_VERSION) return new Map();
    if (version === VERSION && entries.every(([, entry]) => isEntry(entry))) return new Map(entries);
  } catch {
    // Told below.
  }
  const message = `${path} is no checkpoint of an import of files: name another file, or remove it`;
  throw new HrmError(message, { kind: 'invalid', code: 'invalid_checkpoint' });
}

function isEntry(entry: unknown): boolean {
  if (!Array.isArray(entry)) return false;
  const [byteLength, modifiedMs, way] = entry;
  return Number.isFinite(byteLength) && Number.isFinite(modifiedMs) && typeof way === 'string';
}
