/** The erasures of a store, and what they hide. */
import { createHash } from 'node:crypto';
import { DAY_MS, MAX_TIMESTAMP_MS } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import { narrowDictionaries, type ReadingColumns, takeRows } from '../columns.js';
import { dateStartMs, partitionDate } from '../partition.js';
import { type Erasure, hashOf } from './erasure.js';
import { type Expiry, firstKeptDate, KEEP_ALL, type Retention } from './retention.js';

/** What a file's readings are looked at through. */
export interface ErasureMask {
  /** 32 hex digits: what tells these erasures from any others. A file made through them says so, and is not looked at again. */
  readonly key: string;
  /** The readings that are not erased. */
  keep(columns: ReadingColumns): ReadingColumns;
}

/** Some erasures, as of one moment. */
export interface ErasureRegister {
  readonly all: readonly Erasure[];
  /** How long readings are kept. */
  readonly retention: Retention;
  /** The UTC day that the register is of, counted from 1970. */
  readonly today: number;
  /** Whether nothing of a partition is kept any more: then it is answered as if it were not there. */
  isGone(partition: { readonly date: string; readonly directory: string }): boolean;
  /** Those of a user. */
  ofUser(userId: string): readonly Erasure[];
  /** What the files of a partition are looked at through; `null` where nothing of them can be erased. */
  maskOf(partition: { readonly date: string; readonly directory: string }): ErasureMask | null;
}

/** Ids whose hashes are remembered, about 200 bytes each. */
const MAX_KNOWN_IDS = 50_000;

/** Makes a register. @param today - the UTC day that it is of, counted from 1970. */
export function createRegister(
  all: readonly Erasure[],
  retention: Retention = KEEP_ALL,
  today: number = 0,
): ErasureRegister {
  if (all.length === 0 && retention.isNone) return { ...NO_ERASURES, retention, today };
  const users = indexOf(all, 'user');
  const directories = indexOf(all, 'directory');
  const masks = new Map<string, ErasureMask | null>();

  const keptFrom = firstKeptDate(today, retention.fewestDays);

  function makeMask(partition: { readonly date: string; readonly directory: string }): ErasureMask | null {
    const { date, directory } = partition;
    const expiry = retention.expiryOf(partition, today);
    const dayMs = dateStartMs(date) ?? 0;
    const isOfDay = ({ from_ms: fromMs, to_ms: toMs }: Erasure) =>
      (fromMs === null || fromMs < dayMs + DAY_MS) && (toMs === null || toMs > dayMs);
    const own = (directory === SHARED_DIRECTORY ? all : directories.of(directory)).filter(isOfDay);
    return own.length === 0 && expiry === null ? null : createMask(own, users.of, expiry);
  }

  return {
    all,
    retention,
    today,
    isGone: (partition) => partition.date < keptFrom && retention.goneOn(partition) <= today,
    ofUser: users.of,
    maskOf(partition) {
      const place = `${partition.date}/${partition.directory}`;
      let mask = masks.get(place);
      if (mask === undefined) {
        mask = makeMask(partition);
        if (masks.size >= MAX_KNOWN_IDS) masks.clear();
        masks.set(place, mask);
      }
      return mask;
    },
  };
}

/** The register of a store of which nothing was erased. */
export const NO_ERASURES: ErasureRegister = {
  all: [],
  retention: KEEP_ALL,
  today: 0,
  isGone: () => false,
  ofUser: () => [],
  maskOf: () => null,
};

