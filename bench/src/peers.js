/**
 * The same readings and questions for the databases that people would take instead, in turn: InfluxDB and VictoriaMetrics, as
 * Debian packages them. What answers a write means differs: InfluxDB has synced its log, as this service has its queue; VictoriaMetrics
 * has the readings in memory. No caches of answers are asked.
 */
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { Agent } from 'node:http';
import path from 'node:path';
import { writePart } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { ask } from './support/ask.js';
import { compactAll } from './support/dataset.js';
import { interleave, runFigure, timeMs } from './support/figure.js';
import { makePost, runLoad } from './support/load.js';
import { INFLUXDB } from './support/peers/influxdb.js';
import { isInstalled, toLines, withPeer } from './support/peers/peer.js';
import { VICTORIA_METRICS } from './support/peers/victoria-metrics.js';
import { DAY_MS, makeReadings, START_MS, toWire } from './support/readings.js';
import { withRedis } from './support/redis.js';
import { withServers } from './support/servers.js';

/** @typedef {import('hrm-core').Reading} Reading */
/** @typedef {import('./support/figure.js').Bench} Bench */
/** @typedef {import('./support/figure.js').Sample} Sample */
/** @typedef {import('./support/peers/peer.js').Peer} Peer */
/** @typedef {import('./support/peers/peer.js').Minute} Minute */

const DATABASES = { InfluxDB: INFLUXDB, VictoriaMetrics: VICTORIA_METRICS };

const BATCH = { readings: 5_000, users: 100, bodies: 20, connections: 4 };
const SINGLE = { readings: 1, users: 64, bodies: 640, connections: 64 };

/** Between two looks at files that should become smaller by themselves, milliseconds, and how many alike ones are enough. */
const SETTLE_MS = 5_000;
const SETTLED_LOOKS = 3;

const WARM_UPS = 10;

/**
 * Batches: each of so many users, and each with times of its own.
 * @param {typeof BATCH} shape
 * @returns {Reading[][]}
 */
function batches({ readings, users, bodies }) {
  return Array.from({ length: bodies }, (_, body) => {
    const each = Math.max(1, readings / users);
    return Array.from({ length: Math.min(users, readings) }, (_, i) =>
      makeReadings({
        userId: `user-${1_000_000 + ((body + i) % users)}`,
        startMs: START_MS + body * each * 1_000,
        count: each,
      }),
    ).flat();
  });
}

/**
 * @param {Bench} bench
 * @param {{ influx: Peer, victoria: Peer }} peers
 */
async function compareWrites(bench, { influx, victoria }) {
  await withRedis({ directory: await bench.directory('redis') }, async (redis) => {
    const starts = {
      embedded: { kind: /** @type {const} */ ('all'), directory: await bench.directory('embedded') },
      redis: { kind: /** @type {const} */ ('all'), directory: await bench.directory('redis-all'), redisUrl: redis.url },
    };
    await withServers(starts, async (servers) => {
      const withQueue = {
        ...servers.redis,
        cpuMs: async () => (await servers.redis.cpuMs()) + (await redis.cpuMs()),
      };
      for (const [shape, what, unit] of /** @type {const} */ ([
        [BATCH, 'batches of 5,000 of 100 users, 4 connections', 'readings/s'],
        [SINGLE, 'one reading per request, 64 connections', 'requests/s'],
      ])) {
        const given = batches(shape);
        const wire = given.map((readings) => Buffer.from(JSON.stringify(unwrap(readings.map(toWire)))));
        const lines = given.map((readings) => Buffer.from(toLines(readings)));
        const ownPath = `/metrics/heart-rate${shape.readings === 1 ? '' : '/batch'}`;
        /** @type {Record<string, () => Promise<Sample>>} */
        const variants = {
          [`embedded: ${what}`]: writes(servers.embedded, ownPath, 'application/json', wire, shape),
          [`Redis: ${what}`]: writes(withQueue, ownPath, 'application/json', wire, shape),
          InfluxDB: writes(influx, INFLUXDB.writePath, 'text/plain', lines, shape),
          VictoriaMetrics: writes(victoria, VICTORIA_METRICS.writePath, 'text/plain', lines, shape),
        };
        const samples = await interleave(variants, bench.quick ? 3 : 7);
        for (const ours of Object.keys(variants).slice(0, 2)) {
          for (const [name, { acknowledges }] of Object.entries(DATABASES))
            bench.compare(samples, ours, name, unit, `${name} acknowledges what is ${acknowledges}`);
        }
      }
    });
  });
}

