/**
 * A believable heart: a resting rate of one's own, lower and calmer in sleep, restless by day, and up to three times that in
 * exercise. A pure function of the person and the moment. No model of medicine: what charts and load tests need.
 */
import { bell, chance, wander } from './chance.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** One simulated person. */
export interface Person {
  readonly userId: string;
  /** What every chance of this person's begins with. */
  readonly key: readonly [seed: number, index: number];
  readonly restingBpm: number;
  /** How much of the way to the maximum rate exercise goes, and how often there is any. */
  readonly fitness: number;
  /** How far this person's day is behind UTC's, ms. */
  readonly shiftMs: number;
}

/** The person of a seed with this number. */
export function createPerson(seed: number, index: number): Person {
  const key = [seed, index] as const;
  return {
    userId: `sim-${String(index + 1).padStart(4, '0')}`,
    key,
    restingBpm: Math.min(82, Math.max(50, 63 + 7 * bell(...key, 1))),
    fitness: chance(...key, 2),
    shiftMs: Math.round((chance(...key, 3) - 0.5) * 3 * HOUR_MS),
  };
}

/** The true rate at a moment, bpm, not rounded; between 38 and 200. */
export function heartRateAt(person: Person, atMs: number): number {
  const { key, restingBpm } = person;
  const ownMs = atMs - person.shiftMs;
  const hour = (ownMs % DAY_MS) / HOUR_MS;
  const awake = wakefulness(hour);
  const circadian = 3 * Math.cos(((hour - 16) / 24) * 2 * Math.PI);
  // Sleep comes in cycles of an hour and a half; days come in errands, meals and stairs.
  const asleep = -9 + 3 * Math.sin((hour / 1.5) * 2 * Math.PI) + 2 * wander(atMs, 20_000, ...key, 4);
  const errand = Math.max(0, wander(atMs, 12 * MINUTE_MS, ...key, 5));
  const active = 6 + 22 * errand ** 2 + 4 * wander(atMs, 90_000, ...key, 6) + 3 * wander(atMs, 15_000, ...key, 7);
  const calm = restingBpm + circadian + awake * active + (1 - awake) * asleep;
  const effort = exertion(person, ownMs);
  const peakBpm = 135 + 45 * chance(...key, 8) + 4 * wander(atMs, 45_000, ...key, 9);
  return Math.min(200, Math.max(38, calm + effort * Math.max(0, peakBpm - calm)));
}

/** 0 asleep to 1 awake: up at seven, down at eleven, each over forty minutes. */
function wakefulness(hour: number): number {
  return Math.min(ramp(hour, 6.7, 7.4), 1 - ramp(hour, 22.7, 23.4));
}

function ramp(at: number, from: number, to: number): number {
  return Math.min(1, Math.max(0, (at - from) / (to - from)));
}

/** Hours at which people exercise. */
const BOUT_HOURS = [7.5, 12.25, 18] as const;

/** 0 to 1: how much of the exercise of the day is felt now. Warms up in four minutes, and is mostly gone ten after the end. */
function exertion({ key, fitness }: Person, ownMs: number): number {
  const day = Math.floor(ownMs / DAY_MS);
  if (chance(...key, 10, day) > 0.25 + 0.55 * fitness) return 0;
  const hour = BOUT_HOURS[Math.floor(chance(...key, 11, day) * BOUT_HOURS.length)] ?? 18;
  const startMs = day * DAY_MS + hour * HOUR_MS + (chance(...key, 12, day) - 0.5) * HOUR_MS;
  const lengthMs = (25 + 40 * chance(...key, 13, day)) * MINUTE_MS;
  const sinceMs = ownMs - startMs;
  if (sinceMs <= 0) return 0;
  const level = 0.75 + 0.25 * chance(...key, 14, day);
  const warm = (ms: number) => level * (1 - Math.exp(-ms / (2 * MINUTE_MS)));
  if (sinceMs <= lengthMs) return warm(sinceMs);
  return warm(lengthMs) * Math.exp(-(sinceMs - lengthMs) / (4 * MINUTE_MS));
}
