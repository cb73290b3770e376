/**
 * A stream of readings to a file's bytes, that lets other files be deleted: so every row group is read back from the bytes and compared
 * before anybody sees them, and the rollup is made of what was read back.
 */
import { HrmError } from '../../errors.js';
import { MAX_ANSWER_ROWS, MAX_MERGE_ROWS, MINUTE_MS } from '../../limits.js';
import { decodePiece, openBytes } from '../../parquet/decode.js';
import { createEncoder, type Encoder, type WrittenGroup } from '../../parquet/encode.js';
import type { CallOptions } from '../../ports/call-options.js';
import { concatSteps, NO_READINGS, type ReadingColumns, sameReadings, takeRows } from '../../pure/columns.js';
import type { DevicePriority } from '../../pure/merge.js';
import { joinRollups } from '../../pure/rollup/join-rollups.js';
import { type Rollup, rollUpSteps, sameRollup } from '../../pure/rollup/rollup.js';
import { inTurns } from '../../steps.js';
import { createYielder, type Yielder } from './yielder.js';

/** What kind of file to build. */
export interface BuildSettings extends Pick<CallOptions, 'signal'> {
  readonly shared?: boolean | undefined;
  readonly replaces: readonly string[];
  /** The key of the mask that the readings were read through. */
  readonly erased?: string | undefined;
  /** The first millisecond of its day, and what conflicts are resolved under; without it the file has no rollup. */
  readonly rollup?: { readonly dayMs: number; readonly priority: DevicePriority } | undefined;
  /** Rows held at once, about; default {@link MAX_MERGE_ROWS}. */
  readonly maxRows?: number | undefined;
}

/** A file that was built. */
export interface BuiltFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly rows: number;
}

/** A row group as it was read back; of a large file only what its readings span is kept. */
interface KnownGroup {
  readonly index: number;
  readonly rows: number;
  readonly fromMs: number;
  /** Inclusive. */
  readonly lastMs: number;
  readonly columns: ReadingColumns | null;
}

/**
 * Builds a file.
 * @param tables - sorted, each after the one before.
 * @throws HrmError kind `internal`, code `encoding_failed`, where the bytes do not hold the readings; kind `closed` when aborted.
 */
export async function buildFile(
  tables: AsyncIterable<ReadingColumns> | Iterable<ReadingColumns>,
  { shared, replaces, erased, rollup: wanted, maxRows = MAX_MERGE_ROWS, signal }: BuildSettings,
): Promise<BuiltFile> {
  const encoder = createEncoder({ shared });
  const groups: KnownGroup[] = [];
  const yielder = createYielder({ stopSignal: signal });
  let rows = 0;
  async function prove(written: Iterable<WrittenGroup | undefined>): Promise<void> {
    for (const group of written) {
      await yielder.yieldTurn();
      if (group === undefined) continue;
      const { index, columns } = group;
      const decoded = await decodePiece(encoder, index, yielder.yieldTurn);
      await yielder.yieldTurn();
      if (!sameReadings(decoded, columns)) throw defect('other readings than were merged');
      rows += columns.length;
      groups.push(knownGroup(index, decoded, wanted !== undefined && rows <= maxRows));
    }
  }
  for await (const table of tables) await prove(encoder.write(table));
  await prove(encoder.flush());
  // Of a large file nothing is kept: windows of it take the place.
  if (rows > maxRows) for (const [g, group] of groups.entries()) groups[g] = { ...group, columns: null };
  const rollup = wanted === undefined ? null : await rollUpGroups(encoder, groups, { ...wanted, maxRows }, yielder);
  await yielder.yieldTurn();
  const bytes = await inTurns(encoder.finish({ replaces, rollup, erased }), yielder.yieldTurn);
  await yielder.yieldTurn();
  const { footer } = (await openBytes(bytes)).opened;
  if (footer.rows !== rows || footer.groups.length !== groups.length) throw defect('another number of readings');
  await yielder.yieldTurn();
  if (!sameRollup(footer.rollup, rollup)) throw defect('another rollup than was made');
  return { bytes, rows };
}

function knownGroup(index: number, columns: ReadingColumns, isKept: boolean): KnownGroup {
  let [fromMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const timestampMs of columns.timestampMs) {
    if (timestampMs < fromMs) fromMs = timestampMs;
    if (timestampMs > lastMs) lastMs = timestampMs;
  }
  return { index, rows: columns.length, fromMs, lastMs, columns: isKept ? columns : null };
}

