/** A storage in memory for questions alone: without a disk to ask, one takes a fraction of the CPU time. */
import { HrmError, type Partition, type Storage, type StoredFile } from '../../src/index.js';

function storedFile(name: string, bytes: Uint8Array): StoredFile {
  return {
    name,
    version: '1',
    byteLength: bytes.length,
    ageMs: 1e9,
    mask: null,
    async read(fromByte, toByte) {
      if (!(fromByte >= 0 && fromByte <= toByte)) throw new RangeError(`bytes ${fromByte} to ${toByte} were asked for`);
      if (toByte > bytes.length) throw new HrmError('it ends before', { kind: 'data', code: 'file_damaged' });
      return Uint8Array.from(bytes.subarray(fromByte, toByte)).buffer;
    },
  };
}

/** Has one file at first, until it is set aside; what could be read of it is stored beside it. */
export function memoryStorage({ date, directory }: Partition, first: { name: string; bytes: Uint8Array }): Storage {
  const partitions = new Map([[directory, new Map([[first.name, storedFile(first.name, first.bytes)]])]]);
  const asked: Pick<Storage, 'partitions' | 'snapshot' | 'state' | 'publish' | 'quarantine'> = {
    async *partitions({ directories }) {
      for (const one of partitions.keys()) if (directories?.includes(one) !== false) yield { date, directory: one };
    },
    async snapshot(partition) {
      const files = partition.date === date ? [...(partitions.get(partition.directory)?.values() ?? [])] : [];
      return { partition, files, close: async () => undefined };
    },
    state: async () => null,
    async publish(partition, name, bytes) {
      const files = partitions.get(partition.directory) ?? new Map<string, StoredFile>();
      files.set(name, storedFile(name, bytes));
      partitions.set(partition.directory, files);
      return 'written';
    },
    async quarantine({ partition }, name) {
      return partitions.get(partition.directory)?.delete(name) === true ? 'quarantined' : 'gone';
    },
  };
  return asked as Storage;
}
