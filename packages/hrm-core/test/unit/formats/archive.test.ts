import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { RandomAccessFile } from '../../../src/formats/file-format.js';
import { type ArchiveFault, type ArchiveMachine, readArchive } from '../../../src/formats/zip/read-archive.js';
import { openBlob, webMachine } from '../../../src/formats/zip/web-machine.js';
import { readZipDirectory } from '../../../src/formats/zip/zip-directory.js';
import { nodeMachine } from '../../../src/import/archive/node-machine.js';
import { MAX_ARCHIVE_MEMBERS } from '../../../src/limits.js';
import { writeZip, type ZipEntry } from '../../support/zip-writer.js';

/** What unpacks and keeps, and how bytes are opened for it. */
const MACHINES: readonly (readonly [string, ArchiveMachine, (bytes: Uint8Array) => RandomAccessFile])[] = [
  ['Node', nodeMachine, openBlob],
  ['the web', webMachine, (bytes) => openBlob(new Blob([bytes]))],
];

/** What an archive has, as text, with what is wrong of each file in angle brackets; and what is told. */
async function readAll(
  bytes: Uint8Array,
  [, machine, open]: (typeof MACHINES)[number] = ['Node', nodeMachine, openBlob],
): Promise<{ files: Record<string, string>; faults: string[] }> {
  const files: Record<string, string> = {};
  const faults: ArchiveFault[] = [];
  for await (const file of readArchive(open(bytes), machine, (fault) => faults.push(fault))) {
    let text = '';
    try {
      for await (const piece of file.read()) text += Buffer.from(piece).toString('latin1');
    } catch (error) {
      expect(error).toMatchObject({ kind: 'invalid', code: 'invalid_input' });
      text += `<${(error as Error).message}>`;
    }
    files[file.name] = text;
  }
  return { files, faults: faults.map(({ name, problem }) => `${name}: ${problem}`) };
}

const TEXT: ZipEntry = { name: 'a/b.csv', content: 'one,two\n1,2\n' };
const OTHER: ZipEntry = { name: 'c.txt', content: 'three' };

describe.each(MACHINES)('an archive, read by %s', (...machine) => {
  it.each([
    ['deflated', writeZip([TEXT, OTHER])],
    ['stored', writeZip([{ ...TEXT, method: 0 }, OTHER])],
    ['streamed', writeZip([{ ...TEXT, isStreamed: true }, OTHER])],
    [
      'of 64 bits',
      writeZip([
        { ...TEXT, isWide: true },
        { ...OTHER, isWide: true },
      ]),
    ],
    ['behind something else', writeZip([TEXT, OTHER], '#!/bin/sh\n')],
    ['before something else', Buffer.concat([writeZip([TEXT, OTHER]), Buffer.from('\n\n')])],
  ])('%s', async (_, bytes) => {
    expect(await readAll(bytes, machine)).toEqual({ files: { 'a/b.csv': TEXT.content, 'c.txt': 'three' }, faults: [] });
  });

  it('in an archive, with gzip in it, and not deeper', async () => {
    const inner = writeZip([{ name: '1.fit.gz', content: gzipSync('fit') }, OTHER]);
    const bytes = writeZip([
      { name: 'in.zip', content: inner },
      { name: 'deep.zip', content: writeZip([{ name: 'in.zip', content: inner }]) },
    ]);
    const { files, faults } = await readAll(bytes, machine);
    expect(files).toEqual({ 'in.zip/1.fit.gz': 'fit', 'in.zip/c.txt': 'three' });
    expect(faults).toEqual([expect.stringMatching(/^deep\.zip\/in\.zip: archives lie in one another/)]);
    expect((await readdir(tmpdir())).filter((name) => name.startsWith('hrm-archive-'))).toEqual([]);
  });

  it('has no files of systems, and none that lead out of it', async () => {
    const names = ['__MACOSX/a/._b.csv', 'a/.DS_Store', '../out.csv', 'a/../../b', '/etc/x', 'C:\\x', 'folder/'];
    const { files, faults } = await readAll(writeZip([...names.map((name) => ({ ...TEXT, name })), OTHER]), machine);
    expect(files).toEqual({ 'c.txt': 'three' });
    expect(faults.map((fault) => fault.replace(/: its name leads.*/, ''))).toEqual(names.slice(2, 6));
  });

  it.each<[string, Partial<ZipEntry>, RegExp]>([
    ['is longer than it says', { saysBytes: 3 }, /longer than it says/],
    ['is shorter than it says', { saysBytes: 99 }, /^one,two\n1,2\n<it is shorter/],
    ['has another checksum', { saysCrc: 1 }, /^one,two\n1,2\n<its checksum/],
    ['comes to too much', { content: Buffer.alloc(30_000_000) }, /more than 200 times its size: it is not read on>$/],
  ])('tells of a file that %s, and reads the others', async (_, change, expected) => {
    const { files, faults } = await readAll(writeZip([{ ...TEXT, ...change }, OTHER]), machine);
    expect(files['a/b.csv'] ?? faults[0]).toMatch(expected);
    expect(files['c.txt']).toBe('three');
  });

  it.each<[string, Partial<ZipEntry>]>([
    ['it is encrypted: take the password off', { isEncrypted: true }],
    ['it is compressed by a method that is not known (12)', { method: 12 }],
  ])('%s', async (problem, change) => {
    const read = await readAll(writeZip([{ ...TEXT, ...change }, OTHER]), machine);
    expect(read).toEqual({ files: { 'c.txt': 'three' }, faults: [`a/b.csv: ${problem}`] });
  });

  it('of gzip that comes to too much', async () => {
    const bomb = gzipSync(Buffer.alloc(30_000_000));
    const { files } = await readAll(writeZip([{ name: 'x.gz', content: bomb, method: 0 }, OTHER]), machine);
    expect(files['x.gz']?.slice(-70)).toMatch(/more than 200 times its size/);
    expect(files['x.gz']?.length).toBeLessThan(20_000_000);
    expect(files['c.txt']).toBe('three');
  });
});

