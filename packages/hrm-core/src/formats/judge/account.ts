import { MAX_FILE_DAMAGES, MAX_FILE_NOTES } from '../../limits.js';
import { type DamagePiece, DROP_REASONS, type DropReason } from '../file-format.js';

/** What a file has of one device. */
export interface DeviceAccount {
  /** Where the file itself says whose device it is. */
  readonly userId?: string | undefined;
  readonly deviceId: string;
  /** Readings, >= 1. */
  readonly count: number;
  /** Epoch milliseconds UTC of the earliest and of the latest. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Something that somebody should know of a file, and how often it was so. */
export interface FileNote {
  readonly code: string;
  readonly message: string;
  readonly count: number;
}

/** What came of a file: every value of it is a reading, or counted with the reason why it is none. */
export interface FileAccount {
  /** The format's name. */
  readonly format: string;
  /** Readings, all devices together. */
  readonly readings: number;
  /** In the order in which the file names them. */
  readonly devices: readonly DeviceAccount[];
  /** Values that became no reading, by reason; reasons that did not come up are not there. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  readonly notes: readonly FileNote[];
  /** Places from which on nothing could be read, the first {@link MAX_FILE_DAMAGES}; empty where the file is whole. */
  readonly damages: readonly Omit<DamagePiece, 'kind'>[];
  readonly damageCount: number;
}

/** Values that were there, and say that something is wrong with the file or its device. */
const FAULT_REASONS: readonly DropReason[] = [
  'damaged',
  'no_time',
  'no_zone',
  'too_old',
  'expired',
  'in_future',
  'too_large',
  'too_low',
  'too_high',
];

/** Notes that say that values may be wrong, or that some may be missing. */
const FAULT_NOTES = ['crc_mismatch', 'crc_missing', 'not_finished', 'not_utf8', 'not_text'];

/**
 * Whether a file is as it should be: whole, with values that are none only where there was nothing to measure. Summaries and doubled values are
 * usual.
 */
export function isClean({ damageCount, dropped, notes }: FileAccount): boolean {
  const isWhole = damageCount === 0 && !notes.some(({ code }) => FAULT_NOTES.includes(code));
  return isWhole && FAULT_REASONS.every((reason) => dropped[reason] === undefined);
}

/** An account that is being kept. */
export interface AccountKeeper {
  drop(reason: DropReason, count: number): void;
  note(code: string, message: string, count?: number): void;
  damage(damage: Omit<DamagePiece, 'kind'>): void;
  /** The number of a device, from 0 on; `null` where there are too many. */
  deviceIndex(userId: string | undefined, deviceId: string): number | null;
  addReading(device: number, timeMs: number): void;
  account(): FileAccount;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Begins an account. @param maxDevices - devices that are told apart. */
export function keepAccount(format: string, maxDevices: number): AccountKeeper {
  const devices: Mutable<DeviceAccount>[] = [];
  const places = new Map<string, number>();
  const dropped = new Map<DropReason, number>();
  const notes = new Map<string, Mutable<FileNote>>();
  const damages: Omit<DamagePiece, 'kind'>[] = [];
  let damageCount = 0;
  let readings = 0;
  return {
    drop(reason, count) {
      dropped.set(reason, (dropped.get(reason) ?? 0) + count);
    },
    note(code, message, count = 1) {
      const key = `${code} ${message}`;
      const known = notes.get(key);
      if (known !== undefined) known.count += count;
      else if (notes.size < MAX_FILE_NOTES) notes.set(key, { code, message, count });
    },
    damage({ at, message }) {
      damageCount += 1;
      if (damages.length < MAX_FILE_DAMAGES) damages.push({ at, message });
    },
    deviceIndex(userId, deviceId) {
      // Ids have no control characters.
      const key = userId === undefined ? deviceId : `${userId}\n${deviceId}`;
      const known = places.get(key);
      if (known !== undefined) return known;
      if (devices.length >= maxDevices) return null;
      places.set(key, devices.length);
      const times = { firstMs: Number.POSITIVE_INFINITY, lastMs: Number.NEGATIVE_INFINITY };
      return devices.push({ ...(userId !== undefined && { userId }), deviceId, count: 0, ...times }) - 1;
    },
    addReading(index, timeMs) {
      const device = devices[index];
      if (device === undefined) return;
      readings += 1;
      device.count += 1;
      if (timeMs < device.firstMs) device.firstMs = timeMs;
      if (timeMs > device.lastMs) device.lastMs = timeMs;
    },
    account: () => ({
      format,
      readings,
      devices: devices.filter(({ count }) => count > 0),
      dropped: Object.fromEntries(
        DROP_REASONS.flatMap((reason) => (dropped.has(reason) ? [[reason, dropped.get(reason)]] : [])),
      ),
      notes: [...notes.values()],
      damages,
      damageCount,
    }),
  };
}
