import { appendFileSync, readFileSync, renameSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { listAudit, openAuditPlace, openAuditWriter, verifyAudit } from '../../../src/audit/index.js';
import { eventOf, filesOf, logPath, readPlainly, requestsIn } from '../../support/audit.js';

const LARGE = 1024 * 1024;

function open(path: string, maxBytes = LARGE) {
  return openAuditWriter({ place: openAuditPlace(path) }, { maxBytes, batchMs: 1 });
}

function names(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `r${from + i}`).sort();
}

describe('a writer', () => {
  it('makes no file before there is an event, and then one that only its user may read', async () => {
    const path = logPath();
    const writer = open(path);
    expect(filesOf(path)).toEqual([]);
    await writer.write(eventOf(1));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}.head`).mode & 0o777).toBe(0o600);
    expect(await writer.close()).toEqual({ written: 1, lost: 0, fault: null });
  });

  it('writes a line an event, whatever is in its texts', async () => {
    const path = logPath();
    const writer = open(path);
    const user = 'a\n{"v":1,"time":"x"}\u2028\r\u0000"\\';
    await writer.write(eventOf(1, { users: [user] }));
    await writer.close();
    expect(readPlainly(path).map(({ action, users }) => [action, users])).toEqual([
      ['opened', undefined],
      ['read', [user]],
      ['closed', undefined],
    ]);
    expect(await verifyAudit(path)).toMatchObject({ isWhole: true, events: 1, torn: 0, unended: 0 });
  });

  it('has on the disk what it said that it has, before it ends', async () => {
    const path = logPath();
    const writer = open(path);
    await writer.write(eventOf(1));
    expect(requestsIn(path)).toEqual(['r1']);
    writer.note(eventOf(2));
    await expect.poll(() => requestsIn(path)).toEqual(['r1', 'r2']);
    await writer.close();
  });

  it('writes beside others into one file', async () => {
    const path = logPath();
    const writers = Array.from({ length: 5 }, () => open(path));
    for (let i = 0; i < 500; i += 1) {
      const writer = writers[i % 5];
      if (i % 7 === 0) await writer?.write(eventOf(i));
      else writer?.note(eventOf(i));
    }
    await Promise.all(writers.map((writer) => writer.close()));
    expect(requestsIn(path)).toEqual(names(0, 500));
    expect(await verifyAudit(path)).toMatchObject({ isWhole: true, events: 500, unended: 0 });
  });

  it('goes on in a new file, alone and beside others', async () => {
    const path = logPath();
    const writers = Array.from({ length: 3 }, () => open(path, 3_000));
    for (let i = 0; i < 120; i += 1) await writers[i % 3]?.write(eventOf(i));
    await Promise.all(Array.from({ length: 60 }, (_, i) => writers[i % 3]?.write(eventOf(120 + i))));
    await Promise.all(writers.map((writer) => writer.close()));
    expect(filesOf(path).length).toBeGreaterThan(10);
    expect(requestsIn(path)).toEqual(names(0, 180));
    expect(await verifyAudit(path)).toMatchObject({ isWhole: true, events: 180, isContinued: false });
  });

  it('leaves a file that was put aside, and reads what others have packed', async () => {
    const path = logPath();
    const writer = open(path);
    await writer.write(eventOf(1));
    renameSync(path, `${path}.1`);
    await writer.write(eventOf(2));
    writeFileSync(`${path}.1.gz`, gzipSync(readFileSync(`${path}.1`)));
    renameSync(`${path}.1.gz`, `${path}.1`);
    renameSync(path, `${path}.2`);
    writeFileSync(path, '');
    await writer.reopen();
    await writer.write(eventOf(3));
    await writer.close();
    const found = [];
    for await (const { request } of listAudit(path)) found.push(request);
    expect(found).toEqual(['r1', 'r2', 'r3']);
    expect(await verifyAudit(path)).toMatchObject({ isWhole: true, files: 3 });
  });

  it('begins anew where there is nothing, and says what was there', async () => {
    const path = logPath();
    const first = open(path);
    await first.write(eventOf(1));
    await first.close();
    renameSync(path, `${path}.1`);
    const second = open(path);
    await second.write(eventOf(2));
    await second.close();
    expect(await verifyAudit(path)).toMatchObject({ isWhole: true, files: 2, events: 2 });
  });

  it('goes on behind a line that was torn', async () => {
    const path = logPath();
    for (const [i, piece] of [
      '{"v":1,"ti',
      'x',
      `${'y'.repeat(5_000)}`,
      '{"v":1,"time":"2024-01-15T10:00:00.000Z","users":["\\',
    ].entries()) {
      const writer = open(path);
      await writer.write(eventOf(i));
      await writer.close();
      appendFileSync(path, piece);
    }
    expect(await verifyAudit(path)).toMatchObject({ isWhole: true, events: 4, torn: 4 });
    const writer = open(path);
    await writer.write(eventOf(4));
    await writer.close();
    expect(requestsIn(path)).toEqual(names(0, 5));
    expect(await verifyAudit(path)).toMatchObject({ isWhole: true, events: 5, torn: 4 });
    expect(readPlainly(path).flatMap(({ torn }) => (torn === undefined ? [] : [torn]))).toHaveLength(4);
  });

  it('says that the file was cut under it', async () => {
    const path = logPath();
    const writer = open(path);
    for (let i = 0; i < 10; i += 1) await writer.write(eventOf(i));
    truncateSync(path, 1_000);
    await writer.write(eventOf(10));
    await writer.close();
    const { isWhole, faults } = await verifyAudit(path);
    expect(isWhole).toBe(false);
    expect(faults.map(({ code }) => code)).toContain('cut');
  });

  it('refuses what is no file', async () => {
    const writer = open('/dev/null');
    await expect(writer.write(eventOf(1))).rejects.toMatchObject({ code: 'audit_unavailable' });
    expect(writer.state().fault).toBe('audit_no_file');
    expect(await writer.close()).toMatchObject({ lost: 1, written: 0 });
  });
});

it('is whole where two processes put a file aside at one moment, and the later file has the earlier event', async () => {
  const path = logPath();
  const place = openAuditPlace(path);
  const atMs = (ms: number) => ({ clock: { nowMs: () => ms } });
  const early = openAuditWriter({ place: openAuditPlace(path), ...atMs(1_000) }, { maxBytes: 1e6, batchMs: 1 });
  const late = openAuditWriter({ place: openAuditPlace(path), ...atMs(2_000) }, { maxBytes: 1e6, batchMs: 1 });
  for (const [i, writer] of [early, late].entries()) await writer.write(eventOf(i));
  await place.setAside('19700101T000003.000Z-aaaaaaaaaaaaaaaa-1');
  await late.write(eventOf(2));
  // What the other one puts aside is already the next file.
  await place.setAside('19700101T000004.000Z-bbbbbbbbbbbbbbbb-1');
  await early.write(eventOf(3));
  await late.write(eventOf(4));
  await place.setAside('19700101T000005.000Z-cccccccccccccccc-1');
  await late.write(eventOf(5));
  for (const writer of [early, late]) await writer.close();
  expect(await verifyAudit(path)).toMatchObject({ isWhole: true, files: 4, events: 6, faults: [] });
});
