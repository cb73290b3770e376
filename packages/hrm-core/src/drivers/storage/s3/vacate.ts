/** Taking away what names a partition without files: the tombstones in it, and its marks. */
import type { Partition } from '../../../ports/storage.js';
import type { S3Context } from './context.js';
import { partitionPrefix } from './keys.js';
import { markDirty, marksOf } from './marks.js';
import { listFiles } from './snapshot.js';

/** {@link Storage.vacate} of the S3 driver. Tombstones go only where they are all there is. */
export async function vacatePartition(context: S3Context, partition: Partition): Promise<void> {
  const { objects, isTombstone } = context;
  const prefix = partitionPrefix(partition);
  const keys: string[] = [];
  for await (const page of objects.list({ prefix })) {
    for (const object of page.objects) {
      if (!(await isTombstone(object))) return;
      keys.push(object.key);
    }
  }
  const marks = await marksOf(context, partition);
  if (keys.length > 0) await objects.remove(keys);
  if (marks.length > 0) await objects.remove(marks.map(({ key }) => key));
  // Who publishes meanwhile has a mark of its own, but it may have been one of these.
  if ((await listFiles(context, partition, {})).files.length > 0) await markDirty(context, partition);
}
