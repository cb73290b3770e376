/** How much a partition takes, by the names and statuses of its files alone. */
import { errorCode, throwIfAborted } from '../../../errors.js';
import { MAX_CONCURRENT_READS } from '../../../limits.js';
import { COMPACTED_NAME } from '../../../names.js';
import type { ListOptions, Partition, PartitionSize } from '../../../ports/storage.js';
import { isPart } from '../names.js';
import type { DirectoryContext } from './durable.js';
import { storageError } from './errors.js';
import { statusOf } from './files.js';
import { isLarge, listNames } from './listing.js';
import { partitionPath } from './paths.js';
import { FILES_A_PIECE } from './snapshot/held.js';
import { insist } from './snapshot/read.js';

/** {@link Storage.sizes} of the directory driver. The names are not remembered: who counts all of them would push out the others. */
export async function sizesOfPartitions(
  context: DirectoryContext,
  partitions: readonly Partition[],
  options: ListOptions = {},
): Promise<readonly PartitionSize[]> {
  const sizes: PartitionSize[] = [];
  for (let from = 0; from < partitions.length; from += MAX_CONCURRENT_READS) {
    throwIfAborted(options.signal, 'measuring');
    if (from > 0) await options.yieldTurn?.();
    const some = partitions.slice(from, from + MAX_CONCURRENT_READS);
    for (const size of await Promise.all(some.map((partition) => sizeOfPartition(context, partition, options))))
      sizes.push(size);
  }
  return sizes;
}

async function sizeOfPartition(
  context: DirectoryContext,
  partition: Partition,
  { yieldTurn }: ListOptions,
): Promise<PartitionSize> {
  const { fileSystem } = context;
  const path = partitionPath(context.directory, partition);
  try {
    let [files, bytes] = [0, 0];
    let compactedBytes: number | null = null;
    for (const [i, name] of (await insist(() => namesIn(context, path))).entries()) {
      if (i % FILES_A_PIECE === FILES_A_PIECE - 1) await yieldTurn?.();
      if (!isPart(name) && name !== COMPACTED_NAME) continue;
      const status = await insist(async () => statusOf(fileSystem, `${path}/${name}`));
      if (!status?.isFile()) continue;
      files += 1;
      bytes += Number(status.size);
      if (name === COMPACTED_NAME) compactedBytes = Number(status.size);
    }
    if (files === 0) await context.identity.require();
    return { files, bytes, compactedBytes };
  } catch (error) {
    throw storageError(`measure ${partition.date}/${partition.directory}`, context.directory, error);
  }
}

async function namesIn({ fileSystem }: DirectoryContext, path: string): Promise<readonly string[]> {
  const status = statusOf(fileSystem, path);
  try {
    if (status !== null && isLarge(status)) return await listNames(fileSystem, path, () => true);
    return fileSystem.readdirSync(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return [];
    throw error;
  }
}
