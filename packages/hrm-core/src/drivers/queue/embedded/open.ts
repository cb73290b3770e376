/**
 * Opening the lmdb file of an embedded queue, and what is in it.
 * @module
 */
import type { Database, RootDatabase } from 'lmdb';
import { openDatabase } from './database.js';
import { FILE_NAME, type FileIdentity, identifyLockFile, layoutError } from './files.js';
import { LAYOUT_VERSION } from './records.js';

/** The tables of one queue file. */
export interface Tables {
  /** seq -> element, in order of arrival. */
  readonly elements: Database<Buffer, number>;
  /** token -> claim. */
  readonly claims: Database<Buffer, string>;
  /** seq -> dead letter. */
  readonly deadLetters: Database<Buffer, number>;
  /** `layout` and `counters`. */
  readonly meta: Database<Buffer, string>;
}

/** An open queue file. */
export interface Opened {
  readonly root: RootDatabase<Buffer, string>;
  readonly tables: Tables;
  readonly lock: FileIdentity | undefined;
  /** When writes last looked for dead readers, by the clock that nobody sets. */
  readersCheckedMs: number;
}

const TABLE_NAMES: readonly string[] = ['meta', 'elements', 'claims', 'letters'];
const LAYOUT_KEY = 'layout';

/**
 * Bytes of address space, not of disk or memory. lmdb-js would start at 128 KiB and map anew at every growth; beyond
 * this size it still does.
 */
const MAP_BYTES = 64 * 1024 ** 3;

/**
 * Opens the file, which `prepareFiles` has made sure of, and creates what is missing in it. Must be called inside the gate.
 * @throws what lmdb throws; HrmError kind `data` when it is a database, but not a queue that this version reads.
 */
export function openFile(directory: string): Opened {
  let root: RootDatabase<Buffer, string> | undefined;
  try {
    root = openDatabase(directory, FILE_NAME, MAP_BYTES);
    refuseForeign(root, directory);
    const tables = {
      meta: root.openDB<Buffer, string>({ name: 'meta', encoding: 'binary' }),
      elements: root.openDB<Buffer, number>({ name: 'elements', encoding: 'binary' }),
      claims: root.openDB<Buffer, string>({ name: 'claims', encoding: 'binary' }),
      deadLetters: root.openDB<Buffer, number>({ name: 'letters', encoding: 'binary' }),
    };
    stampLayout(root, tables.meta, directory);
    return { root, tables, lock: identifyLockFile(directory, FILE_NAME), readersCheckedMs: Number.NEGATIVE_INFINITY };
  } catch (error) {
    void root?.close();
    throw error;
  }
}

function refuseForeign(root: RootDatabase<Buffer, string>, directory: string): void {
  for (const name of root.getKeys()) {
    if (!TABLE_NAMES.includes(String(name)))
      throw layoutError(directory, 'is a database, but not one of this software');
  }
}

function stampLayout(root: RootDatabase<Buffer, string>, meta: Database<Buffer, string>, directory: string): void {
  const layout = meta.get(LAYOUT_KEY)?.toString() ?? root.transactionSync(() => putLayout(meta));
  if (layout !== String(LAYOUT_VERSION)) {
    // Whatever else is there came out of a file, and goes into logs.
    const shown = /^\d{1,6}$/.test(layout) ? `layout ${layout}` : 'a layout that is no number';
    throw layoutError(directory, `has ${shown}, and this version reads ${LAYOUT_VERSION}`);
  }
}

/** In a transaction, since another process may be opening the same new file. */
function putLayout(meta: Database<Buffer, string>): string {
  const there = meta.get(LAYOUT_KEY);
  if (there !== undefined) return there.toString();
  meta.put(LAYOUT_KEY, Buffer.from(String(LAYOUT_VERSION)));
  return String(LAYOUT_VERSION);
}
