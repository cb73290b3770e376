/**
 * A user's devices, and the last readings: which minutes to look into is known from rollups, and of readings only those few
 * minutes are read.
 */
import { throwIfAborted } from '../errors.js';
import { MAX_TIMESTAMP_MS, MINUTE_MS } from '../limits.js';
import type { CallOptions } from '../ports/queue.js';
import type { Partition, Snapshot, Storage } from '../ports/storage.js';
import { type ReadingColumns, takeRows } from '../pure/columns.js';
import { type DevicePriority, mergeReadings, rankDevices } from '../pure/merge.js';
import { dateStartMs } from '../pure/partition.js';
import { parseQuestion, type Question } from '../pure/question.js';
import { formatInstant } from '../pure/timestamp.js';
import { compareUtf8 } from '../pure/utf8.js';
import type { OnDamage } from './damage.js';
import { daysOf, overPartitions } from './days.js';
import { findSources, type Source } from './known-day.js';
import { readGroups } from './known-file.js';
import type { ReadContext } from './read-day.js';
import { takeTurns } from './turns.js';

/** What `devices` and `latest` work on. */
export interface DevicesComponents {
  readonly storage: Storage;
}

/** How they are asked. */
export interface DevicesOptions extends CallOptions {
  /** Faults name the fields as the wire spells them (`/user_id`); default false. */
  readonly wireNames?: boolean | undefined;
  /** Hears of each file that could not be read, and that the answer was therefore made without. */
  readonly onDamage?: OnDamage | undefined;
}

/** A reading of a device. */
export interface DeviceReading {
  /** ISO 8601, UTC, with milliseconds where they are not 0. */
  readonly timestamp: string;
  /** bpm. */
  readonly heartRate: number;
}

/** A device that has readings stored. */
export interface Device {
  readonly deviceId: string;
  /** Its first stored reading, by timestamp. */
  readonly first: DeviceReading;
  /** Its last. */
  readonly last: DeviceReading;
}

/** The last readings of a user. */
export interface Latest {
  /** Of all devices; at the same millisecond of the one with the best priority. `null`: nothing is stored. */
  readonly latest: (DeviceReading & { readonly deviceId: string }) | null;
  /** Of each device, by device_id in UTF-8 byte order. */
  readonly devices: readonly (DeviceReading & { readonly deviceId: string })[];
}

/**
 * Lists a user's devices with their first and last stored reading, by device_id in UTF-8 byte order; an unknown user has
 * none. Readings still queued are not in it.
 *
 * @throws HrmError kind `invalid`, code `invalid_query`, for what is no user_id; kind `unavailable` when the storage cannot
 *   now; kind `closed` when aborted. A damaged file is no error: see `onDamage`.
 * @example
 * const all = await devices({ storage }, { userId: 'ana' });
 */
export async function devices(
  { storage }: DevicesComponents,
  { userId }: { readonly userId: string },
  options: DevicesOptions = {},
): Promise<readonly Device[]> {
  const question = wholeHistory(userId, {}, options);
  const spans = await findSpans(storage, question, options);
  const [firsts, lasts] = [
    await readEnds(storage, question, spans, 'first', options),
    await readEnds(storage, question, spans, 'last', options),
  ];
  return [...spans.keys()].sort(compareUtf8).flatMap((deviceId): Device[] => {
    const [first, last] = [firsts.get(deviceId), lasts.get(deviceId)];
    return first === undefined || last === undefined ? [] : [{ deviceId, first: shown(first), last: shown(last) }];
  });
}

/**
 * The last stored reading of each of a user's devices, and of the user. Readings still queued are not in it.
 *
 * @param input.priority - decides between devices at the same millisecond; default: the smaller device_id.
 * @throws as {@link devices}.
 * @example
 * const { latest: reading } = await latest({ storage }, { userId: 'ana', priority: { chest_strap: 1 } });
 */
export async function latest(
  { storage }: DevicesComponents,
  { userId, priority = {} }: { readonly userId: string; readonly priority?: DevicePriority | undefined },
  options: DevicesOptions = {},
): Promise<Latest> {
  const question = wholeHistory(userId, priority, options);
  const spans = await findSpans(storage, question, options);
  const lasts = await readEnds(storage, question, spans, 'last', options);
  const ids = [...lasts.keys()].sort(compareUtf8);
  const all = ids.map((deviceId) => ({ deviceId, ...shown(lasts.get(deviceId) as End) }));
  const lastMs = [...lasts.values()].reduce((last, { timestampMs }) => Math.max(last, timestampMs), -1);
  const [best = -1] = rankDevices(ids, priority).filter((i) => lasts.get(ids[i] ?? '')?.timestampMs === lastMs);
  return { latest: all[best] ?? null, devices: all };
}

function wholeHistory(userId: string, priority: DevicePriority, { wireNames = false }: DevicesOptions): Question {
  const asked = { userId, start: 0, end: 0, priority };
  const question = parseQuestion(asked, { naiveTimestamps: 'reject', wireNames });
  return { ...question, toMs: MAX_TIMESTAMP_MS + 1 };
}

/** The first millisecond of the minutes that a device's first and last reading lie in, and their days. */
interface Span {
  firstMs: number;
  readonly firstDay: readonly Partition[];
  lastMs: number;
  lastDay: readonly Partition[];
}

