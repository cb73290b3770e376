/**
 * Twice what the service can take, by one key: what it accepts then, what another key notices of it, the memory it takes, and how soon it
 * is over. A closed loop finds the capacity; then come batches at twice that rate, single readings and year queries, for a minute.
 */

import path from 'node:path';
import { USER_ID, writeDataset } from './support/dataset.js';
import { runFigure } from './support/figure.js';
import { withHrmServe } from './support/hrm-serve.js';
import { keepAliveAgent, quantileMs, send, sendFor } from './support/open-load.js';
import { DAY_MS, makeReadings, START_MS, toWire } from './support/readings.js';
import { withRedis } from './support/redis.js';

/** @typedef {import('./support/hrm-serve.js').Served} Served */
/** @typedef {import('./support/open-load.js').Answered} Answered */
/** @typedef {import('./support/open-load.js').Sending} Sending */
/** @typedef {import('./support/figure.js').Bench} Bench */

const BATCH_READINGS = 1_000;

/** What the busy key sends beside batches, a second. */
const SINGLES_PER_SECOND = 200;
const YEARS_PER_SECOND = 1;

/** Of the other key. */
const DAYS_PER_SECOND = 5;
const POSTS_PER_SECOND = 10;

/** The answers of the other key that are asked of it. @see docs/benchmarks.md */
const MAX_DAY_MS = 500;
const MAX_POST_MS = 200;

/** A day is answered as before when so many in a row take at most twice as long. */
const CALM_ANSWERS = 5;

/**
 * @param {string} key
 * @param {number} port
 * @param {number} days
 * @returns {Sending}
 */
function question(key, port, days) {
  const range = { start: new Date(START_MS).toISOString(), end: new Date(START_MS + days * DAY_MS).toISOString() };
  return { port, key, path: `/metrics/heart-rate?${new URLSearchParams({ user_id: USER_ID, ...range })}` };
}

/**
 * @param {string} key
 * @param {number} port
 * @param {number} count
 * @param {number} i
 * @returns {Sending}
 */
function posting(key, port, count, i) {
  const body = BODIES[count === 1 ? 'single' : 'batch'][i % USERS] ?? new Uint8Array();
  return { port, key, path: `/metrics/heart-rate${count === 1 ? '' : '/batch'}`, body };
}

const USERS = 20;
const BODIES = {
  batch: Array.from({ length: USERS }, (_, i) => encode(readingsOf(i, BATCH_READINGS))),
  single: Array.from({ length: USERS }, (_, i) => encode(readingsOf(i, 1)[0])),
};

/**
 * @param {number} user
 * @param {number} count
 */
function readingsOf(user, count) {
  return makeReadings({ userId: `user-${2_000_000 + user}`, count }).map(toWire);
}

/** @param {unknown} value */
function encode(value) {
  return Buffer.from(JSON.stringify(value));
}

/**
 * What another key meets for a while.
 * @param {Served} served
 * @param {number} durationMs
 */
async function probe({ port, keys: [, other = ''] }, durationMs) {
  const [days, posts] = await Promise.all([
    sendFor(() => question(other, port, 1), { connections: 1, durationMs, perSecond: DAYS_PER_SECOND }),
    sendFor((i) => posting(other, port, 1, i), { connections: 1, durationMs, perSecond: POSTS_PER_SECOND }),
  ]);
  return { days, posts };
}

/**
 * How long a day takes until it is as before, milliseconds from now.
 * @param {Served} served
 * @param {number} beforeMs
 */
async function recover({ port, keys: [, other = ''] }, beforeMs) {
  const agent = keepAliveAgent(1);
  const startMs = performance.now();
  let calmSinceMs = startMs;
  for (let calm = 0; calm < CALM_ANSWERS; ) {
    const { status, ms } = await send(agent, question(other, port, 1));
    const isCalm = status === 200 && ms <= 2 * beforeMs;
    if (!isCalm) calmSinceMs = performance.now();
    calm = isCalm ? calm + 1 : 0;
  }
  agent.destroy();
  return calmSinceMs - startMs;
}

/** @param {readonly Answered[]} answers */
function tally(answers) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return Object.entries(counts)
    .map(([status, count]) => `${count} x ${status === '0' ? 'cut' : status}`)
    .join(', ');
}

/**
 * @param {Bench} bench
 * @param {string} name
 * @param {Served} served
 */