/**
 * Rolls up a day in windows that hold a bounded number of rows; devices agree or not within a minute, so windows are whole minutes.
 * A row group of many devices' day is in every window. So as many rows as may be held are decoded at once, and those are rolled up
 * in smaller windows, since everybody waits for each.
 */
async function rollUpGroups(
  encoder: Encoder,
  groups: readonly KnownGroup[],
  { dayMs, priority, maxRows }: NonNullable<BuildSettings['rollup']> & { readonly maxRows: number },
  yielder: Yielder,
): Promise<Rollup | null> {
  const rollups: Rollup[] = [];
  async function inWindow(from: readonly KnownGroup[], window: Window): Promise<KnownGroup[]> {
    const own: KnownGroup[] = [];
    for (const group of from) {
      if (group.lastMs < window.fromMs || group.fromMs >= window.toMs) continue;
      const columns = within(group.columns ?? (await decodePiece(encoder, group.index, yielder.yieldTurn)), window);
      if (columns.length > 0) own.push(knownGroup(group.index, columns, true));
      await yielder.yieldTurn();
    }
    return own;
  }
  for (const outer of windowsOf(groups, { dayMs, maxRows })) {
    const held = await inWindow(groups, outer);
    for (const inner of windowsOf(held, { dayMs, maxRows: Math.min(maxRows, MAX_ANSWER_ROWS) })) {
      // Sorted already, as the groups are.
      const tables = (await inWindow(held, inner)).map((group) => group.columns ?? NO_READINGS);
      const columns = await inTurns(concatSteps(tables), yielder.yieldTurn);
      if (columns.length === 0) continue;
      await yielder.yieldTurn();
      const rollup = await inTurns(rollUpSteps(columns, dayMs, priority), yielder.yieldTurn);
      await yielder.yieldTurn();
      if (rollup === null) return null;
      rollups.push(rollup);
    }
  }
  return joinRollups(rollups, priority);
}

/** Half-open. */
interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Whole minutes that together have all rows of the groups, and each few enough of them, about. */
function windowsOf(
  groups: readonly KnownGroup[],
  limits: { readonly dayMs: number; readonly maxRows: number },
): Window[] {
  const { dayMs } = limits;
  if (groups.length === 0) return [];
  const fromMs = groups.reduce((first, group) => Math.min(first, group.fromMs), Number.POSITIVE_INFINITY);
  const lastMs = groups.reduce((last, group) => Math.max(last, group.lastMs), Number.NEGATIVE_INFINITY);
  const fromMinute = Math.floor((fromMs - dayMs) / MINUTE_MS);
  const toMinute = Math.floor((lastMs - dayMs) / MINUTE_MS) + 1;
  return splitMinutes(groups, limits, fromMinute, toMinute).map(([from, to]) => {
    return { fromMs: dayMs + from * MINUTE_MS, toMs: dayMs + to * MINUTE_MS };
  });
}

/** Half-open ranges of minutes that have few enough rows, about, or of one minute. */
function splitMinutes(
  groups: readonly KnownGroup[],
  limits: { readonly dayMs: number; readonly maxRows: number },
  from: number,
  to: number,
): [number, number][] {
  const [fromMs, toMs] = [limits.dayMs + from * MINUTE_MS, limits.dayMs + to * MINUTE_MS];
  const own = groups.filter((group) => group.lastMs >= fromMs && group.fromMs < toMs);
  // Of each as large a share as the window has of its time.
  const rows = own.reduce((sum, { rows: all, ...group }) => {
    const overlapMs = Math.min(toMs, group.lastMs + 1) - Math.max(fromMs, group.fromMs);
    return sum + (all * overlapMs) / (group.lastMs + 1 - group.fromMs);
  }, 0);
  if (rows <= limits.maxRows || to - from <= 1) return [[from, to]];
  const middle = (from + to) >>> 1;
  return [...splitMinutes(own, limits, from, middle), ...splitMinutes(own, limits, middle, to)];
}

function within(columns: ReadingColumns, { fromMs, toMs }: { fromMs: number; toMs: number }): ReadingColumns {
  const rows = new Uint32Array(columns.length);
  let count = 0;
  for (let row = 0; row < columns.length; row += 1) {
    const timestampMs = columns.timestampMs[row] as number;
    if (timestampMs < fromMs || timestampMs >= toMs) continue;
    rows[count] = row;
    count += 1;
  }
  return count === columns.length ? columns : takeRows(columns, rows.subarray(0, count));
}

function defect(what: string): HrmError {
  return new HrmError(`the encoded file holds ${what}; nothing was replaced`, {
    kind: 'internal',
    code: 'encoding_failed',
  });
}
