/**
 * Of one day of a user: when each device's readings begin and end, and the reading at one of those ends. Each row group is read once, however
 * many devices are in it.
 */
import { DAY_MS, MINUTE_MS, ROW_GROUP_ROWS } from '../../limits.js';
import type { RowGroup } from '../../parquet/footer.js';
import type { Snapshot } from '../../ports/storage.js';
import type { Question } from '../../pure/answer/question.js';
import type { ReadingColumns } from '../../pure/columns.js';
import { dateStartMs } from '../../pure/partition.js';
import { readGroups } from '../files/load-file.js';
import type { ReadContext } from './days.js';
import { findSources, type Source } from './load-day.js';

/** A reading at the end of a device's history. */
export interface End {
  readonly timestampMs: number;
  readonly heartRate: number;
  readonly receivedMinute: number;
}

/** The minutes that a device's first and last reading of a day lie in, by device. */
export type DaySpans = Map<string, { firstMs: number; lastMs: number }>;

/** Finds them from rollups, where files have them; of the row groups of one device, from what those say of themselves. */
export async function spansOfDay(
  context: ReadContext,
  snapshots: readonly Snapshot[],
  question: Question,
): Promise<DaySpans> {
  const dayMs = dateStartMs(snapshots[0]?.partition.date ?? '') ?? 0;
  const day = { fromMs: dayMs, toMs: dayMs + DAY_MS };
  const spans: DaySpans = new Map();
  function add(deviceId: string, firstMs: number, lastMs: number): void {
    const span = spans.get(deviceId);
    if (span === undefined) spans.set(deviceId, { firstMs: minuteOf(firstMs), lastMs: minuteOf(lastMs) });
    else {
      span.firstMs = Math.min(span.firstMs, minuteOf(firstMs));
      span.lastMs = Math.max(span.lastMs, minuteOf(lastMs));
    }
  }
  for (const source of await findSources(context, snapshots, question)) {
    const { rollup, footer } = source.known;
    if (rollup !== null) {
      for (const [d, { minute }] of (rollup.userId === question.userId ? rollup.series : []).entries()) {
        const [first = 0, last = 0] = [minute[0], minute.at(-1)];
        add(rollup.devices[d] as string, dayMs + first * MINUTE_MS, dayMs + last * MINUTE_MS);
      }
    } else {
      const unsure: RowGroup[] = [];
      for (const group of footer.groups) {
        if (!footer.isMasked && isOneDevices(group, question, day)) add(group.deviceId, group.fromMs, group.lastMs);
        else unsure.push(group);
      }
      for await (const rows of rowsOf(context, source, question, unsure)) addRows(rows, day, add);
    }
    await context.yielder.yieldTurn();
  }
  return spans;
}

function minuteOf(timestampMs: number): number {
  return timestampMs - (timestampMs % MINUTE_MS);
}

/** Half-open: a reading that lies in a file of another day than its own counts nowhere. */
type Day = Pick<Question, 'fromMs' | 'toMs'>;

/** Whether a row group says by itself whose it is, and when: one that is proved by its checksum, which another writer's is not. */
function isOneDevices(
  group: RowGroup,
  { userId }: Question,
  { fromMs, toMs }: Day,
): group is RowGroup & { deviceId: string } {
  const isOfDay = group.fromMs >= fromMs && group.lastMs < toMs;
  return group.checksum !== null && group.userId === userId && group.deviceId !== null && isOfDay;
}

/** Some rows of a table, and which of its users is asked about. */
interface Rows {
  readonly columns: ReadingColumns;
  readonly user: number;
  readonly fromRow: number;
  readonly toRow: number;
}

/** The rows of a file's row groups, so many at a time that everybody else has a turn in between. */
async function* rowsOf(
  { cache, damage, yielder }: ReadContext,
  { file, partition, known }: Source,
  { userId }: Question,
  groups: readonly RowGroup[],
): AsyncGenerator<Rows> {
  // All readings of a small file are known at once.
  const each = known.columns === null ? groups.map((group) => [group]) : [groups];
  for (const some of each) {
    const read = await damage.read(file, partition, () => readGroups(cache, file, partition, known, some));
    for (const columns of read ?? []) {
      const user = columns.users.indexOf(userId);
      for (let fromRow = 0; fromRow < columns.length; fromRow += ROW_GROUP_ROWS) {
        yield { columns, user, fromRow, toRow: Math.min(columns.length, fromRow + ROW_GROUP_ROWS) };
        await yielder.yieldTurn();
      }
    }
    await yielder.yieldTurn();
  }
}

