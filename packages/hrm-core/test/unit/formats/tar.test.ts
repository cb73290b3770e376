/** Reading tar archives from a stream. */
import { describe, expect, it } from 'vitest';
import { isTar, readTar, TAR_BLOCK_BYTES } from '../../../src/formats/tar.js';
import { paxField, type TarEntry, writeTar } from '../../support/tar-writer.js';

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** What is read of an archive: names with contents, `null` where a file has none, and how it ends. */
async function read(bytes: Uint8Array, size = 64 * 1024) {
  const files: [string, string | null][] = [];
  const members = readTar(inPieces(bytes, size));
  for (;;) {
    const next = await members.next();
    if (next.done === true) return { files, problem: next.value };
    const { name, kind, read: readMember } = next.value;
    if (kind === 'other') {
      files.push([name, null]);
      continue;
    }
    const pieces: Uint8Array[] = [];
    try {
      for await (const piece of readMember()) pieces.push(piece);
    } catch (error) {
      files.push([name, `${Buffer.concat(pieces)}!${(error as Error).message}`]);
      continue;
    }
    files.push([name, Buffer.concat(pieces).toString()]);
  }
}

const LONG = `${'folder/'.repeat(30)}a.csv`;

const ENTRIES: readonly TarEntry[] = [
  { name: 'folder/', type: '5' },
  { name: 'a.csv', content: 'one' },
  { name: 'empty' },
  { name: 'b.csv', prefix: 'folder', content: 'x'.repeat(1_300) },
  { name: 'old', type: '\0', content: 'old' },
  { name: 'link', type: '2' },
  { name: '././@LongLink', type: 'L', isGnu: true, content: `${LONG}\0` },
  { name: LONG.slice(0, 99), isGnu: true, content: 'long of GNU' },
  { name: 'PaxHeader', type: 'x', content: paxField('mtime', '1.5') + paxField('path', `é/${LONG}`) },
  { name: 'short', content: 'long of POSIX' },
  { name: 'after', content: 'after' },
];

const FILES = [
  ['a.csv', 'one'],
  ['empty', ''],
  ['folder/b.csv', 'x'.repeat(1_300)],
  ['old', 'old'],
  ['link', null],
  [LONG, 'long of GNU'],
  [`é/${LONG}`, 'long of POSIX'],
  ['after', 'after'],
];

describe('a tar archive', () => {
  it.each([1, 511, 512, 700, 64 * 1024])('is read in pieces of %i bytes', async (size) => {
    expect(await read(writeTar(ENTRIES), size)).toEqual({ files: FILES, problem: null });
  });

  it('goes on behind a file that nobody reads, or not to its end', async () => {
    const names: string[] = [];
    for await (const { name, read: readMember } of readTar(inPieces(writeTar(ENTRIES), 100))) {
      names.push(name);
      if (name === 'folder/b.csv') for await (const _ of readMember()) break;
    }
    expect(names).toEqual(FILES.map(([name]) => name));
  });

  it('gives nothing of a file any more whose turn is over', async () => {
    const members = readTar(inPieces(writeTar(ENTRIES), 100));
    const late: AsyncGenerator<Uint8Array>[] = [];
    for await (const { read: readMember } of members) {
      for (const pieces of late) expect((await pieces.next()).done).toBe(true);
      late.push(readMember());
    }
  });

  it('that is cut anywhere gives what stands before, and says so', async () => {
    const bytes = writeTar(ENTRIES);
    const end = bytes.length - 2 * TAR_BLOCK_BYTES;
    for (let length = TAR_BLOCK_BYTES; length < end; length += 173) {
      const { files, problem } = await read(bytes.subarray(0, length));
      expect(problem).toMatch(/^it ends early/);
      const whole = files.filter(([, content]) => !content?.includes('!the archive ends within it'));
      expect(whole).toEqual(FILES.slice(0, whole.length));
      expect(files.length - whole.length).toBeLessThanOrEqual(1);
    }
  });

  it('ends where a header is damaged, or a name is longer than any', async () => {
    const bytes = writeTar(ENTRIES);
    bytes.write('B', 512 + 1_024);
    expect(await read(bytes)).toEqual({
      files: FILES.slice(0, 1),
      problem: expect.stringMatching(/header in it is damaged/),
    });
    const long = writeTar([{ name: 'L', type: 'L', saysBytes: 2 ** 31, content: 'x' }]);
    expect(await read(long)).toEqual({ files: [], problem: expect.stringMatching(/^a name in it is too long/) });
    const lying = writeTar([{ name: 'a', isGnu: true, saysBytes: 2 ** 47, content: 'x' }]);
    expect(await read(lying)).toMatchObject({ files: [['a', expect.stringMatching(/!the archive ends within it$/)]] });
  });

  it('is known by its first header, and nothing else is', () => {
    expect(isTar(writeTar([{ name: 'a' }]))).toBe(true);
    expect(isTar(writeTar([{ name: 'a' }]).subarray(0, 511))).toBe(false);
    expect(isTar(Buffer.alloc(1_024))).toBe(false);
    expect(isTar(Buffer.alloc(1_024, 'a'))).toBe(false);
  });
});
