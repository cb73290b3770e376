import { HrmError, isHrmError, MAX_ENQUEUE_READINGS, pause } from 'hrm-core';
import { type Command, type Invocation, QUEUE_SETTINGS } from '../command.js';
import { createBackpressure } from '../import/backpressure.js';
import { type Destination, withDestination } from '../import/destination.js';
import { enqueueWithBackpressure } from '../import/enqueue-with-backpressure.js';
import { summaryText } from '../output/output.js';
import { type Progress, rateText, startProgress } from '../output/progress.js';
import { URL_OPTION } from '../server.js';
import { type Anomalies, deliveries, type SimulatedReading } from '../simulate/deliveries.js';
import { MAX_DEVICES } from '../simulate/device.js';
import { readSimulateOptions, type SimulateOptions } from '../simulate/options.js';

/** Between two readings of a device in the history, ms: a day of it is 5,760. */
const BACKFILL_EVERY_MS = 15_000;

/** `hrm simulate` */
export const simulateCommand: Command = {
  name: 'simulate',
  about:
    'Makes believable readings for demonstrations and load: sleep, days and exercise of many people, as several devices each see them. They have ' +
    'noise and gaps, come out of order and twice, and late in bursts. They go into the queue in real time, under ids like sim-0001. ' +
    'The same --seed and --start give the same readings. SIGINT ends it early, which is no failure.',
  options: [
    { name: 'users', value: 'N', about: 'People; default 10.' },
    { name: 'devices', value: 'N', about: `Devices of each, 1 to ${MAX_DEVICES}; default 2.` },
    { name: 'rate', value: 'R', about: 'Readings a second, of all together; default one of each device.' },
    { name: 'duration', value: 'D', about: 'How long: 90s, 10m, 2h; default 60s, with --backfill 0.' },
    { name: 'seed', value: 'S', about: 'Which people and chances; default 1.' },
    { name: 'start', value: 'T', about: 'The first timestamp, like 2024-01-15T10:00:00Z; default now.' },
    {
      name: 'backfill',
      value: 'DAYS',
      about: 'First the history of so many days before, a reading a device every 15 s, at once.',
    },
    URL_OPTION,
    { name: 'dry-run', about: 'Print the readings as NDJSON, as fast as they are read, and touch no queue.' },
  ],
  settings: [...QUEUE_SETTINGS, 'apiKey', 'queueHighWater', 'maxFutureMs', 'maxPastMs'],
  examples: [
    'hrm simulate --users 100 --rate 500 --duration 10m',
    'hrm simulate --users 3 --backfill 365',
    'hrm simulate --users 2 --duration 1h --seed 7 --start 2024-01-15T08:00:00Z --dry-run | gzip > readings.ndjson.gz',
  ],
  async run(invocation) {
    const options = readSimulateOptions(invocation.args, Date.now());
    if (invocation.args.has('dry-run')) await printReadings(options, invocation);
    else await feedQueue(options, invocation);
    return 'done';
  },
};

/** Some readings, and when they are due after the start; what is history is due at once. */
interface Due {
  readonly afterMs: number;
  readonly readings: readonly SimulatedReading[];
}

/** History, then what comes in real time, in pieces that can be enqueued. */
function* pieces(options: SimulateOptions, anomalies: Anomalies): Generator<Due, void, undefined> {
  const { startMs, backfillMs, durationMs, users, devices, rate } = options;
  const history = { ...options, fromMs: startMs - backfillMs, toMs: startMs, everyMs: BACKFILL_EVERY_MS };
  let readings: SimulatedReading[] = [];
  for (const delivery of deliveries(history, anomalies)) {
    for (const reading of delivery.readings) {
      if (readings.push(reading) < MAX_ENQUEUE_READINGS) continue;
      yield { afterMs: 0, readings };
      readings = [];
    }
  }
  if (readings.length > 0) yield { afterMs: 0, readings };
  const everyMs = (users * devices * 1_000) / rate;
  const live = { ...options, fromMs: startMs, toMs: startMs + durationMs, everyMs };
  for (const delivery of deliveries(live, anomalies)) {
    for (let from = 0; from < delivery.readings.length; from += MAX_ENQUEUE_READINGS) {
      yield { afterMs: delivery.byMs - startMs, readings: delivery.readings.slice(from, from + MAX_ENQUEUE_READINGS) };
    }
  }
}

