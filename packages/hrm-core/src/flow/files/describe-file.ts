/** What planning needs to know of a file: of immutable files it is remembered, and costs nothing the next time. */
import { type Footer, openFile } from '../../parquet/footer.js';
import type { Partition, StoredFile } from '../../ports/storage.js';
import type { PlannedFile } from '../../pure/plan-compaction.js';
import { type FileCache, remember, versionKey } from './file-cache.js';

/** Bytes of a description, about, without the names it replaces. */
const DESCRIPTION_BYTES = 800;
const NAME_BYTES = 100;

type Description = Pick<Footer, 'rows' | 'users' | 'replaces' | 'hasFurtherColumns'>;

/**
 * Describes a file, reading its end where it is not known.
 * @returns `null` for one that is never merged, since its further columns would be lost: it stays, and is answered from.
 * @throws HrmError kind `data`, code `file_damaged`.
 */
export async function describeFile(
  cache: FileCache,
  file: StoredFile,
  partition: Partition,
): Promise<PlannedFile | null> {
  const key = `${versionKey(file, partition)}\nplan`;
  let known = cache.get(key) as Description | undefined;
  if (known === undefined) {
    const { rows, users, replaces, hasFurtherColumns } = (await openFile(file, partition)).footer;
    known = { rows, users, replaces, hasFurtherColumns };
    remember(cache, file, key, known, DESCRIPTION_BYTES + replaces.length * NAME_BYTES);
  }
  const { hasFurtherColumns, ...planned } = known;
  return hasFurtherColumns ? null : { name: file.name, byteLength: file.byteLength, ageMs: file.ageMs, ...planned };
}
