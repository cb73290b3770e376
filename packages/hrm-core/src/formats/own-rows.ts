import { isParquet } from './read-in-place.js';
import { isTar } from './tar.js';

/** Whether a beginning names a field of our own readings, which nobody else calls so: CSV or NDJSON. */
export function hasOwnRows(head: Uint8Array): boolean {
  const text = new TextDecoder().decode(head);
  return text.includes('heart_rate') && text.includes('user_id') && !text.trimStart().startsWith('<');
}

/** Whether what begins so is Parquet or a tar archive: an import reads them, and no format. A table at the beginning of an archive looks like one. */
export function isForImport(head: Uint8Array): boolean {
  return isParquet(head) || isTar(head);
}
