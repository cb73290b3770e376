import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as yauzl from 'yauzl';
import { type ZipEntry, zipPieces } from '../../../src/archive/zip.js';

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function* listed(...entries: readonly ZipEntry[]): AsyncGenerator<ZipEntry> {
  yield* entries;
}

async function bytesOf(entries: AsyncIterable<ZipEntry>): Promise<Buffer> {
  const found: Uint8Array[] = [];
  for await (const piece of zipPieces(entries)) found.push(piece);
  return Buffer.concat(found);
}

/** Names, modes and sizes, as another program reads them. */
async function directoryOf(bytes: Buffer): Promise<readonly (readonly [string, number, number])[]> {
  const zip = await new Promise<yauzl.ZipFile>((resolve, reject) => {
    yauzl.fromBuffer(bytes, { lazyEntries: false }, (error, opened) =>
      error === null ? resolve(opened) : reject(error),
    );
  });
  const found: [string, number, number][] = [];
  await new Promise<void>((resolve, reject) => {
    zip.on('entry', (entry: yauzl.Entry) => {
      found.push([entry.fileName, entry.externalFileAttributes >>> 16, entry.uncompressedSize]);
    });
    zip.on('error', reject).on('end', resolve);
  });
  return found;
}

/** Pieces without an end, which say when nobody takes them any more. */
function endless() {
  const state = { taken: 0, isOver: false };
  async function* make(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        state.taken += 1;
        // What could be packed well would fit into the buffers of streams for long.
        yield randomBytes(64 * 1024);
      }
    } finally {
      state.isOver = true;
    }
  }
  return { state, pieces: make() };
}

describe('a ZIP file', () => {
  it('has each file, also an empty one and one of empty pieces, for its owner alone', async () => {
    const bytes = await bytesOf(
      listed(
        { name: 'a/ä.txt', pieces: pieces('eins', '', 'zwei') },
        { name: 'none', pieces: pieces() },
        { name: 'empty', pieces: pieces('', '') },
      ),
    );
    expect(await directoryOf(bytes)).toEqual([
      ['a/ä.txt', 0o100600, 8],
      ['none', 0o100600, 0],
      ['empty', 0o100600, 0],
    ]);
    expect(await directoryOf(await bytesOf(listed()))).toEqual([]);
  });

  it('takes no more than is taken from it', async () => {
    const { state, pieces: all } = endless();
    const zip = zipPieces(listed({ name: 'endless', pieces: all }));
    for (let i = 0; i < 5; i += 1) expect((await zip.next()).done).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(state.taken).toBeLessThan(30);
    await zip.return();
    expect(state.isOver).toBe(true);
  });

  it('stopped before its first file, or between two, asks for no other', async () => {
    let asked = 0;
    let isOver = false;
    async function* entries(): AsyncGenerator<ZipEntry> {
      try {
        for (;;) {
          asked += 1;
          await new Promise((resolve) => setTimeout(resolve, 1));
          yield { name: String(asked), pieces: pieces('x') };
        }
      } finally {
        isOver = true;
      }
    }
    const zip = zipPieces(entries());
    await zip.next();
    await zip.return();
    expect(isOver).toBe(true);
    const before = asked;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked).toBe(before);
    await zipPieces(entries()).return();
    expect(asked).toBe(before);
  });

  it('fails as its files do, and as what lists them does', async () => {
    const fault = new Error('the disk is gone');
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(100_000);
      throw fault;
    }
    await expect(bytesOf(listed({ name: 'a', pieces: failing() }))).rejects.toBe(fault);
    async function* unlisted(): AsyncGenerator<ZipEntry> {
      yield { name: 'a', pieces: pieces('x') };
      throw fault;
    }
    await expect(bytesOf(unlisted())).rejects.toBe(fault);
    await expect(bytesOf(listed({ name: '../a', pieces: pieces('x') }))).rejects.toThrow('../a');
  });
});
