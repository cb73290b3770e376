import { MIN_EVERY_MS, maxSimulationRate, SIMULATION_BOUNDS, type SimulationPlan } from 'hrm-core/simulate';
import type { ParsedArguments } from '../command.js';
import { usageError } from '../usage-error.js';

const DAY_MS = 86_400_000;

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: DAY_MS };

/** Reads the flags. @throws HrmError kind `invalid`, code `invalid_usage`, naming the first that is wrong. */
export function readSimulateOptions(args: ParsedArguments, nowMs: number): SimulationPlan {
  const bounds = SIMULATION_BOUNDS;
  function integer(name: string, fallback: number, [min, max]: readonly [number, number]): number {
    const text = args.value(name);
    if (text === undefined) return fallback;
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw usageError(`--${name} is ${JSON.stringify(text)}: it must be an integer from ${min} to ${max}`);
  }
  const users = integer('users', 10, bounds.users);
  const devices = integer('devices', 2, bounds.devices);
  const rate = integer('rate', Math.min(bounds.rate[1], users * devices), bounds.rate);
  const maxRate = maxSimulationRate(users * devices);
  if (rate > maxRate) {
    const fix = `take more users or devices, or --rate ${maxRate}`;
    throw usageError(
      `--rate is more than ${users * devices} devices can have, a reading every ${MIN_EVERY_MS} ms: ${fix}`,
    );
  }
  const backfillMs = integer('backfill', 0, bounds.backfillDays) * DAY_MS;
  const durationMs = duration(args.value('duration') ?? (backfillMs > 0 ? '0' : '60'));
  const seed = integer('seed', 1, bounds.seed);
  const startMs = start(args.value('start'), nowMs);
  if (startMs < backfillMs) throw usageError('--backfill goes back to before 1970, which no reading may');
  if (durationMs + backfillMs === 0)
    throw usageError('--duration is 0: there is nothing to simulate without --backfill');
  return { users, devices, rate, durationMs, backfillMs, seed, startMs };
}

function duration(text: string): number {
  const [, count = '', unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text) ?? [];
  if (count !== '') return Number(count) * (UNITS_MS[unit] ?? 1_000);
  throw usageError(`--duration is ${JSON.stringify(text)}: it must be like 90, 90s, 10m, 2h or 1d`);
}

function start(text: string | undefined, nowMs: number): number {
  if (text === undefined) return Math.floor(nowMs / 1_000) * 1_000;
  const startMs = /^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (startMs >= 0) return startMs;
  throw usageError(`--start is ${JSON.stringify(text)}: it must be like 2024-01-15T10:00:00Z, not before 1970`);
}
