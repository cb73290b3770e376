import { mkdtemp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';
import { expectSame } from '../../../../../test/support/same.js';
import { DEFAULTS } from '../../../src/defaults.js';
import { openEmbeddedQueue } from '../../../src/drivers/queue/embedded/embedded.js';
import { type DirectoryFileSystem, openDirectoryStorage } from '../../../src/drivers/storage/directory/directory.js';
import { realFileSystem } from '../../../src/drivers/storage/directory/files.js';
import {
  type Clock,
  compact,
  devices,
  drainBatch,
  enqueue,
  erase,
  expire,
  finishErasures,
  HrmError,
  isHrmError,
  latest,
  type Queue,
  query,
  RESOLVES,
  type Resolve,
  type Storage,
} from '../../../src/index.js';
import { partitionDate, userDirectory } from '../../../src/pure/partition.js';
import { decodeElements } from '../../../src/pure/reading/element.js';
import { createFakeS3, type FakeS3 } from '../../support/fake-s3.js';
import { promptFileSystem } from '../../support/prompt-file-system.js';
import { listOf } from '../../support/queued.js';
import { rememberingStorage } from '../../support/remembering-storage.js';
import { openFakeStorage } from '../../support/s3-storage.js';
import { MEMORY_DIRECTORY } from '../../support/temporary-directory.js';
import { type OracleReading, oracleAnswer, oracleDevices } from '../oracle.js';
import {
  anyHistory,
  DAY_MS,
  type History,
  type HistoryQuestion,
  type KeepRule,
  START_MS,
  type Step,
} from './history.js';

const LIMITS = { maxReadings: 50, maxBytes: 1e9, maxElements: 1e6, leaseMs: 30_000 };

/** Of so many histories one has its files read and written by the threads of the pool, as a user has. */
const HISTORIES_A_POOLED_ONE = 8;

/** Of so many one is stored in S3, as a service in this process has it. */
const HISTORIES_AN_S3_ONE = 5;

interface World {
  directory: string;
  history: History;
  clock: Clock & { now: number };
  fileSystem: DirectoryFileSystem;
  /** Where it is stored, if not in the directory. */
  s3: FakeS3 | null;
  queue: Queue;
  storage: Storage;
  /** The same storage, of whose files everything is remembered that may be. */
  remembering: Storage;
  /** How many of the history's readings have been enqueued. */
  sent: number;
  /** What has been written, in any order: what answers must be made of. */
  written: OracleReading[];
  /** What was erased, in order. */
  erased: ErasedOf[];
  /** How long readings are kept. */
  kept: { days: number | null; rules: readonly KeepRule[] };
  /** Whether that was ever said. */
  isKept: boolean;
}

/** An erasure, as the oracle goes by it. */
interface ErasedOf {
  userId: string;
  deviceId: string | undefined;
  fromMs: number;
  toMs: number;
  atMs: number;
  /** The last minute of receipt that it is of. */
  minute: number;
}

function isOf({ userId, deviceId, fromMs, toMs }: ErasedOf, reading: OracleReading): boolean {
  const isDevice = deviceId === undefined || deviceId === reading.deviceId;
  return isDevice && userId === reading.userId && reading.timestampMs >= fromMs && reading.timestampMs < toMs;
}

/** What is stored of readings of the queue: not what was accepted before it was erased, and the rest as if it came in a later minute. */
function leftOf(world: World, readings: readonly OracleReading[]): OracleReading[] {
  return readings.flatMap((reading) => {
    const own = world.erased.filter((erasure) => isOf(erasure, reading));
    if (own.some(({ atMs }) => reading.receivedMs <= atMs)) return [];
    const later = own.map(({ minute }) => (minute + 1) * 60_000);
    return [{ ...reading, receivedMs: Math.max(reading.receivedMs, ...later) }];
  });
}

/** Whether the day of a reading is not over: by the most special rule. */
function isStillKept({ history, clock, kept: { days, rules } }: World, reading: OracleReading): boolean {
  const { users, devices } = history;
  const isUser = ({ user }: KeepRule) => user !== null && users[user] === reading.userId;
  const isDevice = ({ device }: KeepRule) => device !== null && devices[device] === reading.deviceId;
  const rule =
    rules.find((one) => isUser(one) && isDevice(one)) ??
    rules.find((one) => isUser(one) && one.device === null) ??
    rules.find((one) => isDevice(one) && one.user === null);
  const own = rule === undefined ? days : rule.days;
  return own === null || Math.floor(clock.now / DAY_MS) - Math.floor(reading.timestampMs / DAY_MS) < own;
}

/** What may be answered. */
function answerable(world: World): OracleReading[] {
  return world.written.filter((reading) => isStillKept(world, reading));
}

/** All that is hidden leaves the disk, so that nobody has to know what is left of it when it may be answered again. */
async function purge(world: World): Promise<void> {
  const { storage, clock } = world;
  expect(await expire({ storage, clock }, { trustClock: true })).toMatchObject({ held: 0 });
  for (let run = 0; run < 2; run += 1) {
    const { failures } = await compact({ storage, clock }, { all: true, trustClock: true, sweepAfterMs: 0 });
    expect(failures).toEqual([]);
  }
  world.written = answerable(world);
}

async function keep(world: World, { days, rules }: Extract<Step, { type: 'keep' }>): Promise<void> {
  const { users, devices } = world.history;
  await purge(world);
  const named = rules.map(({ user, device, days: own }) => ({
    ...(user === null ? {} : { user_id: users[user] as string }),
    // Of two devices there is no third.
    ...(device === null ? {} : { device_id: devices[device % devices.length] as string }),
    days: own,
  }));
  const known = new Set<string>();
  const isFirst = (rule: object) => {
    const place = JSON.stringify({ ...rule, days: 0 });
    const isNew = !known.has(place);
    known.add(place);
    return isNew;
  };
  const distinct = rules
    .map((rule, i) => ({ named: named[i] as (typeof named)[number], rule }))
    .filter(({ named: one }) => isFirst(one));
  await world.storage.erasures.keepFor({ days, rules: distinct.map((one) => one.named) });
  const indexed = distinct.map(({ rule }) => ({
    ...rule,
    device: rule.device === null ? null : rule.device % devices.length,
  }));
  world.kept = { days, rules: indexed };
  world.isKept = true;
}

async function eraseSome(world: World, { user, device, edges }: Extract<Step, { type: 'erase' }>): Promise<void> {
  const { users, devices } = world.history;
  const userId = users[user] as string;
  const deviceId = device === null ? undefined : devices[device];
  const [first, last] = edges;
  // Of two edges the earlier one begins it.
  const isTurned = first !== null && last !== null && first > last;
  const [start, end] = isTurned ? [last, first] : [first, last];
  if (start !== null && start === end) return;
  const erasures = { ...world.storage.erasures, holdMs: 0 };
  const input = { userId, deviceId, start: start ?? undefined, end: end ?? undefined };
  await erase({ storage: { ...world.storage, erasures }, clock: world.clock }, input);
  const before = world.erased.filter((one) => one.userId === userId).map(({ minute }) => minute + 1);
  const erasure: ErasedOf = {
    userId,
    deviceId,
    fromMs: start ?? 0,
    toMs: end ?? Number.POSITIVE_INFINITY,
    atMs: world.clock.now,
    minute: Math.max(Math.floor(world.clock.now / 60_000), ...before),
  };
  world.erased.push(erasure);
  world.written = world.written.filter((reading) => !isOf(erasure, reading));
  // What is accepted in the same millisecond may be on either side.
  world.clock.now += 1;
}

async function open({
  directory,
  clock,
  fileSystem,
  s3,
}: Pick<World, 'directory' | 'clock' | 'fileSystem' | 's3'>): Promise<
  Pick<World, 'queue' | 'storage' | 'remembering'>
> {
  const queue = await openEmbeddedQueue({ directory: path.join(directory, 'queue'), clock });
  const storage =
    s3 === null
      ? await openDirectoryStorage({ directory: path.join(directory, 'data'), fileSystem, clock })
      : await openFakeStorage(s3, { clock });
  return { queue, storage, remembering: rememberingStorage(storage) };
}

async function close(world: World): Promise<void> {
  await world.queue.close();
  await world.storage.close();
}

/** The real queue, failing its consumer where told to, and telling which readings it handed out. */
function watch(world: World, fail: Extract<Step, { type: 'drain' }>['fail'], claimed: OracleReading[]): Queue {
  const lost = new HrmError('the connection broke', { kind: 'unavailable', code: 'queue_unavailable' });
  return {
    ...world.queue,
    async claim(limits, options) {
      const claim = await world.queue.claim(limits, options);
      claimed.push(...listOf(decodeElements(claim?.elements ?? [], DEFAULTS).readings));
      if (claim !== null && fail === 'before-write') throw lost;
      return claim;
    },
    async ack(token, deadLetters) {
      if (fail === 'before-ack') throw lost;
      const outcome = await world.queue.ack(token, deadLetters);
      if (fail === 'after-ack') throw lost;
      return outcome;
    },
  };
}

async function drain(
  world: World,
  { maxReadings, maxSmallParts, fail }: Omit<Extract<Step, { type: 'drain' }>, 'type'>,
) {
  const claimed: OracleReading[] = [];
  const queue = watch(world, fail, claimed);
  try {
    const { outcome } = await drainBatch(
      { queue, storage: world.storage, clock: world.clock },
      { batchMaxReadings: maxReadings, maxSmallParts },
    );
    world.written.push(...leftOf(world, claimed));
    return outcome;
  } catch (error) {
    if (fail === 'no' || !isHrmError(error) || error.code !== 'queue_unavailable') throw error;
    // The parts were durable before the queue was told.
    if (fail !== 'before-write') world.written.push(...leftOf(world, claimed));
    return 'failed';
  }
}

async function send(world: World, count: number): Promise<void> {
  const batch = world.history.readings.slice(world.sent, world.sent + count);
  if (batch.length === 0) return;
  world.sent += batch.length;
  const wire = batch.map(({ userId, deviceId, timestampMs, heartRate }) => {
    return {
      user_id: userId,
      device_id: deviceId,
      timestamp: new Date(timestampMs).toISOString(),
      heart_rate: heartRate,
    };
  });
  const { accepted } = await enqueue({ queue: world.queue, clock: world.clock }, wire);
  expect(accepted).toBe(batch.length);
}

/** What the devices are, and the last readings. */
async function askForDevices(
  world: World,
  user: number,
  ranks: readonly number[],
  where: readonly Storage[],
): Promise<void> {
  const userId = world.history.users[user] as string;
  const priority = priorityOf(world, ranks);
  const expected = oracleDevices(answerable(world), userId, priority);
  for (const storage of where) {
    expectSame(await devices({ storage }, { userId }), expected.devices);
    expectSame(await latest({ storage }, { userId, priority }), expected.latest);
  }
}

/** Of intervals that are always as long. */
const WIDTHS_MS: Record<string, number> = {
  '1m': 60_000,
  '5m': 300_000,
  '15m': 900_000,
  '1h': 3_600_000,
  '1d': DAY_MS,
};

async function ask(
  world: World,
  { user, device, fromMs, toMs, interval, timeZone, ranks, resolve }: HistoryQuestion,
  where: readonly Storage[] = [world.storage, world.remembering],
): Promise<void> {
  const { users, devices, maxHeldReadings } = world.history;
  const userId = users[user] as string;
  const deviceId = device === null ? undefined : devices[device];
  const priority = priorityOf(world, ranks);
  const question = {
    userId,
    deviceId,
    fromMs,
    toMs,
    intervalMs: Number(WIDTHS_MS[interval]),
    interval,
    timeZone,
    priority,
    resolve,
  };
  const expected = oracleAnswer(answerable(world), question);
  for (const storage of where) {
    const asked = { userId, deviceId, start: fromMs, end: toMs, interval, timeZone, priority, resolve };
    const rows = await query({ storage }, asked, { maxHeldReadings });
    expectSame(rows, expected);
  }
}

function priorityOf({ history: { devices } }: World, ranks: readonly number[]): Record<string, number> {
  return Object.fromEntries(ranks.flatMap((rank, d) => (devices[d] === undefined ? [] : [[devices[d], rank]])));
}

async function take(world: World, step: Step): Promise<void> {
  switch (step.type) {
    case 'enqueue':
      return send(world, step.count);
    case 'drain':
      await drain(world, step);
      return;
    case 'abandon':
      // Somebody claims, and never comes back.
      await world.queue.claim(LIMITS);
      return;
    case 'compact': {
      const settings = { ...step, devicePriority: priorityOf(world, step.ranks) };
      const { failures } = await compact({ storage: world.storage, clock: world.clock }, settings);
      expect(failures).toEqual([]);
      return;
    }
    case 'tick':
      world.clock.now += step.ms;
      return;
    case 'day':
      world.clock.now += DAY_MS;
      return;
    case 'keep':
      return await keep(world, step);
    case 'expire':
      await expire({ storage: world.storage, queue: world.queue, clock: world.clock }, step);
      return;
    case 'erase':
      return await eraseSome(world, step);
    case 'reopen':
      await close(world);
      Object.assign(world, await open(world));
      return;
    case 'ask':
      await ask(world, step.question);
      return askForDevices(world, step.question.user, step.question.ranks, [world.remembering]);
  }
}

/** Every reading that was sent is written by now, once the leases of the dead have ended. */
async function settle(world: World): Promise<void> {
  await send(world, 10_000);
  world.clock.now += 60_000;
  while ((await drain(world, { maxReadings: 50_000, maxSmallParts: 32, fail: 'no' })) !== 'empty');
  expect(await world.queue.depth()).toEqual({
    readings: 0,
    claimedReadings: 0,
    deadLetters: 0,
    endedClaims: 0,
    oldestMs: null,
  });
  const keys = (readings: readonly OracleReading[]) =>
    new Set(
      readings.map(({ userId, deviceId, timestampMs, heartRate }) =>
        JSON.stringify([userId, deviceId, timestampMs, heartRate]),
      ),
    );
  const all = keys(world.history.readings);
  if (world.erased.length === 0 && !world.isKept) expect(keys(world.written)).toEqual(all);
  else for (const key of keys(world.written)) expect(all).toContain(key);
}

/**
 * Asks all that there is to ask, one of both storages, which is another at each question, each round and each history. A user's first day and
 * hours are asked for once in three rounds, of another user in each.
 */
async function askEverything(world: World, nth: number, round: number): Promise<void> {
  const both = [world.storage, world.remembering];
  // The same for no kind of history: those with the pool are every eighth.
  let turn = nth + Math.floor(nth / HISTORIES_A_POOLED_ONE) + round;
  function where(): readonly Storage[] {
    turn += 1;
    return [both[turn % 2] as Storage];
  }
  for (const question of world.history.questions) await ask(world, question, where());
  for (const user of [0, 1, 2]) {
    await askForDevices(world, user, [2, 1], where());
    const all = { user, device: null, fromMs: START_MS - 500 * DAY_MS, toMs: START_MS + 2 * DAY_MS };
    await ask(
      world,
      { ...all, interval: '1m', ranks: [2, 1], resolve: RESOLVES[(user + round) % 2] as Resolve },
      where(),
    );
    const kind = (nth + user + round) % 3;
    if (kind === 0) await ask(world, { ...all, fromMs: 0, toMs: DAY_MS, interval: '1d', ranks: [] }, where());
    // Where a day is answered in pieces, all of them must be its own, at whatever place of the question it is.
    const fromMs = START_MS - (1 + user) * DAY_MS;
    if (kind === 1) await ask(world, { ...all, fromMs, toMs: START_MS + DAY_MS, interval: '1h', ranks: [] }, where());
  }
}

async function filesByPartition(world: World): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const files = world.s3?.objects.keys() ?? (await readdir(path.join(world.directory, 'data'), { recursive: true }));
  for (const entry of files) {
    if (!entry.endsWith('.parquet')) continue;
    const partition = path.dirname(entry);
    counts.set(partition, (counts.get(partition) ?? 0) + 1);
  }
  return counts;
}

