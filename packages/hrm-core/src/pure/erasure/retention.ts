/**
 * How long readings are kept, in UTC days, and what follows for the files of a day.
 *
 * A reading is of the UTC date that it was measured on. Of `days` days today is one: so a reading is never older than `days` times 24 hours,
 * and its date goes as a whole, when a UTC day begins. The most special rule counts: of a user's device, of a user, of a device, of all.
 *
 * As of erasures, ids are kept as keyed hashes. What is asked about a partition goes by the name of its directory.
 */
import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { DAY_MS, MAX_RETENTION_DAYS, MAX_RETENTION_RULES } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import { dateStartMs, partitionDate, userDirectory } from '../partition.js';
import { IdSchema } from '../reading/reading.js';
import { hashOf, newSalt } from './erasure.js';

const DaysSchema = v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_RETENTION_DAYS)));

/** How long some readings are kept. */
const RuleSchema = v.pipe(
  v.strictObject({ user_id: v.optional(IdSchema), device_id: v.optional(IdSchema), days: DaysSchema }),
  v.check(
    ({ user_id: user, device_id: device }) => user !== undefined || device !== undefined,
    'must name a user_id or a device_id',
  ),
);

/** The rules of a file, as a person writes them. */
export const RetentionRulesSchema = v.pipe(
  v.array(RuleSchema),
  v.maxLength(MAX_RETENTION_RULES),
  v.check(
    (rules) =>
      new Set(rules.map(({ user_id: user, device_id: device }) => JSON.stringify([user, device]))).size ===
      rules.length,
    'must not have two rules of the same user and device',
  ),
);

/** How long readings are kept, as somebody says it. */
export interface RetentionInput {
  /** UTC days, 1 to {@link MAX_RETENTION_DAYS}, of which today is one; `null`: for ever. */
  readonly days: number | null;
  /** Exceptions. */
  readonly rules: v.InferOutput<typeof RetentionRulesSchema>;
}

const HASH = v.nullable(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)));

const RecordSchema = v.strictObject({
  version: v.literal(1),
  /** What the hashes are keyed by. */
  salt: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  /** When it was said, epoch ms. */
  since_ms: v.pipe(v.number(), v.safeInteger()),
  /** `null`: for ever. */
  days: DaysSchema,
  rules: v.array(
    v.strictObject({
      /** `null`: of all users. */
      user: HASH,
      /** Of the name of the user's directory. */
      directory: HASH,
      /** Of that name in small letters, since a file system may not tell it from another one. */
      folded: HASH,
      /** `null`: of all devices. */
      device: HASH,
      days: DaysSchema,
    }),
  ),
});

/** How long readings are kept, as it is stored with them. */
export type RetentionRecord = Readonly<v.InferOutput<typeof RecordSchema>>;

/** Makes a record. @param before - the one in force, whose hashes go on; @param salt - of the store, where it has one. */
export function createRetentionRecord(
  { days, rules }: RetentionInput,
  { salt = newSalt(), nowMs }: { readonly salt?: string | undefined; readonly nowMs: number },
): RetentionRecord {
  const hash = (kind: Parameters<typeof hashOf>[1], id: string | undefined) =>
    id === undefined ? null : hashOf(salt, kind, id);
  const hashed = rules.map(({ user_id: userId, device_id: deviceId, days: own }) => {
    const directory = userId === undefined ? undefined : userDirectory(userId);
    return {
      user: hash('user', userId),
      directory: hash('directory', directory),
      folded: hash('folded', directory?.toLowerCase()),
      device: hash('device', deviceId),
      days: own,
    };
  });
  const byPlace = hashed.sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  return { version: 1, salt, since_ms: nowMs, days, rules: byPlace };
}

type HashedRule = RetentionRecord['rules'][number];

function placeOf({ user, device }: Pick<HashedRule, 'user' | 'device'>): string {
  return `${user ?? ''}/${device ?? ''}`;
}

/** Whether two records say the same, whenever they were said. */
export function isSameRetention(a: RetentionRecord | null, b: RetentionRecord): boolean {
  const told = ({ days, rules }: RetentionRecord) => JSON.stringify([days, rules]);
  return a === null ? b.days === null && b.rules.length === 0 : told(a) === told(b);
}

