/**
 * A stored file as a query knows it: its footer, its rollup, and row groups once they were needed. What is known is remembered.
 */
import { DAY_MS, MAX_CACHED_READINGS_BYTES } from '../../limits.js';
import { decodeGroups } from '../../parquet/decode.js';
import { type Footer, openFile, type RowGroup } from '../../parquet/footer.js';
import type { Partition, StoredFile } from '../../ports/storage.js';
import type { ReadingColumns } from '../../pure/columns.js';
import { type DevicePriority, mergeYielding } from '../../pure/merge.js';
import { dateStartMs } from '../../pure/partition.js';
import { type Rollup, rollUpSteps, type Spans, spansOf } from '../../pure/rollup/rollup.js';
import { rollupBytes } from '../../pure/rollup/rollup-size.js';
import { inTurns } from '../../steps.js';
import { type FileCache, remember, versionKey } from './file-cache.js';
import { createYielder } from './yielder.js';

/** What is known of a file. */
export interface LoadedFile {
  readonly footer: Footer;
  /** Stored with the file, or made of a small part's readings when they were first read. */
  readonly rollup: Rollup | null;
  /** All readings, merged, of a small part. */
  readonly columns: ReadingColumns | null;
  /** When they lie. */
  readonly spans: Spans | null;
}

/** Bytes of a row of {@link ReadingColumns}. */
const ROW_BYTES = 28;
/** Of a footer's row group, as objects. */
const GROUP_BYTES = 4_000;
const FOOTER_BYTES = 4_000;

/**
 * Reads the end of a file, and the readings too of a small one without a rollup.
 * @param priority - what a rollup made here is resolved under.
 * @throws HrmError kind `data`, code `file_damaged`.
 */
export async function loadFile(
  cache: FileCache,
  file: StoredFile,
  partition: Partition,
  priority: DevicePriority,
): Promise<LoadedFile> {
  const key = versionKey(file, partition);
  const known = cache.get(key);
  if (known !== undefined) return known as LoadedFile;
  const opened = await openFile(file, partition);
  const yielder = createYielder();
  await yielder.yieldTurn();
  const { footer } = opened;
  const isSmall = footer.rows * ROW_BYTES <= MAX_CACHED_READINGS_BYTES;
  const dayMs = dateStartMs(partition.date) ?? 0;
  // Minutes of a rollup are the day's that it was made for: of a file that somebody put among another day's they are wrong.
  let rollup = isOfDay(footer, dayMs) ? footer.rollup : null;
  let columns: ReadingColumns | null = null;
  if (rollup === null && isSmall) {
    const tables = await decodeGroups(file, partition, opened, footer.groups, yielder.yieldTurn);
    await yielder.yieldTurn();
    columns = await mergeYielding(tables, yielder.yieldTurn);
    await yielder.yieldTurn();
    rollup = await inTurns(rollUpSteps(columns, dayMs, priority), yielder.yieldTurn);
  }
  const result = {
    footer,
    rollup,
    columns,
    spans: rollup === null || columns === null ? null : spansOf(columns, dayMs),
  };
  // A rollup that was read wrong may be read right the next time.
  if (footer.rollupFault === null) remember(cache, { file, footer }, key, result, bytesOf(result));
  return result;
}

function isOfDay({ groups }: Footer, dayMs: number): boolean {
  return groups.every(({ fromMs, lastMs }) => fromMs >= dayMs && lastMs < dayMs + DAY_MS);
}

/**
 * Readings of a file: of the row groups given, or of all where all are known.
 * @throws HrmError kind `data`, code `file_damaged`.
 */
export async function readGroups(
  cache: FileCache,
  file: StoredFile,
  partition: Partition,
  { footer, columns }: LoadedFile,
  groups: readonly RowGroup[],
): Promise<readonly ReadingColumns[]> {
  if (groups.length === 0) return [];
  if (columns !== null) return [columns];
  const key = versionKey(file, partition);
  const tables = groups.map((group) => cache.get(`${key}/${group.index}`) as ReadingColumns | undefined);
  const missing = groups.filter((_, i) => tables[i] === undefined);
  const read = await decodeGroups(file, partition, { footer }, missing, createYielder().yieldTurn);
  for (const [i, group] of missing.entries()) {
    const table = read[i] as ReadingColumns;
    const bytes = table.length * ROW_BYTES;
    if (bytes <= MAX_CACHED_READINGS_BYTES) remember(cache, { file, footer }, `${key}/${group.index}`, table, bytes);
  }
  return [...tables.filter((table) => table !== undefined), ...read];
}

/** Bytes that it takes in memory, about. */
export function bytesOf({ footer, rollup, columns, spans }: LoadedFile): number {
  const rows = columns?.length ?? 0;
  return (
    FOOTER_BYTES +
    footer.groups.length * GROUP_BYTES +
    (rollup === null ? 0 : rollupBytes(rollup)) +
    rows * ROW_BYTES +
    (spans?.firstMs.length ?? 0) * 8
  );
}