async function measure(bench, name, served) {
  const { port, keys, rssMiB } = served;
  const [busy = ''] = keys;
  const [capacityMs, loadMs, restMs] = bench.quick ? [2_000, 8_000, 3_000] : [8_000, 60_000, 10_000];
  const before = await probe(served, 3_000);
  const rssBefore = rssMiB();
  const batches = await sendFor((i) => posting(busy, port, BATCH_READINGS, i), {
    connections: 16,
    durationMs: capacityMs,
  });
  const capacity = (accepted(batches) * BATCH_READINGS * 1_000) / capacityMs;
  let rssPeak = 0;
  const timer = setInterval(() => {
    rssPeak = Math.max(rssPeak, rssMiB());
  }, 250);
  const perSecond = (2 * capacity) / BATCH_READINGS;
  const [sent, singles, years, other] = await Promise.all([
    sendFor((i) => posting(busy, port, BATCH_READINGS, i), { connections: 100, durationMs: loadMs, perSecond }),
    sendFor((i) => posting(busy, port, 1, i), { connections: 50, durationMs: loadMs, perSecond: SINGLES_PER_SECOND }),
    sendFor(() => question(busy, port, DAYS), { connections: 20, durationMs: loadMs, perSecond: YEARS_PER_SECOND }),
    probe(served, loadMs),
  ]);
  clearInterval(timer);
  const recoveryMs = await recover(served, quantileMs(before.days, 0.5));
  await new Promise((resolve) => setTimeout(resolve, restMs));

  /** @type {(what: string, unit: import('./support/figure.js').Unit, values: [number, number], note?: string, target?: { value: number }) => void} */
  const row = (what, unit, [value, limit], note = '', target) => {
    const subject = `${name}: ${what}`;
    const other = LIMITS[unit] ?? '';
    bench.compare(
      { [subject]: [{ value, cpu: null }], [other]: [{ value: limit, cpu: null }] },
      subject,
      other,
      unit,
      note,
      target,
    );
  };
  const rate = ((accepted(sent) * BATCH_READINGS + accepted(singles)) * 1_000) / loadMs;
  row('accepted at twice that', 'readings/s', [rate, capacity], `batches ${tally(sent)}; years ${tally(years)}`);
  const [days, posts] = [other.days, other.posts];
  row("another key's day, p99", 'ms', [quantileMs(days, 0.99), quantileMs(before.days, 0.99)], tally(days), {
    value: MAX_DAY_MS,
  });
  row("another key's day, median", 'ms', [quantileMs(days, 0.5), quantileMs(before.days, 0.5)]);
  row("another key's POST, p99", 'ms', [quantileMs(posts, 0.99), quantileMs(before.posts, 0.99)], tally(posts), {
    value: MAX_POST_MS,
  });
  row('memory at its peak', 'MiB', [rssPeak, rssBefore]);
  row('memory afterwards', 'MiB', [rssMiB(), rssBefore], `a day as before after ${Math.round(recoveryMs)} ms`);
}

/** @param {readonly Answered[]} answers */
function accepted(answers) {
  return answers.filter(({ status }) => status === 202).length;
}

/** @type {Partial<Record<import('./support/figure.js').Unit, string>>} */
const LIMITS = { 'readings/s': 'its capacity', ms: 'without load', MiB: 'before the load' };

/** A year of minutes. */
const DAYS = 365;

await runFigure('overload', async (bench) => {
  const data = { deviceIds: ['watch-1'], days: DAYS, stepMs: bench.quick ? 300_000 : 60_000 };
  for (const workers of [1, 2]) {
    const names = workers === 1 ? '' : `, ${workers} workers`;
    const embedded = await bench.directory('overload');
    await writeDataset({ ...data, directory: path.join(embedded, 'data') });
    await withHrmServe({ directory: embedded, workers, keys: 2 }, (served) =>
      measure(bench, `embedded${names}`, served),
    );
    const redis = await bench.directory('overload-redis');
    await writeDataset({ ...data, directory: path.join(redis, 'data') });
    await withRedis({ directory: await bench.directory('redis') }, ({ url: redisUrl }) =>
      withHrmServe({ directory: redis, redisUrl, workers, keys: 2 }, (served) =>
        measure(bench, `Redis${names}`, served),
      ),
    );
  }
});
