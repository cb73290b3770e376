import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HrmError, type Queue } from 'hrm-core';
import { openEmbeddedQueue } from 'hrm-core/embedded';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Chunk } from '../src/import/chunks.js';
import { createCsvReader } from '../src/import/csv.js';
import { toQueue } from '../src/import/destination.js';
import { enqueueChunks, type Tally } from '../src/import/enqueue-chunks.js';
import { readRows } from '../src/import/formats.js';
import { type Line, readLines } from '../src/import/lines.js';
import { nearest } from '../src/nearest.js';
import { visibleId } from '../src/output/output.js';
import { rateText, startProgress } from '../src/output/progress.js';

describe('nearest', () => {
  it.each([
    ['qurey', 'query'],
    ['query', 'query'],
    ['drian', 'drain'],
    ['comp', 'compact'],
    ['x', undefined],
    ['', undefined],
    ['zzzzz', undefined],
  ])('of %j is %j', (given, meant) => {
    expect(nearest(given, ['serve', 'drain', 'compact', 'query'])).toBe(meant);
  });
});

describe('an id on a terminal', () => {
  it.each([
    ['watch-1.b_c', 'watch-1.b_c'],
    ['Ана😀', 'Ана😀'],
    ['a b', '"a b"'],
    ['a,b', '"a,b"'],
    ['"', '"\\""'],
    ['\\u{202e}', '"\\\\u{202e}"'],
    ['a\u202eb', '"a\\u{202e}b"'],
    ['a\u200bb', '"a\\u{200b}b"'],
    ['\u{e0041}', '"\\u{e0041}"'],
    ['a\u2028b', '"a\\u{2028}b"'],
  ])('%j is shown as %s', (id, shown) => {
    expect(visibleId(id)).toBe(shown);
  });
});

describe('progress', () => {
  function record(isTTY: boolean, enabled: boolean, total: number | undefined) {
    const written: string[] = [];
    let nowMs = 0;
    const stream = { isTTY, write: (text: unknown) => written.push(String(text)) > 0 };
    const progress = startProgress({ label: 'import', total, stream, enabled, nowMs: () => nowMs });
    return { written, progress, wait: (ms: number) => (nowMs += ms) };
  }

  it('shows a bar, the share and a note, ten times a second at most, and wipes it', () => {
    const { written, progress, wait } = record(true, true, 200);
    progress.update(50, 'fifty');
    progress.update(60);
    wait(100);
    progress.update(400);
    progress.end();
    expect(written).toEqual([
      `\r\u001b[2Kimport [${'#'.repeat(6)}${'-'.repeat(18)}]  25 %  fifty`,
      `\r\u001b[2Kimport [${'#'.repeat(24)}] 100 %`,
      '\r\u001b[2K',
    ]);
  });

  it('counts where the total is unknown', () => {
    const { written, progress } = record(true, true, undefined);
    progress.update(1_234_567);
    expect(written).toEqual(['\r\u001b[2Kimport 1,234,567']);
  });

  it.each([
    [false, true],
    [true, false],
  ])('is silent off a terminal and with --json (TTY %s, enabled %s)', (isTTY, enabled) => {
    const { written, progress } = record(isTTY, enabled, 10);
    progress.update(5);
    progress.end();
    expect(written).toEqual([]);
  });

  it('tells a rate', () => {
    expect(rateText(3_000, 2_000)).toBe('1,500 a second');
    expect(rateText(3_000, 0)).toBe('0 a second');
  });
});

describe('lines', () => {
  async function lines(bytes: Buffer, pieceBytes: number): Promise<Line[]> {
    async function* pieces() {
      for (let from = 0; from < bytes.length; from += pieceBytes) yield bytes.subarray(from, from + pieceBytes);
    }
    const all: Line[] = [];
    for await (const some of readLines(pieces())) all.push(...some);
    return all;
  }

  it('are the same however the bytes are cut', async () => {
    const bytes = Buffer.concat([
      Buffer.from('\ufeffé\r\n\n😀b\r\r\n'),
      Buffer.of(0xff, 0x0a),
      Buffer.from('\ufeffend'),
    ]);
    const expected = [
      { number: 1, text: 'é' },
      { number: 2, text: '' },
      { number: 3, text: '😀b\r' },
      { number: 4, fault: 'the line is not UTF-8' },
      { number: 5, text: '\ufeffend' },
    ];
    for (let pieceBytes = 1; pieceBytes <= bytes.length + 1; pieceBytes += 1) {
      expect(await lines(bytes, pieceBytes)).toEqual(expected);
    }
  });

  it('may have 1 MiB and not a byte more', async () => {
    const longest = 'x'.repeat(1024 * 1024);
    for (const pieceBytes of [1_000, 65_536, 4_000_000]) {
      const [fits, tooLong, next] = await lines(Buffer.from(`${longest}\n${longest}y\nz`), pieceBytes);
      expect(fits).toMatchObject({ number: 1, text: longest });
      expect(tooLong).toEqual({ number: 2, fault: 'the line is longer than 1048576 bytes' });
      expect(next).toEqual({ number: 3, text: 'z' });
    }
  });
});

