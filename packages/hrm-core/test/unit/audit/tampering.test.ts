import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openAuditPlace, openAuditWriter, verifyAudit } from '../../../src/audit/index.js';
import { eventOf, filesOf, logPath } from '../../support/audit.js';
import { testSeed } from '../../support/random.js';

/** A log of two writers in several files. */
async function makeLog(maxBytes = 1_000_000, events = 12): Promise<string> {
  const path = logPath();
  const writers = [1, 2].map(() => openAuditWriter({ place: openAuditPlace(path) }, { maxBytes, batchMs: 1 }));
  for (let i = 0; i < events; i += 1) await writers[i % 2]?.write(eventOf(i));
  for (const writer of writers) await writer.close();
  return path;
}

async function isWhole(path: string): Promise<boolean> {
  return (await verifyAudit(path)).isWhole;
}

/** The lines of a file, each with its end. */
function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8').split(/(?<=\n)/);
}

describe('a log is not whole any more', () => {
  it('when a line was taken out, changed, put in, told twice, or put elsewhere', async () => {
    const path = await makeLog();
    expect(await isWhole(path)).toBe(true);
    const lines = linesOf(path);
    for (const [i, line] of lines.entries()) {
      const others = lines.toSpliced(i, 1);
      const edits = {
        'taken out': others,
        changed: lines.with(i, line.replace(/"(read|opened|closed)"/, '"live"')),
        'of another time': lines.with(i, line.replace('"time":"20', '"time":"19')),
        'put in': lines.toSpliced(i, 0, line.replace(/"request":"r\d+"/, '"request":"r99"')),
        'told twice': lines.toSpliced(i, 0, line),
        unreadable: lines.with(i, `${'x'.repeat(line.length - 1)}\n`),
        'put elsewhere': i === 0 ? others.concat(line) : [line, ...others],
      };
      for (const [name, edited] of Object.entries(edits)) {
        if (edited.join('') === lines.join('')) continue;
        writeFileSync(path, edited.join(''));
        expect(await isWhole(path), `line ${i} ${name}`).toBe(false);
      }
    }
  });

  it('when its end was cut, at any byte', async () => {
    const path = await makeLog(1_000_000, 2);
    const bytes = readFileSync(path);
    for (let length = 0; length < bytes.length; length += 7) {
      writeFileSync(path, bytes.subarray(0, length));
      expect(await isWhole(path), `${length} of ${bytes.length} bytes`).toBe(false);
    }
  });

  it('when any bytes were changed', async () => {
    const path = await makeLog();
    const bytes = readFileSync(path);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.nat(40),
        fc.uint8Array({ maxLength: 40 }),
        async (at, removed, added) => {
          const edited = Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]);
          fc.pre(!edited.equals(bytes) && !edited.subarray(0, bytes.length).equals(bytes));
          writeFileSync(path, edited);
          expect(await isWhole(path)).toBe(false);
        },
      ),
      { numRuns: 150, seed: testSeed() },
    );
  });

  it('when a file was taken away, but for the oldest', async () => {
    const path = await makeLog(1_500, 40);
    const names = filesOf(path).map(({ name }) => name);
    expect(names.length).toBeGreaterThan(5);
    const order = [...names.filter((name) => name !== 'audit.log').sort(), 'audit.log'];
    for (const [i, name] of order.entries()) {
      const file = join(dirname(path), name);
      renameSync(file, join(dirname(path), 'away'));
      const { isWhole: stillWhole, isContinued } = await verifyAudit(path);
      expect([stillWhole, isContinued], name).toEqual([i === 0, i === 0]);
      renameSync(join(dirname(path), 'away'), file);
    }
  });

  it('when the small file beside it was taken away, or says what is not so', async () => {
    const path = await makeLog();
    const head = readFileSync(`${path}.head`, 'utf8');
    rmSync(`${path}.head`);
    expect((await verifyAudit(path)).faults).toEqual([{ code: 'head_missing', file: 'audit.log', at: 0 }]);
    writeFileSync(`${path}.head`, head.replace(/"seen":"../, '"seen":"zz'));
    expect((await verifyAudit(path)).faults).toMatchObject([{ code: 'changed' }]);
  });

  it('when all of it was made anew, as a word shows that was kept elsewhere', async () => {
    const path = await makeLog();
    const { head } = await verifyAudit(path);
    const heads = [head ?? ''];
    expect(await verifyAudit(path, { heads })).toMatchObject({ isWhole: true });
    const forged = await makeLog();
    copyFileSync(forged, path);
    copyFileSync(`${forged}.head`, `${path}.head`);
    expect(await isWhole(path)).toBe(true);
    expect(await verifyAudit(path, { heads })).toMatchObject({ isWhole: false });
  });
});

describe('a log is whole', () => {
  it('beside a copy of one of its files, and of what is none', async () => {
    const path = await makeLog(1_500, 20);
    for (const { name } of filesOf(path)) copyFileSync(join(dirname(path), name), join(dirname(path), `${name}.copy`));
    writeFileSync(`${path}.empty`, '');
    expect(await isWhole(path)).toBe(true);
  });

  it('never by a head that is none, nor without a path', async () => {
    await expect(verifyAudit(logPath(), { heads: ['x'] })).rejects.toMatchObject({ code: 'audit_head' });
    await expect(verifyAudit('')).rejects.toMatchObject({ code: 'audit_none' });
  });

  it('where there is none', async () => {
    expect(await verifyAudit(logPath())).toMatchObject({ isWhole: true, files: 0, head: null });
  });
});