function noAnomalies(): Anomalies {
  return { duplicates: 0, late: 0, missing: 0 };
}

async function printReadings(options: SimulateOptions, { output, signal }: Invocation): Promise<void> {
  for (const { readings } of pieces(options, noAnomalies())) {
    if (signal.aborted) return;
    const text = readings.map((reading) => `${JSON.stringify(reading)}\n`).join('');
    if (!(await output.write(text))) return;
  }
}

/** What came of a simulation. */
interface Tally extends Anomalies {
  enqueued: number;
}

async function feedQueue(options: SimulateOptions, invocation: Invocation): Promise<void> {
  const { json, output, stderr, signal } = invocation;
  const tally: Tally = { enqueued: 0, ...noAnomalies() };
  const progress = startProgress({ label: 'simulate', total: 1, stream: stderr, enabled: !json });
  const beganMs = performance.now();
  try {
    await withDestination(invocation, (queue) => enqueueAll(queue, options, invocation, tally, progress));
  } catch (error) {
    // Told to stop in the midst of a piece: that is how it is ended.
    if (!signal.aborted || !isHrmError(error) || error.kind !== 'closed') throw withReasons(error, json);
  } finally {
    progress.end();
  }
  const { enqueued, duplicates, late, missing } = tally;
  const elapsedMs = Math.round(performance.now() - beganMs);
  const counts = {
    users: options.users,
    devices: options.users * options.devices,
    enqueued,
    duplicates,
    late,
    missing,
  };
  const rows: (readonly [string, string | number])[] = [
    ['users', counts.users],
    ['devices', counts.devices],
    ['readings enqueued', enqueued],
    ['of them twice', duplicates],
    ['of them late', late],
    ['not measured', missing],
    ['rate', rateText(enqueued, elapsedMs)],
    ['seed', options.seed],
    ['stopped early', signal.aborted ? 'yes' : 'no'],
  ];
  const wire = { ...counts, elapsed_ms: elapsedMs, seed: options.seed, stopped: signal.aborted };
  await output.write(json ? `${JSON.stringify(wire)}\n` : summaryText(rows));
}

/** Reasons that are told, of the different ones. */
const MAX_REASONS = 3;

/** The same error, which for people says why: its faults repeat each other, and JSON has them in `errors`. */
function withReasons(error: unknown, json: boolean): unknown {
  if (json || !isHrmError(error) || error.code !== 'invalid_readings') return error;
  const reasons = new Set(
    error.faults.map(({ path, message }) => `${path.replace(/^\/\d*\/?/, '')} ${message}`.trim()),
  );
  const { kind, code, faults, faultCount } = error;
  const message = [error.message, ...[...reasons].slice(0, MAX_REASONS)].join('\n');
  return new HrmError(message, { kind, code, faults, faultCount, cause: error });
}

async function enqueueAll(
  queue: Destination,
  options: SimulateOptions,
  { settings, signal }: Invocation,
  tally: Tally,
  progress: Progress,
): Promise<void> {
  const backpressure = createBackpressure(queue, tally, {
    signal,
    onWait: () => progress.update(0, 'the queue is full: waiting'),
  });
  const totalMs = options.backfillMs + options.durationMs;
  const beganMs = performance.now();
  let liveBeganMs: number | undefined;
  for (const { afterMs, readings } of pieces(options, tally)) {
    if (afterMs > 0) {
      liveBeganMs ??= performance.now();
      const waitMs = liveBeganMs + afterMs - performance.now();
      // When the signal cuts the wait short, what follows ends it.
      if (waitMs > 0) await pause(waitMs, signal);
    }
    if (signal.aborted) return;
    tally.enqueued += await enqueueWithBackpressure(queue, readings, {
      maxFutureMs: settings.maxFutureMs,
      maxPastMs: settings.maxPastMs,
      signal,
      backpressure,
    });
    const lastMs = Date.parse(readings.at(-1)?.timestamp ?? '') - options.startMs + options.backfillMs;
    const note = `${tally.enqueued.toLocaleString('en')} readings, ${rateText(tally.enqueued, performance.now() - beganMs)}`;
    progress.update(Math.max(0, lastMs) / totalMs, note);
  }
}
