import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HrmError, type HrmErrorKind, type Reading, type Storage, writePart } from 'hrm-core';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { WATCH_LIMITS } from '../src/limits.js';
import { createMetrics } from '../src/metrics/index.js';
import { createHealth } from '../src/ops/health.js';
import { startCompacter, startConsumer } from '../src/ops/loops.js';
import { post, startTest, wireReading, withoutHealth } from './support.js';

// Letters only: nothing but the rule keeps it out of a log.
const SECRET = 'Annabell';
const DAY = Date.UTC(2024, 0, 15);
const QUERY = `user_id=${SECRET}&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z`;
const PATH = `/data/20240115/${SECRET}/part-1.parquet`;

const READINGS: Reading[] = Array.from({ length: 3 }, (_, i) => {
  return { userId: SECRET, deviceId: SECRET, timestampMs: DAY + i, heartRate: 70, receivedMs: 0 };
});

/** Everything that a driver might throw, on purpose or by a defect; each says who the user is wherever it can. */
function tellingErrors(): unknown[] {
  const kinds: HrmErrorKind[] = ['unavailable', 'data', 'conflict', 'internal', 'closed'];
  const texts = [
    `cannot read ${PATH}`,
    SECRET,
    `part-1.parquet of ${SECRET} cannot be read as a file of heart-rate readings`,
    `odd\n    at ${SECRET}.js:1:2\n    at ${SECRET} (${PATH}:1:2)`,
  ];
  const errors: unknown[] = [SECRET, { message: SECRET }];
  for (const text of texts) {
    const cause = Object.assign(new Error(text), { code: 'EIO', path: PATH });
    for (const kind of kinds) errors.push(new HrmError(text, { kind, code: 'some_code', cause }));
    for (const kind of kinds)
      errors.push(new HrmError(text, { kind, code: 'some_code', cause: new HrmError(text, { kind, code: 'x' }) }));
    errors.push(cause, new TypeError(text), new SyntaxError(text), new RangeError(text, { cause }));
    errors.push(Object.assign(new Error(text), { code: SECRET }), Object.assign(new Error(text), { name: SECRET }));
    errors.push(Object.assign(new Error('odd'), { stack: `Error: odd\n    at ${SECRET} (/data/${SECRET}/x.js:1:2)` }));
    errors.push(Object.assign(new Error('odd'), { stack: text }));
  }
  return errors;
}

/** A storage whose methods throw the errors, one a call, and then work. */
function failingStorage(storage: Storage, methods: readonly (keyof Storage)[], errors: unknown[]): Storage {
  const failing = methods.map((name) => {
    return [
      name,
      (...call: never[]) => {
        if (errors.length > 0) throw errors.shift();
        return (storage[name] as (...given: never[]) => unknown)(...call);
      },
    ] as const;
  });
  return { ...storage, ...Object.fromEntries(failing) };
}

describe('the log names no user', () => {
  test('when a GET fails, whatever with', async () => {
    const errors = tellingErrors();
    const { url, log, storage } = await startTest({
      wrapStorage: (real) => failingStorage(real, ['snapshot'], errors),
    });
    await writePart({ storage }, READINGS);
    const count = errors.length;
    while (errors.length > 0) {
      const response = await fetch(`${url}/metrics/heart-rate?${QUERY}`);
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(await response.text()).not.toContain(SECRET);
    }
    expect(withoutHealth(log)).toHaveLength(count);
    expect(log.join('')).toContain('"system":"EIO"');
    expect(log.filter((line) => line.includes(SECRET))).toEqual([]);
    expect((await fetch(`${url}/metrics/heart-rate?${QUERY}`)).status).toBe(200);
  });

  test.each([
    ['consumer', 'publish', startConsumer],
    ['compacter', 'partitions', startCompacter],
    ['compacter', 'snapshot', startCompacter],
    ['compacter', 'replace', startCompacter],
  ] as const)('when the %s fails, whatever with (%s)', async (_, method, start) => {
    const { url, queue, storage, settings: common } = await startTest({ flags: { batchMaxAgeMs: '0' } });
    await writePart({ storage }, READINGS);
    expect((await post(`${url}/metrics/heart-rate`, wireReading({ user_id: SECRET }))).status).toBe(202);
    const log: string[] = [];
    const errors = tellingErrors();
    const steps = errors.length;
    // A loop waits longer after each failure: so each failure has a loop of its own.
    while (errors.length > 0) {
      const stop = new AbortController();
      const write = (line: string) => {
        log.push(line);
        stop.abort();
      };
      const failing = failingStorage(storage, [method], [errors.shift()]);
      const context = {
        signal: stop.signal,
        log: pino({ level: 'trace' }, { write }),
        health: { record: () => undefined },
        watch: WATCH_LIMITS,
        metrics: createMetrics({ health: createHealth({ queue, storage }, { batchMaxAgeMs: 0, leaseMs: 1_000 }) }),
        tracing: null,
      };
      await start({ queue, storage: failing }, { ...common, sweepAfterMs: 0 }, context);
    }
    const failures = log.filter((line) => /a step failed|"failures":1/.test(line));
    expect(failures).toHaveLength(steps);
    expect(log.filter((line) => line.includes(SECRET))).toEqual([]);
  });

  test('when a stored file is damaged, but which file of which day', async () => {
    // Without a compacter, which might have merged the part before it is damaged: it is the question that meets it.
    const { url, log, settings, storage } = await startTest();
    await writePart({ storage }, READINGS);
    const directory = join(settings.dataDir, '20240115', SECRET);
    const [name = ''] = await readdir(directory);
    await writeFile(join(directory, name), 'no Parquet');
    expect((await fetch(`${url}/metrics/heart-rate?${QUERY}`)).status).toBe(200);
    const damaged = { date: '20240115', file: name };
    expect(log.map((line) => JSON.parse(line) as unknown)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ level: 40, code: 'file_damaged', outcome: 'quarantined', ...damaged }),
      ]),
    );
    expect(log.filter((line) => line.includes(SECRET))).toEqual([]);
  });
});