async function findSpans(
  storage: Storage,
  question: Question,
  { signal, onDamage }: DevicesOptions,
): Promise<ReadonlyMap<string, Span>> {
  const turns = takeTurns();
  const spans = new Map<string, Span>();
  for await (const day of daysOf(storage, question, { signal })) {
    await turns.give();
    const found = await overPartitions(storage, day, question, { signal, onDamage, turns }, (context, snapshots) =>
      spansOfDay(context, snapshots, question),
    );
    for (const [deviceId, { firstMs, lastMs }] of found) {
      const span = spans.get(deviceId);
      if (span === undefined) spans.set(deviceId, { firstMs, firstDay: day, lastMs, lastDay: day });
      else Object.assign(span, { lastMs, lastDay: day });
    }
  }
  return spans;
}

/** Minutes, by device. */
type DaySpans = Map<string, { firstMs: number; lastMs: number }>;

async function spansOfDay(context: ReadContext, snapshots: readonly Snapshot[], question: Question): Promise<DaySpans> {
  const dayMs = dateStartMs(snapshots[0]?.partition.date ?? '') ?? 0;
  const spans: DaySpans = new Map();
  function add(deviceId: string, fromMs: number, toMs: number): void {
    const { firstMs, lastMs } = spans.get(deviceId) ?? { firstMs: fromMs, lastMs: toMs };
    spans.set(deviceId, { firstMs: Math.min(firstMs, fromMs), lastMs: Math.max(lastMs, toMs) });
  }
  for (const source of await findSources(context, snapshots, question)) {
    const { rollup } = source.known;
    if (rollup === null) {
      for await (const columns of tablesOf(context, source, question, null)) addRows(columns, add);
    } else if (rollup.userId === question.userId) {
      for (const [d, { minute }] of rollup.series.entries()) {
        const [first = 0, last = 0] = [minute[0], minute.at(-1)];
        add(rollup.devices[d] as string, dayMs + first * MINUTE_MS, dayMs + last * MINUTE_MS);
      }
    }
    await context.turns.give();
  }
  return spans;
}

function addRows(columns: ReadingColumns, add: (deviceId: string, fromMs: number, toMs: number) => void): void {
  for (let row = 0; row < columns.length; row += 1) {
    const timestampMs = columns.timestampMs[row] as number;
    const minuteMs = timestampMs - (timestampMs % MINUTE_MS);
    add(columns.devices[columns.device[row] as number] as string, minuteMs, minuteMs);
  }
}

/** The readings of the question's user in a file, a row group at a time; of a minute's groups only. */
async function* tablesOf(
  { cache, damage, turns }: ReadContext,
  { file, partition, known }: Source,
  { userId }: Question,
  minuteMs: number | null,
): AsyncGenerator<ReadingColumns> {
  const isWanted = (ms: number) => minuteMs === null || (ms >= minuteMs && ms < minuteMs + MINUTE_MS);
  for (const group of known.footer.groups) {
    if (minuteMs !== null && (group.lastMs < minuteMs || group.fromMs >= minuteMs + MINUTE_MS)) continue;
    const read = await damage.read(file, partition, () => readGroups(cache, file, partition, known, [group]));
    for (const columns of read ?? []) {
      const rows: number[] = [];
      for (let row = 0; row < columns.length; row += 1) {
        const isUsers = columns.users[columns.user[row] as number] === userId;
        if (isUsers && isWanted(columns.timestampMs[row] as number)) rows.push(row);
      }
      yield takeRows(columns, Uint32Array.from(rows));
    }
    await turns.give();
  }
}

/** A reading at the end of a device's history. */
interface End {
  readonly timestampMs: number;
  readonly heartRate: number;
}

/** Reads the first or the last reading of each device: a day once, and of it the minutes in question. */
async function readEnds(
  storage: Storage,
  question: Question,
  spans: ReadonlyMap<string, Span>,
  end: 'first' | 'last',
  { signal, onDamage }: DevicesOptions,
): Promise<ReadonlyMap<string, End>> {
  const turns = takeTurns();
  const wanted = new Map<readonly Partition[], Map<number, string[]>>();
  for (const [deviceId, { firstMs, firstDay, lastMs, lastDay }] of spans) {
    const [day, minuteMs] = end === 'first' ? [firstDay, firstMs] : [lastDay, lastMs];
    const minutes = wanted.get(day) ?? new Map<number, string[]>();
    wanted.set(day, minutes.set(minuteMs, [...(minutes.get(minuteMs) ?? []), deviceId]));
  }
  const ends = new Map<string, End>();
  for (const [day, minutes] of wanted) {
    throwIfAborted(signal, 'the query');
    await overPartitions(storage, day, question, { signal, onDamage, turns }, async (context, snapshots) => {
      const sources = await findSources(context, snapshots, question);
      for (const [minuteMs, ids] of minutes) {
        const tables: ReadingColumns[] = [];
        for (const source of sources)
          for await (const columns of tablesOf(context, source, question, minuteMs)) tables.push(columns);
        for (const [deviceId, found] of endsOf(mergeReadings(tables), end))
          if (ids.includes(deviceId)) ends.set(deviceId, found);
      }
    });
  }
  return ends;
}

/** Of merged readings, which are in order of time within a device. */
function endsOf(columns: ReadingColumns, end: 'first' | 'last'): Map<string, End> {
  const ends = new Map<string, End>();
  for (let row = 0; row < columns.length; row += 1) {
    const deviceId = columns.devices[columns.device[row] as number] as string;
    if (end === 'first' && ends.has(deviceId)) continue;
    ends.set(deviceId, {
      timestampMs: columns.timestampMs[row] as number,
      heartRate: columns.heartRate[row] as number,
    });
  }
  return ends;
}

function shown({ timestampMs, heartRate }: End): DeviceReading {
  return { timestamp: formatInstant(timestampMs), heartRate };
}