describe('CSV records', () => {
  function rows(text: string) {
    const reader = createCsvReader();
    const taken = text.split('\n').flatMap((line, i) => reader.take({ number: i + 1, text: line }));
    return [...taken, ...reader.end()].map((row) => [row.line, 'fault' in row ? 'fault' : row.item]);
  }
  const HEAD = 'user_id,device_id,timestamp,heart_rate';
  const item = (device_id: string) => ({ user_id: 'u', device_id, timestamp: 't', heart_rate: 1 });

  it('may go over lines, and are numbered by their first', () => {
    expect(rows(`${HEAD}\nu,"a\nb""\n,",t,1\nu,c,t,1`)).toEqual([
      [2, item('a\nb"\n,')],
      [5, item('c')],
    ]);
  });

  it('with stray quotes cost one line each, and the others are read anew', () => {
    expect(rows(`${HEAD}\nu,"a,t,1\nu,b,t,1\nu,"c,t,1\nu,d,t,1\nu,"e"",t,1\nu,"f",t,1`)).toEqual([
      [2, 'fault'],
      [3, item('b')],
      [4, 'fault'],
      [5, item('d')],
      [6, 'fault'],
      [7, item('f')],
    ]);
  });
});

describe('CSV that is hostile', () => {
  const HEAD = 'user_id,device_id,timestamp,heart_rate';

  it('with a quote before blank lines holds no more of them than a line may have bytes', () => {
    const reader = createCsvReader(HEAD);
    let faults = reader.take({ number: 2, text: '"x' }).length;
    for (let number = 3; number < 1_100_000 && faults === 0; number += 1)
      faults += reader.take({ number, text: '' }).length;
    expect(faults).toBe(1);
    expect(reader.isOpen()).toBe(false);
  });

  it('with a quote that is wrong at last gives all the rows between', async () => {
    async function* lines(): AsyncGenerator<Line[]> {
      const texts = [HEAD, '"', ...new Array<string>(200_000).fill('a""b'), '"x'];
      yield texts.map((text, i) => ({ number: i + 1, text }));
    }
    let count = 0;
    for await (const { rows } of readRows(lines(), 'csv', { offset: 0, line: 1 }, null)) count += rows.length;
    expect(count).toBe(200_002);
  });

  it.each([
    ['user_id;device_id;timestamp;heart_rate', 'semicolons'],
    ['"user_id";"device_id";"timestamp";"heart_rate"', 'semicolons'],
    ['heart_rate\ttimestamp\tuser_id\tdevice_id\tnote, long', 'tabs'],
    ['user;device;time;bpm', 'semicolons'],
    ['user_id; device_id; timestamp; pulse, bpm', 'semicolons'],
    ['1\t2', 'tabs'],
  ])('or another program’s is told by its separators: %s', (text, name) => {
    expect(() => createCsvReader().take({ number: 1, text })).toThrow(
      `separated by ${name}: save the file with commas`,
    );
  });
});

it('a semicolon within a column’s name separates nothing', () => {
  const text = 'user_id,device_id,timestamp,pulse;bpm';
  expect(() => createCsvReader().take({ number: 1, text })).toThrow('it lacks heart_rate');
});

describe('a queue that is unavailable', () => {
  let directory: string;
  let queue: Queue;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hrm-cli-'));
    queue = await openEmbeddedQueue({ directory });
  });
  afterEach(async () => {
    await queue.close();
    await rm(directory, { recursive: true });
  });

  const rules = { skipInvalid: false, signal: new AbortController().signal };

  async function* chunks(): AsyncGenerator<Chunk> {
    for (let i = 0; i < 5; i += 1) {
      const item = { user_id: 'u', device_id: 'd', timestamp: `2024-01-15T10:00:0${i}Z`, heart_rate: 72 };
      yield { label: 'f', rows: [{ line: i + 1, size: 1, item }], point: null };
    }
  }

  /** The real queue, which fails the pushes that `fails` picks. */
  function failing(fails: (call: number) => boolean) {
    let calls = 0;
    const push: Queue['push'] = async (...args) => {
      calls += 1;
      if (fails(calls)) throw new HrmError('away', { kind: 'unavailable', code: 'queue_unavailable' });
      return await queue.push(...args);
    };
    return { push, depth: queue.depth, calls: () => calls };
  }

  it('for a moment is tried again, and nothing is lost', async () => {
    const tally: Tally = { enqueued: 0, rejected: 0, faults: [], faultCount: 0, reasons: new Map() };
    await enqueueChunks(toQueue(failing((call) => call % 2 === 0)), chunks(), rules, tally);
    expect(tally.enqueued).toBe(5);
    expect((await queue.depth()).readings).toBe(5);
  });

  it('for long ends the import after bounded tries, with what came before counted', async () => {
    const tally: Tally = { enqueued: 0, rejected: 0, faults: [], faultCount: 0, reasons: new Map() };
    const { calls, ...failed } = failing((call) => call > 1);
    await expect(enqueueChunks(toQueue(failed), chunks(), rules, tally)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(tally.enqueued).toBe(1);
    expect((await queue.depth()).readings).toBe(1);
    // The first, and four in flight with five retries each.
    expect(calls()).toBeLessThanOrEqual(1 + 4 * 6);
  });
});