/**
 * One alone is no batch.
 * @param {readonly object[]} readings
 */
function unwrap(readings) {
  return readings.length === 1 ? readings[0] : readings;
}

/**
 * @param {import('./support/servers.js').Server | Peer} server
 * @param {string} target
 * @param {string} type
 * @param {readonly Buffer[]} bodies
 * @param {typeof BATCH} shape
 */
function writes(server, target, type, bodies, { readings, connections }) {
  const requests = bodies.map((body) => makePost({ port: server.port, path: target, type }, body));
  const load = { requests, connections, durationMs: 1_500 };
  return async () => {
    const { perSecond, cpuMsPerRequest } = await runLoad(
      /** @type {import('./support/servers.js').Server} */ (server),
      load,
    );
    return { value: perSecond * readings, cpu: cpuMsPerRequest };
  };
}

/**
 * A user whose readings are asked about.
 * @typedef {object} Asked
 * @property {string} name
 * @property {string} userId
 * @property {readonly string[]} deviceIds they measure in turn: at the same millisecond the others know no better device
 * @property {number} days
 * @property {number} stepMs
 * @property {number} rounds
 */

/**
 * @param {Asked} asked
 * @param {number} day
 */
function readingsOf({ userId, deviceIds, stepMs }, day) {
  return deviceIds.flatMap((deviceId, i) => {
    const startMs = START_MS + day * DAY_MS + (i * stepMs) / deviceIds.length;
    return makeReadings({ userId, deviceId, startMs, stepMs, count: DAY_MS / stepMs });
  });
}

/**
 * @param {Bench} bench
 * @param {{ influx: Peer, victoria: Peer }} peers
 * @param {{ influx: string, victoria: string }} directories
 */
async function compareQuestions(bench, peers, directories) {
  const two = ['strap-1', 'watch-1'];
  /** @type {Asked[]} */
  const cases = [
    { name: 'a day', userId: 'of-a-day', deviceIds: two, days: 1, stepMs: 1_000, rounds: 21 },
    { name: '30 days', userId: 'of-30-days', deviceIds: two, days: 30, stepMs: 1_000, rounds: 9 },
    bench.quick
      ? {
          name: '365 days, every 15 s',
          userId: 'of-a-year',
          deviceIds: ['watch-1'],
          days: 365,
          stepMs: 15_000,
          rounds: 5,
        }
      : { name: '365 days', userId: 'of-a-year', deviceIds: ['watch-1'], days: 365, stepMs: 1_000, rounds: 5 },
  ];
  const directory = await bench.directory('peers');
  const data = path.join(directory, 'data');
  const storage = await openDirectoryStorage({ directory: data });
  const before = { influx: bytesIn(directories.influx), victoria: bytesIn(directories.victoria) };
  let readings = 0;
  for (const asked of cases) {
    for (let day = 0; day < asked.days; day += 1) {
      const ofDay = readingsOf(asked, day);
      readings += ofDay.length;
      const lines = toLines(ofDay);
      await Promise.all([
        writePart({ storage }, ofDay),
        peers.influx.send('POST', INFLUXDB.writePath, lines),
        peers.victoria.send('POST', VICTORIA_METRICS.writePath, lines),
      ]);
    }
  }
  await compactAll(storage);
  await storage.close();
  await INFLUXDB.settle(peers.influx);
  await VICTORIA_METRICS.settle(peers.victoria);
  await filesSettle(Object.values(directories));

  const agent = new Agent({ keepAlive: true });
  await withServers({ server: { kind: 'api', directory } }, async ({ server }) => {
    for (const { name, userId, days, rounds } of cases) {
      const question = { userId, fromMs: START_MS, toMs: START_MS + days * DAY_MS };
      const askOurs = () => ask(server, question, { agent });
      const askInflux = () => peers.influx.send('GET', INFLUXDB.questionPath(question));
      const askVictoria = () => peers.victoria.send('GET', VICTORIA_METRICS.questionPath(question));
      const rows = JSON.parse(Buffer.concat(await askOurs()).toString()).data;
      requireAlike(rows, INFLUXDB.minutesOf(await askInflux()));
      requireAlike(rows, VICTORIA_METRICS.minutesOf(await askVictoria()));
      for (let i = 0; i < WARM_UPS; i += 1) await askOurs();
      const subject = `${name}, ${rows.length} minutes`;
      const samples = await interleave(
        {
          [subject]: () => timed(server, askOurs),
          InfluxDB: () => timed(peers.influx, askInflux),
          VictoriaMetrics: () => timed(peers.victoria, askVictoria),
        },
        bench.quick ? Math.ceil(rounds / 3) : rounds,
      );
      for (const database of Object.keys(DATABASES)) bench.compare(samples, subject, database, 'ms');
    }
  });
  agent.destroy();

  const perReading = (/** @type {number} */ bytes) => [{ value: bytes / readings, cpu: null }];
  const subject = 'bytes per reading, all files';
  const samples = {
    [subject]: perReading(bytesIn(data)),
    InfluxDB: perReading(bytesIn(directories.influx) - before.influx),
    VictoriaMetrics: perReading(bytesIn(directories.victoria) - before.victoria),
  };
  for (const database of Object.keys(DATABASES)) bench.compare(samples, subject, database, 'bytes/reading');
}

