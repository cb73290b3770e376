import { HrmError, isHrmError, summaryText } from 'hrm-core';
import { runSimulation, SIMULATION_BOUNDS, type SimulationPlan, simulatedReadings } from 'hrm-core/simulate';
import { type Command, type Invocation, QUEUE_SETTINGS } from '../command.js';
import { rateText, startProgress } from '../output/progress.js';
import { URL_OPTION } from '../server.js';
import { withTarget } from '../with-target.js';
import { readSimulateOptions } from './simulate-options.js';

/** `hrm simulate` */
export const simulateCommand: Command = {
  name: 'simulate',
  about:
    'Makes believable readings for demonstrations and load: sleep, days and exercise of many people, as several devices each see them. They have ' +
    'noise and gaps, come out of order and twice, and late in bursts. They go into the queue in real time, under ids like sim-0001. ' +
    'The same --seed and --start give the same readings. SIGINT ends it early, which is no failure.',
  options: [
    { name: 'users', value: 'N', about: 'People; default 10.' },
    { name: 'devices', value: 'N', about: `Devices of each, 1 to ${SIMULATION_BOUNDS.devices[1]}; default 2.` },
    { name: 'rate', value: 'R', about: 'Readings per second, of all together; default one of each device.' },
    { name: 'duration', value: 'D', about: 'How long: 90s, 10m, 2h; default 60s, with --backfill 0.' },
    { name: 'seed', value: 'S', about: 'Which people and chances; default 1.' },
    { name: 'start', value: 'T', about: 'The first timestamp, like 2024-01-15T10:00:00Z; default now.' },
    {
      name: 'backfill',
      value: 'DAYS',
      about: 'First the history of so many days before, one reading per device every 15 s, at once.',
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

async function printReadings(plan: SimulationPlan, { output, signal }: Invocation): Promise<void> {
  for (const { readings } of simulatedReadings(plan)) {
    if (signal.aborted) return;
    const text = readings.map((reading) => `${JSON.stringify(reading)}\n`).join('');
    if (!(await output.write(text))) return;
  }
}

async function feedQueue(plan: SimulationPlan, invocation: Invocation): Promise<void> {
  const { settings, json, output, stderr, signal } = invocation;
  const { maxFutureMs, maxPastMs } = settings;
  const progress = startProgress({ label: 'simulate', total: 1, stream: stderr, enabled: !json });
  const beganMs = performance.now();
  const rate = (enqueued: number) => rateText(enqueued, performance.now() - beganMs);
  const onWait = () => progress.update(0, 'the queue is full: waiting');
  function onProgress(share: number, enqueued: number): void {
    progress.update(share, `${enqueued.toLocaleString('en')} readings, ${rate(enqueued)}`);
  }
  const options = { maxFutureMs, maxPastMs, signal, onProgress, onWait };
  const summary = await withTarget(invocation, (target) => runSimulation(target, plan, options))
    .catch((error: unknown) => {
      throw withReasons(error, json);
    })
    .finally(() => progress.end());
  const { enqueued, duplicates, late, missing, isStopped } = summary;
  const elapsedMs = Math.round(performance.now() - beganMs);
  const counts = {
    users: plan.users,
    devices: plan.users * plan.devices,
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
    ['seed', plan.seed],
    ['stopped early', isStopped ? 'yes' : 'no'],
  ];
  const wire = { ...counts, elapsed_ms: elapsedMs, seed: plan.seed, stopped: isStopped };
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
