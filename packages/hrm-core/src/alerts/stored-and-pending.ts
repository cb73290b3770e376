/**
 * A storage in which some readings are stored that are not: for questions, which so have one answer by one set of rules. It reads, and sets
 * damaged files aside; it is not for whoever stores, merges or erases.
 */
import { writePart } from '../flow/write/write-part.js';
import type { Partition, PartitionRange, Snapshot, Storage, StoredFile } from '../ports/storage.js';
import type { Reading } from '../pure/columns.js';

/** Such a storage, and what is in it besides. */
export interface StoredAndPending {
  readonly storage: Storage;
  /** Puts these in place of those before. */
  put(readings: readonly Reading[]): Promise<void>;
}

/** A file that is only in memory. */
interface Part {
  readonly partition: Partition;
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** @param storage - what is stored; it stays the caller's to close. */
export function overlay(storage: Storage): StoredAndPending {
  let parts: ReadonlyMap<string, Part> = new Map();
  /** By a snapshot that was given out, the storage's own. */
  const own = new WeakMap<Snapshot, Snapshot>();

  /** The same bytes through other erasures are another version. */
  async function versionOf({ partition, name }: Part) {
    const mask = (await storage.erasures.current()).maskOf(partition);
    return { name, version: mask === null ? name : `${name}~${mask.key}`, mask };
  }

  async function fileOf(part: Part): Promise<StoredFile> {
    return {
      ...(await versionOf(part)),
      ...{ byteLength: part.bytes.byteLength, ageMs: 0 },
      read: async (fromByte, toByte) => Uint8Array.from(part.bytes.subarray(fromByte, toByte)).buffer,
    };
  }

  const over: Storage = {
    ...storage,
    async snapshot(partition, options) {
      const snapshot = await storage.snapshot(partition, options);
      const part = parts.get(keyOf(partition));
      if (part === undefined) return snapshot;
      try {
        const files = [...snapshot.files.filter(({ name }) => name !== part.name), await fileOf(part)];
        const whole = { ...snapshot, files: files.sort(byName) };
        own.set(whole, snapshot);
        return whole;
      } catch (error) {
        await snapshot.close();
        throw error;
      }
    },
    async versions(partition, options) {
      const part = parts.get(keyOf(partition));
      const versions = (await storage.versions(partition, options)).filter(({ name }) => name !== part?.name);
      if (part === undefined) return versions;
      const { name, version } = await versionOf(part);
      return [...versions, { name, version }].sort(byName);
    },
    // Where nothing tells the state, it is looked at.
    state: async (partitions) =>
      partitions.some((partition) => parts.has(keyOf(partition))) ? null : await storage.state(partitions),
    async *partitions(range, options) {
      const missing = new Map([...parts].filter(([, { partition }]) => isIn(partition, range)));
      const later = () => [...missing.values()].map(({ partition }) => partition).sort(byDate);
      for await (const partition of storage.partitions(range, options)) {
        for (const one of later().filter(({ date }) => date < partition.date)) {
          missing.delete(keyOf(one));
          yield one;
        }
        missing.delete(keyOf(partition));
        yield partition;
      }
      yield* later();
    },
    async dates(options) {
      const dates = new Set(await storage.dates(options));
      for (const { partition } of parts.values()) dates.add(partition.date);
      return [...dates].sort();
    },
    quarantine: (snapshot, name, reason) => storage.quarantine(own.get(snapshot) ?? snapshot, name, reason),
  };
  return {
    storage: over,
    async put(readings) {
      const made = new Map<string, Part>();
      const publish: Storage['publish'] = async (partition, name, bytes) => {
        made.set(keyOf(partition), { partition, name, bytes });
        return 'written';
      };
      if (readings.length > 0) await writePart({ storage: { publish } }, readings);
      parts = made;
    },
  };
}

function keyOf({ date, directory }: Partition): string {
  return `${date}/${directory}`;
}

function isIn({ date, directory }: Partition, { fromDate, toDate, directories, dirty }: PartitionRange): boolean {
  if (dirty === true || directories?.includes(directory) === false) return false;
  return (fromDate === undefined || date >= fromDate) && (toDate === undefined || date <= toDate);
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

function byDate(a: Partition, b: Partition): number {
  return a.date < b.date ? -1 : 1;
}