/** Adds the first and the last reading of the day that each device has among some rows. */
function addRows(
  { columns: { devices: ids, device, user: users, timestampMs }, user, fromRow, toRow }: Rows,
  { fromMs, toMs }: Day,
  add: (deviceId: string, firstMs: number, lastMs: number) => void,
): void {
  const firsts = new Float64Array(ids.length).fill(Number.POSITIVE_INFINITY);
  const lasts = new Float64Array(ids.length).fill(Number.NEGATIVE_INFINITY);
  for (let row = fromRow; row < toRow; row += 1) {
    if (users[row] !== user) continue;
    const [d, ms] = [device[row] as number, timestampMs[row] as number];
    if (ms < fromMs || ms >= toMs) continue;
    if (ms < (firsts[d] as number)) firsts[d] = ms;
    if (ms > (lasts[d] as number)) lasts[d] = ms;
  }
  for (const [d, id] of ids.entries()) {
    if (Number.isFinite(firsts[d])) add(id, firsts[d] as number, lasts[d] as number);
  }
}

/** In which minute the reading lies that is looked for, by device; which of those in it. */
export interface WantedEnds {
  readonly minutes: ReadonlyMap<string, number>;
  readonly end: 'first' | 'last';
}

/** Finds the wanted readings. */
export async function endsOfDay(
  context: ReadContext,
  snapshots: readonly Snapshot[],
  question: Question,
  wanted: WantedEnds,
): Promise<Map<string, End>> {
  const inOrder = Float64Array.from(new Set(wanted.minutes.values())).sort();
  const ends = new Map<string, End>();
  for (const source of await findSources(context, snapshots, question)) {
    const groups = source.known.footer.groups.filter((group) => mayHave(group, inOrder));
    for await (const rows of rowsOf(context, source, question, groups)) addEnds(rows, wanted, ends);
  }
  return ends;
}

/** Whether one of the minutes overlaps a row group. @param minutes - their first milliseconds, ascending. */
function mayHave({ fromMs, lastMs }: RowGroup, minutes: Float64Array): boolean {
  let [from, to] = [0, minutes.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((minutes[middle] as number) + MINUTE_MS > fromMs) to = middle;
    else from = middle + 1;
  }
  return from < minutes.length && (minutes[from] as number) <= lastMs;
}

/** Of equal timestamps the reading counts that rule 1 keeps. */
function addEnds({ columns, user, fromRow, toRow }: Rows, { minutes, end }: WantedEnds, ends: Map<string, End>): void {
  const { devices: ids, device, user: users, timestampMs, heartRate, receivedMinute } = columns;
  const wantedMs = Float64Array.from(ids, (id) => minutes.get(id) ?? Number.NaN);
  const best = new Int32Array(ids.length).fill(-1);
  const sign = end === 'first' ? -1 : 1;
  function isBetter(row: number, { timestampMs: ms, receivedMinute: received, heartRate: bpm }: End): boolean {
    const later = sign * ((timestampMs[row] as number) - ms) || (receivedMinute[row] as number) - received;
    return later > 0 || (later === 0 && (heartRate[row] as number) > bpm);
  }
  function endAt(row: number): End {
    return {
      timestampMs: timestampMs[row] as number,
      heartRate: heartRate[row] as number,
      receivedMinute: receivedMinute[row] as number,
    };
  }
  for (let row = fromRow; row < toRow; row += 1) {
    const d = device[row] as number;
    const ms = timestampMs[row] as number;
    // Also what is not wanted of this day: every comparison with it is false.
    const isIn = ms >= (wantedMs[d] as number) && ms < (wantedMs[d] as number) + MINUTE_MS;
    if (!isIn || users[row] !== user) continue;
    const known = best[d] as number;
    if (known < 0 || isBetter(row, endAt(known))) best[d] = row;
  }
  for (const [d, id] of ids.entries()) {
    const row = best[d] as number;
    const known = ends.get(id);
    if (row >= 0 && (known === undefined || isBetter(row, known))) ends.set(id, endAt(row));
  }
}
