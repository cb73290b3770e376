/**
 * How many devices a user may have on one day. What is asked about a day takes time and memory that grow with its devices, and a row of an answer
 * names them all; nobody wears thousands.
 *
 * It is judged where readings are accepted, and nowhere after that: what was accepted is stored, and what is stored is answered,
 * however many devices that are. Within a batch it is exact. From one batch to the next a process goes by what it has accepted
 * itself lately, so several processes, or one started anew, let through some times as many; that is enough for a bound on harm.
 */
import { DEFAULTS } from '../../defaults.js';
import { DAY_MS, MAX_NOTED_DEVICES } from '../../limits.js';
import type { Reading } from '../../pure/columns.js';
import type { QueuedReadings } from '../../pure/reading/queued-readings.js';

/** Counts devices; one for all readings that a process accepts. */
export interface DeviceBound {
  /** Devices that a user may have on a UTC day. */
  readonly maxDevices: number;
  /** Begins to judge readings that are accepted together or not at all. */
  begin(): DeviceCount;
}

/** The devices of some readings, as far as they are not known. */
export interface DeviceCount {
  /** @returns indices of readings with one device too many. */
  add(readings: readonly Reading[]): readonly number[];
  /** As `add`, of readings `fromRow <= row < toRow`. @returns whether any has one device too many; which, `add` says. */
  hasTooMany(readings: QueuedReadings, fromRow: number, toRow: number): boolean;
  /** They were accepted. */
  keep(): void;
}

/** @param maxDevices - of a user on one UTC day. */
export function createDeviceBound(maxDevices: number = DEFAULTS.maxDevices): DeviceBound {
  /** By day and user, those that nothing was added to for longest first. */
  const known = new Map<string, Set<number>>();
  let noted = 0;
  function forget(key: string): void {
    noted -= known.get(key)?.size ?? 0;
    known.delete(key);
  }
  function keep(fresh: ReadonlyMap<string, ReadonlySet<number>>): void {
    for (const [key, devices] of fresh) {
      if (devices.size === 0) continue;
      const all = known.get(key) ?? new Set<number>();
      forget(key);
      for (const device of devices) all.add(device);
      known.set(key, all);
      noted += all.size;
    }
    for (const key of known.keys()) {
      if (noted <= MAX_NOTED_DEVICES) return;
      forget(key);
    }
  }
  return {
    maxDevices,
    begin() {
      const fresh = new Map<string, Set<number>>();
      return {
        add: (readings) => tooMany(readings, { maxDevices, known, fresh }),
        hasTooMany: (readings, fromRow, toRow) => hasTooMany(readings, [fromRow, toRow], { maxDevices, known, fresh }),
        keep: () => keep(fresh),
      };
    },
  };
}

interface Counted {
  readonly maxDevices: number;
  readonly known: ReadonlyMap<string, ReadonlySet<number>>;
  readonly fresh: Map<string, Set<number>>;
}

function tooMany(readings: readonly Reading[], counted: Counted): readonly number[] {
  const faults: number[] = [];
  let [userId, deviceId, day] = ['', '', -1];
  let isOver = false;
  for (const [i, reading] of readings.entries()) {
    const readingDay = Math.floor(reading.timestampMs / DAY_MS);
    // Readings of one device stand together.
    if (reading.deviceId !== deviceId || reading.userId !== userId || readingDay !== day) {
      ({ userId, deviceId } = reading);
      day = readingDay;
      isOver = isOneTooMany(`${day} ${userId}`, hashOf(deviceId), counted);
    }
    if (isOver) faults.push(i);
  }
  return faults;
}

function hasTooMany(
  { users, devices, user, device, timestampMs }: QueuedReadings,
  [fromRow, toRow]: readonly [number, number],
  counted: Counted,
): boolean {
  const judged = new Set<number>();
  let last = -1;
  for (let row = fromRow; row < toRow; row += 1) {
    const day = Math.floor((timestampMs[row] as number) / DAY_MS);
    const [userIndex, deviceIndex] = [user[row] as number, device[row] as number];
    const series = (day * users.length + userIndex) * devices.length + deviceIndex;
    if (series === last || judged.has(series)) continue;
    last = series;
    judged.add(series);
    if (isOneTooMany(`${day} ${users[userIndex]}`, hashOf(devices[deviceIndex] as string), counted)) return true;
  }
  return false;
}

/** Counts a device, unless it is one too many. @param key - day and user. */
function isOneTooMany(key: string, device: number, { maxDevices, known, fresh }: Counted): boolean {
  const [before, now] = [known.get(key), fresh.get(key) ?? new Set<number>()];
  if (before?.has(device) === true || now.has(device)) return false;
  if ((before?.size ?? 0) + now.size >= maxDevices) return true;
  fresh.set(key, now.add(device));
  return false;
}

/** FNV-1a of the code units. Two devices with one hash count as one: of 10,000 that happens to one pair in a hundred times. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