/** A record as text. */
export function retentionText(record: RetentionRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

/** The record that a text is; `null` where it is none. */
export function parseRetention(text: string): RetentionRecord | null {
  try {
    return v.parse(RecordSchema, JSON.parse(text));
  } catch {
    return null;
  }
}

/** What is hidden of a partition since the days of some rules ended, and what tells it from what is hidden at any other time. */
export interface Expiry {
  /** Tells it from the expiry of any other day, and by other rules. */
  readonly key: string;
  /** Whether the readings of a device are hidden. */
  isExpired(userId: string, deviceId: string): boolean;
}

/** How long readings are kept: what answers go by. */
export interface Retention {
  /** `null`: nothing was ever said. */
  readonly record: RetentionRecord | null;
  /** Whether everything is kept for ever. */
  readonly isNone: boolean;
  /** The fewest days that anything is kept; `Infinity`: all is kept for ever. */
  readonly fewestDays: number;
  /** Days that a device's readings are kept; `Infinity`: for ever. */
  daysOf(userId: string, deviceId: string): number;
  /** The UTC day on which nothing of a partition is kept any more, whoever's it is; `Infinity`: none. Then it goes as a whole. */
  goneOn(partition: Place): number;
  /** What is hidden of a partition on some day; `null`: nothing. */
  expiryOf(partition: Place, today: number): Expiry | null;
}

/** A partition. */
interface Place {
  readonly date: string;
  readonly directory: string;
}

/** The UTC day of an instant, counted from 1970. */
export function dayOfMs(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

/** The UTC day of a date, counted from 1970. */
function dayOfDate(date: string): number {
  return dayOfMs(dateStartMs(date) ?? 0);
}

/** The first date that is not gone on some day, where `days` days are kept. */
export function firstKeptDate(today: number, days: number): string {
  return partitionDate(Math.max(0, today - days + 1) * DAY_MS);
}

/** Whether an instant is no longer kept. */
export function isExpiredAt(
  retention: Retention,
  {
    userId,
    deviceId,
    timestampMs,
  }: { readonly userId: string; readonly deviceId: string; readonly timestampMs: number },
  today: number,
): boolean {
  const day = dayOfMs(timestampMs);
  return day + retention.fewestDays <= today && day + retention.daysOf(userId, deviceId) <= today;
}

/** Everything is kept for ever. */
export const KEEP_ALL: Retention = {
  record: null,
  isNone: true,
  fewestDays: Number.POSITIVE_INFINITY,
  daysOf: () => Number.POSITIVE_INFINITY,
  goneOn: () => Number.POSITIVE_INFINITY,
  expiryOf: () => null,
};

/** Ids whose hashes are remembered. */
const MAX_KNOWN_IDS = 50_000;

/** Reads a record. */
export function createRetention(record: RetentionRecord | null): Retention {
  if (record === null) return KEEP_ALL;
  const { salt, rules } = record;
  const [forAll, ofDevices, ofUsers] = [
    record.days ?? Number.POSITIVE_INFINITY,
    rules.filter(({ user }) => user === null),
    groupByDirectory(rules),
  ];
  const all = [forAll, ...rules.map(daysIn)];
  const [fewest, most] = [leastOf(all), greatestOf(all)];
  if (fewest === Number.POSITIVE_INFINITY) return { ...KEEP_ALL, record };
  const byPlace = new Map(rules.map((rule) => [placeOf(rule), daysIn(rule)]));
  const hash = remembering((kind: 'user' | 'device' | 'directory' | 'folded', id: string) => hashOf(salt, kind, id));

  function daysOf(userId: string, deviceId: string): number {
    if (rules.length === 0) return forAll;
    const [user, device] = [hash('user', userId), hash('device', deviceId)];
    const places = [
      { user, device },
      { user, device: null },
      { user: null, device },
    ].map(placeOf);
    for (const place of places) {
      const days = byPlace.get(place);
      if (days !== undefined) return days;
    }
    return forAll;
  }

  /** The rules that the readings of a partition may be under, and whether they may be under none. */
  function rulesOf(directory: string): { readonly own: readonly HashedRule[]; readonly isUnruled: boolean } {
    if (directory === SHARED_DIRECTORY || rules.length === 0) return { own: rules, isUnruled: true };
    const own = ofUsers.exact.get(hash('directory', directory)) ?? [];
    // A rule of the user as a whole goes before those of devices.
    if (own.some(({ device }) => device === null)) return { own, isUnruled: false };
    return { own: [...ofDevices, ...own], isUnruled: true };
  }

  return {
    record,
    isNone: false,
    fewestDays: fewest,
    daysOf,
    goneOn({ date, directory }) {
      const day = dayOfDate(date);
      if (directory === SHARED_DIRECTORY || rules.length === 0) return day + most;
      // Of a user with fewer days than others have, somebody whose name differs by its case may have readings there.
      const own = ofUsers.folded.get(hash('folded', directory.toLowerCase())) ?? [];
      return day + greatestOf([forAll, ...[...ofDevices, ...own].map(daysIn)]);
    },
    expiryOf(partition, today) {
      const day = dayOfDate(partition.date);
      if (day + fewest > today) return null;
      const { own, isUnruled } = rulesOf(partition.directory);
      const limits = [...(isUnruled ? [forAll] : []), ...own.map(daysIn)];
      const past = limits.map((days) => day + days).filter((since) => since <= today);
      if (past.length === 0) return null;
      const sinceDay = greatestOf(past);
      const told = JSON.stringify([salt, isUnruled ? forAll : null, own, sinceDay]);
      return {
        key: createHash('sha256').update(told).digest('hex').slice(0, 32),
        isExpired: (userId, deviceId) => day + daysOf(userId, deviceId) <= sinceDay,
      };
    },
  };
}

/** There may be very many. */
function greatestOf(all: readonly number[]): number {
  return all.reduce((most, one) => Math.max(most, one), Number.NEGATIVE_INFINITY);
}

function leastOf(all: readonly number[]): number {
  return all.reduce((least, one) => Math.min(least, one), Number.POSITIVE_INFINITY);
}

function daysIn({ days }: HashedRule): number {
  return days ?? Number.POSITIVE_INFINITY;
}

function groupByDirectory(rules: readonly HashedRule[]) {
  const exact = new Map<string, HashedRule[]>();
  const folded = new Map<string, HashedRule[]>();
  for (const rule of rules) {
    if (rule.directory === null || rule.folded === null) continue;
    exact.set(rule.directory, [...(exact.get(rule.directory) ?? []), rule]);
    folded.set(rule.folded, [...(folded.get(rule.folded) ?? []), rule]);
  }
  return { exact, folded };
}

function remembering<Kind extends string>(
  make: (kind: Kind, id: string) => string,
): (kind: Kind, id: string) => string {
  const known = new Map<string, string>();
  return (kind, id) => {
    const key = `${kind}\n${id}`;
    let value = known.get(key);
    if (value === undefined) {
      value = make(kind, id);
      if (known.size >= MAX_KNOWN_IDS) known.clear();
      known.set(key, value);
    }
    return value;
  };
}
