/**
 * What devices make of a heart: each its own bias and noise, gaps where it was not worn, and hours in which it was out of reach and
 * uploads later.
 */
import { bell, chance } from './chance.js';
import { heartRateAt, type Person } from './heart.js';

/** The bounds of a reading, bpm: see the contract. */
const [MIN_BPM, MAX_BPM] = [30, 220];

/** Kinds of device, the first given first: how far off they are always, and each time, bpm. */
const KINDS = [
  { name: 'watch', biasBpm: 2, noiseBpm: 1.6 },
  { name: 'strap', biasBpm: 0.3, noiseBpm: 0.5 },
  { name: 'ring', biasBpm: 2.5, noiseBpm: 1.2 },
  { name: 'band', biasBpm: 3, noiseBpm: 2.5 },
  { name: 'phone', biasBpm: 4, noiseBpm: 3 },
  { name: 'earbud', biasBpm: 2, noiseBpm: 2 },
  { name: 'patch', biasBpm: 0.5, noiseBpm: 0.8 },
  { name: 'scale', biasBpm: 3, noiseBpm: 4 },
] as const;

/** Devices of one person, at most. */
export const MAX_DEVICES = KINDS.length;

/** Length of the stretches in which a device is off, and how many of them it is. */
const OFF = { blockMs: 7 * 60_000, share: 0.04 } as const;

/** Of those in which it is out of reach: what it measures is delivered when it is back. */
const AWAY = { blockMs: 20 * 60_000, share: 0.05 } as const;

/** One device of one person. */
export interface Device {
  readonly person: Person;
  readonly deviceId: string;
  readonly key: readonly number[];
  readonly biasBpm: number;
  readonly noiseBpm: number;
}

/** A person's devices. @param count - at most {@link MAX_DEVICES}. */
export function createDevices(person: Person, count: number): readonly Device[] {
  return KINDS.slice(0, count).map(({ name, biasBpm, noiseBpm }, i) => {
    const key = [...person.key, 20 + i];
    return { person, deviceId: name, key, biasBpm: biasBpm * bell(...key, 1), noiseBpm };
  });
}

/** What the device shows at a moment, a whole number of bpm; `null` while it is not worn. */
export function measure({ person, key, biasBpm, noiseBpm }: Device, atMs: number): number | null {
  if (chance(...key, 2, Math.floor(atMs / OFF.blockMs)) < OFF.share) return null;
  const bpm = heartRateAt(person, atMs) + biasBpm + noiseBpm * bell(...key, 3, atMs);
  return Math.min(MAX_BPM, Math.max(MIN_BPM, Math.round(bpm)));
}

/** When what a device measures at a moment can be delivered: then, or when it is back in reach. */
export function reachableMs({ key }: Device, atMs: number): number {
  let block = Math.floor(atMs / AWAY.blockMs);
  let reachable = atMs;
  while (chance(...key, 4, block) < AWAY.share) {
    block += 1;
    reachable = block * AWAY.blockMs;
  }
  return reachable;
}
