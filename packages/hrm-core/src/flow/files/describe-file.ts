/** What planning needs to know of a file: of immutable files it is remembered, and costs nothing the next time. */
import { COMPACTED_NAME, isCompacted } from '../../names.js';
import { decodeGroups } from '../../parquet/decode.js';
import { type Footer, openFile } from '../../parquet/footer.js';
import type { Partition, StoredFile } from '../../ports/storage.js';
import { hashInName } from '../../pure/partition.js';
import type { PlannedFile } from '../../pure/plan-compaction.js';
import { contentNameOf, hashFile } from './content-hash.js';
import { type FileCache, remember, versionKey } from './file-cache.js';

/** Bytes of a description, about, without the names it replaces. */
const DESCRIPTION_BYTES = 800;
const NAME_BYTES = 100;

type Description = Pick<Footer, 'rows' | 'users' | 'replaces' | 'hasFurtherColumns'> &
  Pick<PlannedFile, 'contentName' | 'isErasable'>;

/**
 * Describes a file, reading its end where it is not known; all of it where its name says nothing of its bytes. A name that does is
 * taken at its word here: it is proved before anything is merged or deleted.
 * @returns `null` for one that is never merged, since its further columns would be lost: it stays, and is answered from.
 * @throws HrmError kind `data`, code `file_damaged`.
 */
export async function describeFile(
  cache: FileCache,
  file: StoredFile,
  partition: Partition,
  yieldTurn: () => Promise<void>,
): Promise<PlannedFile | null> {
  const key = `${versionKey(file, partition)}\nplan`;
  let known = cache.get(key) as Description | undefined;
  if (known === undefined) {
    const { footer } = await openFile(file, partition);
    const { rows, users, replaces, hasFurtherColumns } = footer;
    const isNamed = file.name === COMPACTED_NAME || hashInName(file.name) !== null || hasFurtherColumns;
    const contentName = isNamed ? file.name : contentNameOf(file.name, await hashFile(file, yieldTurn));
    const isErasable =
      footer.isMasked && (isCompacted(file.name) || (await hasErased(file, partition, footer, yieldTurn)));
    known = { rows, users, replaces, hasFurtherColumns, contentName, isErasable };
    remember(cache, { file, footer }, key, known, DESCRIPTION_BYTES + replaces.length * NAME_BYTES);
  }
  const { hasFurtherColumns, ...planned } = known;
  return hasFurtherColumns ? null : { name: file.name, byteLength: file.byteLength, ageMs: file.ageMs, ...planned };
}

/** Whether a file has readings that are erased. A compacted one is made anew in any case: its rollup may have them. */
async function hasErased(
  file: StoredFile,
  partition: Partition,
  footer: Footer,
  yieldTurn: () => Promise<void>,
): Promise<boolean> {
  for (const group of footer.groups) {
    const [kept] = await decodeGroups(file, partition, { footer }, [group], yieldTurn);
    if ((kept?.length ?? 0) < group.rows) return true;
    await yieldTurn();
  }
  return false;
}