/** Finds erasures by an id, of which they have a hash. */
function indexOf(all: readonly Erasure[], kind: 'user' | 'directory') {
  const salts = new Map<string, Map<string, Erasure[]>>();
  for (const erasure of all) {
    const hashes = salts.get(erasure.salt) ?? new Map<string, Erasure[]>();
    salts.set(erasure.salt, hashes);
    const alike = hashes.get(erasure[kind]);
    if (alike === undefined) hashes.set(erasure[kind], [erasure]);
    else alike.push(erasure);
  }
  const known = new Map<string, readonly Erasure[]>();
  return {
    of(id: string): readonly Erasure[] {
      let found = known.get(id);
      if (found === undefined) {
        found = [...salts].flatMap(([salt, hashes]) => hashes.get(hashOf(salt, kind, id)) ?? []);
        if (known.size >= MAX_KNOWN_IDS) known.clear();
        known.set(id, found);
      }
      return found;
    },
  };
}

function createMask(
  erasures: readonly Erasure[],
  ofUser: (userId: string) => readonly Erasure[],
  expiry: Expiry | null,
): ErasureMask {
  const own = new Set(erasures);
  const ids = erasures.map(({ id }) => id).sort();
  const told = expiry === null ? ids : [...ids, expiry.key];
  return {
    key: createHash('sha256').update(told.join()).digest('hex').slice(0, 32),
    keep(columns) {
      const users = columns.users.map((userId) => ofUser(userId).filter((erasure) => own.has(erasure)));
      const expired = expiry === null ? null : expiredIn(columns, expiry);
      if (expired === null && users.every((some) => some.length === 0)) return columns;
      const isDevice = deviceTest(columns.devices);
      const kept = new Uint32Array(columns.length);
      let count = 0;
      for (let row = 0; row < columns.length; row += 1) {
        const [ms, minute] = [columns.timestampMs[row] as number, columns.receivedMinute[row] as number];
        const [user, device] = [columns.user[row] as number, columns.device[row] as number];
        if (expired?.(user, device)) continue;
        const isErased = users[user]?.some(
          (erasure) => minute <= erasure.until_minute && isInRange(erasure, ms) && isDevice(erasure, device),
        );
        if (isErased) continue;
        kept[count] = row;
        count += 1;
      }
      return count === columns.length ? columns : narrowDictionaries(takeRows(columns, kept.subarray(0, count)));
    },
  };
}

/** Whether a user's device is hidden, by their indices: each pair is looked up once. */
function expiredIn(
  { users, devices }: ReadingColumns,
  { isExpired }: Expiry,
): (user: number, device: number) => boolean {
  const known = new Map<number, boolean>();
  return (user, device) => {
    const pair = user * devices.length + device;
    let isHidden = known.get(pair);
    if (isHidden === undefined) {
      isHidden = isExpired(users[user] as string, devices[device] as string);
      known.set(pair, isHidden);
    }
    return isHidden;
  };
}

/** Whether an instant is in the range of an erasure. */
export function isInRange({ from_ms: fromMs, to_ms: toMs }: Erasure, timestampMs: number): boolean {
  return (fromMs === null || timestampMs >= fromMs) && (toMs === null || timestampMs < toMs);
}

/** Whether a device is one that an erasure is of, by its index: each id is hashed once. */
export function deviceTest(devices: readonly string[]): (erasure: Erasure, device: number) => boolean {
  const hashes = new Map<string, string>();
  return ({ device: wanted, salt }, device) => {
    if (wanted === null) return true;
    const key = `${salt}/${device}`;
    let hash = hashes.get(key);
    if (hash === undefined) {
      hash = hashOf(salt, 'device', devices[device] as string);
      hashes.set(key, hash);
    }
    return hash === wanted;
  };
}

/** The UTC dates that some erasures are of, `YYYYMMDD`, inclusive. */
export function datesOfErasures(erasures: readonly Erasure[]): { readonly fromDate: string; readonly toDate: string } {
  let [fromMs, lastMs] = [MAX_TIMESTAMP_MS, 0];
  for (const { from_ms: from, to_ms: to } of erasures) {
    fromMs = Math.min(fromMs, from ?? 0);
    lastMs = Math.max(lastMs, to === null ? MAX_TIMESTAMP_MS : to - 1);
  }
  return { fromDate: partitionDate(Math.max(0, fromMs)), toDate: partitionDate(lastMs) };
}