/**
 * How long an answer takes; the CPU time is the server's.
 * @param {{ cpuMs: () => Promise<number> }} server
 * @param {() => Promise<unknown>} action
 * @returns {Promise<Sample>}
 */
async function timed(server, action) {
  const before = await server.cpuMs();
  const { value } = await timeMs(action);
  return { value, cpu: (await server.cpuMs()) - before };
}

/**
 * All must give one answer.
 * @param {readonly { timestamp: string, heart_rate: number, min: number, max: number, count: number }[]} rows
 * @param {readonly Minute[]} minutes
 */
function requireAlike(rows, minutes) {
  assert.deepEqual(
    minutes.map(({ minuteMs, min, max, count }) => ({ minuteMs, min, max, count })),
    rows.map(({ timestamp, min, max, count }) => ({ minuteMs: Date.parse(timestamp), min, max, count })),
  );
  for (const [i, { heart_rate: heartRate }] of rows.entries())
    assert.ok(Math.abs(heartRate - (minutes[i]?.mean ?? Number.NaN)) <= 0.0051);
}

/** @param {readonly string[]} directories */
async function filesSettle(directories) {
  let known = '';
  for (let alike = 0; alike < SETTLED_LOOKS; ) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const now = directories.map(bytesIn).join(' ');
    alike = now === known ? alike + 1 : 0;
    known = now;
  }
}

/** @param {string} directory */
function bytesIn(directory) {
  let bytes = 0;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    // One that goes meanwhile has no bytes.
    bytes += statSync(path.join(entry.path, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

const missing = Object.values(DATABASES).find(({ command }) => !isInstalled(command));
await runFigure('peers', async (bench) => {
  if (missing !== undefined) {
    process.stderr.write(
      `peers is skipped: ${missing.command} is missing (Debian: apt-get install --no-install-recommends influxdb victoria-metrics)\n`,
    );
    return;
  }
  const directories = { influx: await bench.directory('influxdb'), victoria: await bench.directory('victoria') };
  await withPeer(INFLUXDB, directories.influx, (influx) =>
    withPeer(VICTORIA_METRICS, directories.victoria, async (victoria) => {
      await compareWrites(bench, { influx, victoria });
      await compareQuestions(bench, { influx, victoria }, directories);
    }),
  );
});
