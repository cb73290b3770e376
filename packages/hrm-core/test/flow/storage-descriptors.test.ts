/** Parts of a snapshot that are not held open, since the process may not open so many files. */
import * as nodeFileSystem from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { createDescriptors } from '../../src/drivers/storage/directory/descriptors.js';
import { type DirectoryFileSystem, openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import type { Storage } from '../../src/index.js';
import { fileOf } from '../support/readings.js';
import { withDirectory } from '../support/temporary-directory.js';

const partition = { date: '20240115', directory: 'ana' };
const PARTS = 40;
const nameOf = (i: number) => `part-${String(i).padStart(32, '0')}.parquet`;

/** The machine's own file system, that counts what is open, and may open `maxFiles` files. */
function scarceFileSystem(maxFiles = Number.POSITIVE_INFINITY) {
  const open = new Set<number>();
  const counts = { open, most: 0 };
  function add(fd: number): number {
    open.add(fd);
    counts.most = Math.max(counts.most, open.size);
    return fd;
  }
  function refuse(): void {
    if (open.size >= maxFiles) throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
  }
  const fileSystem: DirectoryFileSystem = {
    ...nodeFileSystem,
    openSync(file, flags) {
      refuse();
      return add(nodeFileSystem.openSync(file, flags));
    },
    open(file, flags, mode, callback) {
      nodeFileSystem.open(file, flags, mode, (error, fd) => callback(error, error ? fd : add(fd)));
    },
    closeSync(fd) {
      open.delete(fd);
      nodeFileSystem.closeSync(fd);
    },
  };
  return { fileSystem, counts };
}

async function publishAll(storage: Storage): Promise<void> {
  await Promise.all(Array.from({ length: PARTS }, (_, i) => storage.publish(partition, nameOf(i), fileOf([i]))));
}

async function readAll(storage: Storage): Promise<number[]> {
  const snapshot = await storage.snapshot(partition);
  try {
    const texts = await Promise.all(snapshot.files.map((file) => file.read(0, file.byteLength)));
    return texts.flatMap((bytes) => JSON.parse(Buffer.from(bytes).toString()));
  } finally {
    await snapshot.close();
  }
}

const ALL = Array.from({ length: PARTS }, (_, i) => i);

it('holds a quarter of what may be open beside the process’ own 40, and opens few at once beyond it', () =>
  withDirectory(async (directory) => {
    const { fileSystem, counts } = scarceFileSystem();
    const storage = await openDirectoryStorage({ directory, fileSystem, maxOpenFiles: 40 + 64 });
    await publishAll(storage);
    expect(counts.most).toBeLessThanOrEqual(2 * 8);
    for (let round = 0; round < 3; round += 1) {
      counts.most = 0;
      expect(await readAll(storage)).toEqual(ALL);
      expect(counts.most).toBeLessThanOrEqual(16 + 8);
    }
    const snapshots = await Promise.all([1, 2, 3].map(() => storage.snapshot(partition)));
    expect(counts.open.size).toBe(16);
    for (const snapshot of snapshots) await snapshot.close();
    expect(counts.open.size).toBe(0);
    await storage.close();
  }));

it('gives up what it holds where the process cannot open one more, and reads all the same', () =>
  withDirectory(async (directory) => {
    const writer = await openDirectoryStorage({ directory });
    await publishAll(writer);
    await writer.close();
    const { fileSystem, counts } = scarceFileSystem(12);
    // It does not know how few they are: others of the process have opened the rest.
    const storage = await openDirectoryStorage({ directory, fileSystem, readOnly: true, maxOpenFiles: 1_000 });
    const snapshot = await storage.snapshot(partition);
    expect(counts.open.size).toBeLessThan(12);
    await snapshot.close();
    expect(counts.open.size).toBe(0);
    await storage.close();
  }));

it('says that a part is gone, or is another one by now, and never reads another', () =>
  withDirectory(async (directory) => {
    const storage = await openDirectoryStorage({ directory, maxOpenFiles: 3 });
    const others = await openDirectoryStorage({ directory });
    for (let i = 0; i < 3; i += 1) await storage.publish(partition, nameOf(i), fileOf([i]));
    const [held, loose] = [await others.snapshot(partition), await storage.snapshot(partition)];
    const place = (i: number) => path.join(directory, partition.date, partition.directory, nameOf(i));
    await rm(place(0));
    // As who sets a damaged part aside and writes it anew.
    const bytes = await readFile(place(1));
    await rm(place(1));
    await writeFile(place(1), bytes);
    const read = async (files: typeof held.files) =>
      Promise.all(
        files.map((file) =>
          file.read(0, 3).then(
            () => 'read',
            (error) => error.code,
          ),
        ),
      );
    expect(await read(held.files)).toEqual(['read', 'read', 'read']);
    expect(await read(loose.files)).toEqual(['file_gone', 'file_gone', 'read']);
    expect(await storage.quarantine(loose, nameOf(1), 'a test')).toBe('gone');
    expect(await storage.quarantine(loose, nameOf(2), 'a test')).toBe('quarantined');
    expect(await readdir(path.dirname(place(1)))).toEqual([nameOf(1)]);
    for (const snapshot of [held, loose]) await snapshot.close();
    for (const one of [storage, others]) await one.close();
  }));

it('lets those wait who would open more for a moment, in the order that they came, also after failures', async () => {
  const { brief, maxBrief } = createDescriptors(40 + 64);
  expect(maxBrief).toBe(8);
  let [running, most] = [0, 0];
  const order: number[] = [];
  const calls = Array.from({ length: 50 }, (_, i) =>
    brief(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      order.push(i);
      running -= 1;
      if (i % 3 === 0) throw new Error(`call ${i}`);
    }).catch((error: Error) => error.message),
  );
  expect((await Promise.all(calls)).filter(Boolean)).toHaveLength(17);
  expect(most).toBe(8);
  expect(order).toEqual([...order].sort((a, b) => a - b));
});
