import { HrmError } from 'hrm-core';
import type { ParsedArguments } from '../command.js';
import { MAX_DEVICES } from './device.js';

/** What one call of `hrm simulate` does. */
export interface SimulateOptions {
  readonly users: number;
  readonly devices: number;
  /** Readings a second, of all devices together. */
  readonly rate: number;
  /** How long it goes on, simulated and real, ms. */
  readonly durationMs: number;
  /** History before that, ms. */
  readonly backfillMs: number;
  readonly seed: number;
  /** The first instant of what is not history, epoch ms. */
  readonly startMs: number;
}

const DAY_MS = 86_400_000;

/** Bounds of a simulation: what one process makes, and a queue takes, with some room. */
const MAX_USERS = 100_000;
const MAX_RATE = 100_000;
const MAX_BACKFILL_DAYS = 3_660;
const MAX_SEED = 2 ** 31 - 1;

/** Of a device, ms: readings of one millisecond would be one reading. */
const MIN_EVERY_MS = 2;

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: DAY_MS };

/** Reads the flags. @throws HrmError kind `invalid`, code `invalid_usage`, naming the first that is wrong. */
export function readSimulateOptions(args: ParsedArguments, nowMs: number): SimulateOptions {
  function integer(name: string, fallback: number, min: number, max: number): number {
    const text = args.value(name);
    if (text === undefined) return fallback;
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw usageError(`--${name} is ${JSON.stringify(text)}: it must be an integer from ${min} to ${max}`);
  }
  const users = integer('users', 10, 1, MAX_USERS);
  const devices = integer('devices', 2, 1, MAX_DEVICES);
  const rate = integer('rate', Math.min(MAX_RATE, users * devices), 1, MAX_RATE);
  if ((users * devices * 1_000) / rate < MIN_EVERY_MS) {
    const fix = `take more users or devices, or --rate ${Math.floor((users * devices * 1_000) / MIN_EVERY_MS)}`;
    throw usageError(
      `--rate is more than ${users * devices} devices can have, a reading every ${MIN_EVERY_MS} ms: ${fix}`,
    );
  }
  const backfillMs = integer('backfill', 0, 0, MAX_BACKFILL_DAYS) * DAY_MS;
  const durationMs = duration(args.value('duration') ?? (backfillMs > 0 ? '0' : '60'));
  const seed = integer('seed', 1, 0, MAX_SEED);
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

function usageError(message: string): HrmError {
  return new HrmError(message, { kind: 'invalid', code: 'invalid_usage' });
}