/** Compactions of one partition in a history, at most. */
const MAX_CHAIN = 40;

/** Nothing is left of what was erased, neither in files nor in their names. */
async function finishAll(world: World): Promise<void> {
  const { storage, queue, clock } = world;
  let left: readonly unknown[] = [];
  for (let run = 0; run < MAX_CHAIN; run += 1) {
    ({ left } = await finishErasures({ storage, queue, clock }, { sweepAfterMs: 0 }));
    if (left.length === 0) break;
  }
  expect(left).toEqual([]);
  const places = answerable(world).map(
    ({ userId, timestampMs }) => `${partitionDate(timestampMs)}/${userDirectory(userId)}`,
  );
  // A user's directory may be called like a file, and then counts as one of its date.
  for (const partition of (await filesByPartition(world)).keys())
    if (partition.includes('/')) expect(places).toContain(partition.split('/').slice(-2).join('/'));
}

async function live(history: History, nth: number): Promise<void> {
  const fileSystem = nth % HISTORIES_A_POOLED_ONE === 0 ? realFileSystem : promptFileSystem;
  const directory = await mkdtemp(path.join(MEMORY_DIRECTORY, 'hrm-history-'));
  const clock = { now: START_MS, nowMs: () => clock.now };
  const s3 = nth % HISTORIES_AN_S3_ONE === 2 ? createFakeS3() : null;
  const opened = await open({ directory, clock, fileSystem, s3 });
  const world: World = {
    ...{ directory, history, clock, fileSystem, s3, sent: 0, written: [], erased: [], ...opened },
    kept: { days: null, rules: [] },
    isKept: false,
  };
  try {
    for (const step of history.steps) await take(world, step);
    await settle(world);
    await askEverything(world, nth, 0);
    if (world.isKept) await purge(world);
    const devicePriority = priorityOf(world, history.questions[0]?.ranks ?? []);
    await compact({ storage: world.storage, clock }, { all: true, sweepAfterMs: 0, devicePriority });
    await askEverything(world, nth, 1);
    let { swept } = await compact({ storage: world.storage, clock }, { all: true, sweepAfterMs: 0 });
    // In S3 a compacted file keeps its name, and goes a run after the file that named it: a chain of them takes as many runs.
    for (let run = 0; s3 !== null && swept > 0 && run < MAX_CHAIN; run += 1)
      ({ swept } = await compact({ storage: world.storage, clock }, { all: true, sweepAfterMs: 0 }));
    await askEverything(world, nth, 2);
    for (const [partition, files] of await filesByPartition(world)) expect(files, partition).toBe(1);
    await finishAll(world);
    await askEverything(world, nth, 3);
  } finally {
    await close(world);
    await rm(directory, { recursive: true });
  }
}

/**
 * Lives random histories, and asks the oracle after each.
 * @throws Error with the steps of the first history that is answered wrongly.
 */
export async function liveHistories(count: number, seed: number): Promise<void> {
  let lived = 0;
  const details = await fc.check(
    fc.asyncProperty(anyHistory, async (history) => {
      expect(history.readings.length).toBeGreaterThanOrEqual(200);
      lived += 1;
      await live(history, lived);
    }),
    // A failure is reported as it is: shrinking a thousand operations takes longer than reading them.
    { numRuns: count, seed, endOnFailure: true },
  );
  if (details.failed) {
    const steps = details.counterexample?.[0].steps.map((step) => JSON.stringify(step)).join('\n');
    throw new Error(`history ${lived} of HRM_SEED=${seed} failed; its steps:\n${steps}`, {
      cause: details.errorInstance,
    });
  }
  expect(lived).toBe(count);
}
