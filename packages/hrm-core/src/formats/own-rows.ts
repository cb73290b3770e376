import { isParquet } from './read-in-place.js';
import { isTar } from './tar.js';

/** Whether a beginning names a field of our own readings, which nobody else calls so: CSV or NDJSON. */
export function hasOwnRows(head: Uint8Array): boolean {
  const text = new TextDecoder().decode(head);
  return text.includes('heart_rate') && text.includes('user_id') && !text.trimStart().startsWith('<');
}

/** Whether what begins so, and is of none of these formats, is read by an import all the same: our own rows, Parquet, a tar archive. */
export function isImportable(head: Uint8Array): boolean {
  return hasOwnRows(head) || isParquet(head) || isTar(head);
}
