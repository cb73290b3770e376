import { isSqlite } from './sqlite/sqlite-table.js';

const PARQUET_MAGIC = new TextEncoder().encode('PAR1');

/** Whether what begins so is Parquet, whose footer is at its end. */
export function isParquet(head: Uint8Array): boolean {
  return PARQUET_MAGIC.every((byte, i) => head[i] === byte);
}

/** Whether what begins so is of a format that is not read from the beginning to the end. */
export function isReadInPlace(head: Uint8Array): boolean {
  return isParquet(head) || isSqlite(head);
}
