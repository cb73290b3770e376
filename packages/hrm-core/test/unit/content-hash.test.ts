import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashFile, pinFile } from '../../src/flow/files/content-hash.js';
import type { StoredFile } from '../../src/ports/storage.js';
import { partNameOf } from '../../src/pure/partition.js';

const PARTITION = { date: '20240115', directory: 'ana' };
const SEED = Number(process.env.HRM_SEED ?? Date.now() % 2 ** 31);
const GIVE = async () => undefined;

/** A file that its owner may write to. */
function fileOf(bytes: Uint8Array<ArrayBuffer>, name = 'part-theirs.parquet'): StoredFile {
  const read = async (from: number, to: number) => bytes.slice(from, to).buffer;
  return { name, version: '1', byteLength: bytes.length, ageMs: 0, mask: null, read };
}

function bytesOf(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).map((_, i) => (i * 31 + (i >> 8)) & 255);
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const anyLength = fc.constantFrom(0, 1, 600, 32_768, 32_769, 131_072, 131_073, 400_000);

describe(`a file that is held to its bytes (HRM_SEED=${SEED})`, () => {
  it('is read as it is, whatever of it', async () => {
    await fc.assert(
      fc.asyncProperty(anyLength, fc.nat(), fc.nat(), async (length, a, b) => {
        const bytes = bytesOf(length);
        const [from, to] = [a % (length + 1), b % (length + 1)].sort((one, other) => one - other) as [number, number];
        const pinned = await pinFile(fileOf(bytes), PARTITION, GIVE);
        expect(pinned.sha256).toBe(sha256Of(bytes));
        expect(await hashFile(fileOf(bytes), GIVE)).toBe(pinned.sha256);
        expect(pinned.contentName).toBe(partNameOf(pinned.sha256));
        expect(Buffer.compare(new Uint8Array(await pinned.file.read(from, to)), bytes.subarray(from, to))).toBe(0);
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  it('is never read as something else, once it was written to', async () => {
    await fc.assert(
      fc.asyncProperty(anyLength, fc.nat(), fc.nat(), fc.nat(), async (length, a, b, at) => {
        const bytes = bytesOf(length);
        const before = bytes.slice();
        const [from, to] = [a % (length + 1), b % (length + 1)].sort((one, other) => one - other) as [number, number];
        const pinned = await pinFile(fileOf(bytes), PARTITION, GIVE);
        if (length > 0) bytes[at % length] = (bytes[at % length] as number) ^ 1;
        const read = await pinned.file.read(from, to).catch((error: unknown) => error);
        if (read instanceof ArrayBuffer)
          expect(Buffer.compare(new Uint8Array(read), before.subarray(from, to))).toBe(0);
        else expect(read).toMatchObject({ kind: 'conflict', code: 'file_gone' });
        if (length > 32_768 && from <= at % length && at % length < to) expect(read).toBeInstanceOf(Error);
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  it('keeps its own name where that has the hash of its bytes', async () => {
    const bytes = bytesOf(600);
    const own = partNameOf(sha256Of(bytes));
    expect((await pinFile(fileOf(bytes, own), PARTITION, GIVE)).contentName).toBe(own);
    const wrong = partNameOf(sha256Of(bytesOf(601)));
    expect((await pinFile(fileOf(bytes, wrong), PARTITION, GIVE)).contentName).toBe(own);
  });
});