it('an archive has so many files at most', async () => {
  const entries = Array.from({ length: MAX_ARCHIVE_MEMBERS + 1 }, (_, i) => ({
    name: `${i}`,
    content: '',
    method: 0,
  }));
  const { members, problem } = await readZipDirectory(openBlob(writeZip(entries)));
  expect(members).toHaveLength(MAX_ARCHIVE_MEMBERS);
  expect(problem).toMatch(/more than 100000 files/);
});

describe('an archive that is damaged', () => {
  const lines = Array.from({ length: 150 }, (_, i) => `${i},${(i * 7919) % 1_000}`).join('\n');
  const bytes = writeZip([OTHER, { name: 'long.csv', content: lines, isStreamed: true }, TEXT]);

  it('is read up to where it is cut, at any byte', async () => {
    let most = 0;
    for (let length = 0; length < bytes.length; length += 3) {
      const { files, faults } = await readAll(bytes.subarray(0, length));
      expect(faults.length).toBeGreaterThan(0);
      const text = (files['long.csv'] ?? '').replace(/<.*/, '');
      expect(lines.startsWith(text)).toBe(true);
      most = Math.max(most, text.length);
      if (length > 100) expect(files['c.txt']).toBe('three');
    }
    expect(most).toBe(lines.length);
  });

  it('is read as far as it can be, whatever bytes are others', async () => {
    for (let at = 0; at < bytes.length; at += 2) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      const { files } = await readAll(changed);
      expect(Object.keys(files).length).toBeLessThanOrEqual(4);
    }
  });
});

const REAL = fileURLToPath(new URL('../../../../../../shared/formats/apple/ahp-export.zip', import.meta.url));
if (!existsSync(REAL)) console.warn(`archive: ${REAL} is not there, so no real archive is read`);

it.skipIf(!existsSync(REAL))('a real export of Apple Health', async () => {
  const { files, faults } = await readAll(readFileSync(REAL));
  expect(Object.keys(files)).toEqual(['apple_health_export/export.xml']);
  expect(files['apple_health_export/export.xml']?.match(/HKQuantityTypeIdentifierHeartRate"/g)).toHaveLength(2);
  expect(faults).toEqual([]);
});
