/** Whole files at once, as no part of the system needs them: it reads and writes a row group at a time. */

import { createYielder } from '../../src/flow/files/yielder.js';
import type { Partition, StoredFile } from '../../src/index.js';
import { decodeGroups, openBytes, proveFile } from '../../src/parquet/decode.js';
import { encodeSteps, type FileExtras } from '../../src/parquet/encode.js';
import { openFile } from '../../src/parquet/footer.js';
import { concatColumns, type ReadingColumns } from '../../src/pure/columns.js';
import { inOnePiece } from '../../src/steps.js';

/** Encodes a file in one go. @throws as `encodeSteps`. */
export function encodeReadings(columns: ReadingColumns, extras: FileExtras = {}): Uint8Array<ArrayBuffer> {
  // With a buffer of its own.
  return inOnePiece(encodeSteps(columns, extras)).slice();
}

/** Reads a whole file, and proves every byte of it. @throws as `proveFile`. */
export async function decodeFile(file: StoredFile, partition: Partition) {
  await proveFile(file, partition, createYielder().yieldTurn);
  const opened = await openFile(file, partition);
  const { groups, replaces, rollup } = opened.footer;
  return {
    columns: concatColumns(await decodeGroups(file, partition, opened, groups, createYielder().yieldTurn)),
    replaces,
    rollup,
  };
}

/** Reads a whole file that is in memory, every value of it: no id is taken from statistics. @throws HrmError code `file_damaged`. */
export async function decodeBytes(bytes: Uint8Array<ArrayBuffer>) {
  const { file, partition, opened } = await openBytes(bytes);
  const { groups, replaces, rollup } = opened.footer;
  const unknown = groups.map((group) => ({ ...group, userId: null, deviceId: null }));
  return {
    columns: concatColumns(await decodeGroups(file, partition, opened, unknown, createYielder().yieldTurn)),
    replaces,
    rollup,
  };
}
