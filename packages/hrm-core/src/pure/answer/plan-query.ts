/**
 * What of a day's files an answer needs: rollups where they hold, readings where they do not.
 *
 * A minute is taken from the rollup of the one file that has readings in it, or of several whose readings in it follow upon each
 * other, as those of a day's parts do. It is answered from readings where they overlap (rules 1 and 2 may choose between
 * them), where the range or an interval of a time zone cuts inside it, where its devices' conflict was resolved under
 * another order than the question's and matters, and where a file without a rollup may have some. Minutes are apart from each other under all
 * rules, so each is decided by itself.
 */
import { DAY_MS, MINUTE_MS } from '../../limits.js';
import { sortYielding } from '../../sort-yielding.js';
import { eachYielding } from '../../steps.js';
import type { ReadingColumns } from '../columns.js';
import { takeRows } from '../columns.js';
import { compareOrders } from '../merge.js';
import { type Buckets, bucketsBefore, type Rollup, type Spans } from '../rollup/rollup.js';
import type { Question } from './question.js';

/** A row group, as planning sees it. */
interface PlannedGroup {
  readonly fromMs: number;
  /** Inclusive. */
  readonly lastMs: number;
  readonly userId: string | null;
  readonly deviceId: string | null;
}

/** A file, as planning sees it. */
export interface PlannedFile<Group extends PlannedGroup = PlannedGroup> {
  /** `null`: not known, and so every minute between its first and its last reading may have some. */
  readonly rollup: Rollup | null;
  /** When in each minute its readings lie; `null`: not known, and so anywhere in it. */
  readonly spans?: Spans | null | undefined;
  readonly groups: readonly Group[];
}

/** Where a minute's answer comes from, if not from the rollup of the file whose index stands there. */
const FROM_NOTHING = -1;
const FROM_READINGS = -2;
/** From the rollups of all files that have it. */
export const FROM_SEVERAL = -3;

const DAY_MINUTES = DAY_MS / MINUTE_MS;

/** Files that are planned, or added up, before others have a turn: some milliseconds' work where each has the largest rollup. */
export const FILES_A_PIECE = 16;

/** What to read for one day. */
export interface DayPlan<Group extends PlannedGroup = PlannedGroup> {
  /** Of each minute of the day: the index of the file whose rollup has it; negative: nothing has, or readings. A day may have any number of files. */
  readonly source: Int32Array;
  /** Of each file the row groups to read. */
  readonly reads: readonly (readonly Group[])[];
}

/**
 * Plans the answer of one day.
 * @param question - may begin and end anywhere: only its overlap with the day counts.
 * @param dayMs - its first millisecond.
 * @param give - lets others work, where it is time to: a day may have a hundred thousand files.
 */
export async function planDay<Group extends PlannedGroup>(
  files: readonly PlannedFile<Group>[],
  question: Question,
  dayMs: number,
  yieldTurn: () => Promise<void>,
): Promise<DayPlan<Group>> {
  const source = new Int32Array(DAY_MINUTES).fill(FROM_NOTHING);
  const { fromMinute, toMinute, cuts } = minutesOf(question, dayMs);
  const claims = startClaims(source);
  function claim(f: number): void {
    const { rollup, spans = null, groups } = files[f] as PlannedFile<Group>;
    if (rollup !== null) {
      for (const buckets of seriesFor(rollup, question)) {
        const first = bucketsBefore(buckets, fromMinute);
        claims.claim(buckets.minute.subarray(first, bucketsBefore(buckets, toMinute)), f, spans);
      }
      return;
    }
    for (const group of groups.filter((candidate) => isOfQuestion(candidate, question))) {
      const from = Math.max(0, Math.floor((group.fromMs - dayMs) / MINUTE_MS));
      const to = Math.min(DAY_MINUTES, Math.floor((group.lastMs - dayMs) / MINUTE_MS) + 1);
      if (to > from) source.fill(FROM_READINGS, from, to);
    }
  }
  await eachYielding(await inOrderOfTime(files, dayMs, yieldTurn), claim, yieldTurn, FILES_A_PIECE);
  await leaveOldOrders(files, question, source, yieldTurn);
  source.fill(FROM_NOTHING, 0, fromMinute).fill(FROM_NOTHING, toMinute);
  for (const cut of [...cuts, ...minutesCutBy(question, dayMs)])
    if (source[cut] !== FROM_NOTHING) source[cut] = FROM_READINGS;
  return { source, reads: await readsOf(files, question, { source, dayMs }, yieldTurn) };
}

/** The minutes of a day that a question is about, and those of them that it cuts inside. */
export function minutesOf(question: Pick<Question, 'fromMs' | 'toMs'>, dayMs: number) {
  // A question that is all before the day, or all after it, is about none of its minutes.
  const fromMs = Math.min(Math.max(question.fromMs - dayMs, 0), DAY_MS);
  const toMs = Math.max(Math.min(question.toMs - dayMs, DAY_MS), fromMs);
  const fromMinute = Math.floor(fromMs / MINUTE_MS);
  const toMinute = Math.ceil(toMs / MINUTE_MS);
  const cuts: number[] = [];
  if (fromMs % MINUTE_MS !== 0) cuts.push(fromMinute);
  if (toMs % MINUTE_MS !== 0) cuts.push(toMinute - 1);
  return { fromMinute, toMinute, cuts };
}

/** The minutes of a day that an interval begins inside, as in zones whose clocks were ahead of UTC by seconds, too. */
function minutesCutBy({ fromMs, toMs, grid }: Question, dayMs: number): readonly number[] {
  if (grid.isWithinDays) return [];
  const cut: number[] = [];
  for (const edgeMs of grid.edgesOf(Math.max(fromMs, dayMs), Math.min(toMs, dayMs + DAY_MS))) {
    const minute = Math.floor((edgeMs - dayMs) / MINUTE_MS);
    if (edgeMs % MINUTE_MS !== 0 && minute >= 0 && minute < DAY_MINUTES) cut.push(minute);
  }
  return cut;
}

/** Indices of files in the order of their first readings, so that parts of a day follow upon each other. */
async function inOrderOfTime(
  files: readonly PlannedFile[],
  dayMs: number,
  yieldTurn: () => Promise<void>,
): Promise<readonly number[]> {
  const firsts = new Float64Array(files.length);
  const indices: number[] = [];
  function note(file: PlannedFile, f: number): void {
    firsts[f] = firstOf(file, dayMs);
    indices.push(f);
  }
  await eachYielding(files, note, yieldTurn, FILES_A_PIECE);
  return await sortYielding(indices, (a, b) => (firsts[a] as number) - (firsts[b] as number), yieldTurn);
}

/** Has minutes answered from readings where devices' conflicts were resolved under another order than the question's. */
async function leaveOldOrders(
  files: readonly PlannedFile[],
  question: Question,
  source: Int32Array,
  yieldTurn: () => Promise<void>,
): Promise<void> {
  // Neither of one device, nor where a minute is one device's.
  if (question.deviceId !== undefined || question.resolve === 'device') return;
  const isCurrent = compareOrders(question.priority);
  function leave({ rollup }: PlannedFile, f: number): void {
    if (rollup === null || rollup.conflicts.minute.length === 0) return;
    if (isCurrent(rollup.devices, rollup.order)) return;
    for (const minute of rollup.conflicts.minute) {
      if (source[minute] === f || source[minute] === FROM_SEVERAL) source[minute] = FROM_READINGS;
    }
  }
  await eachYielding(files, leave, yieldTurn, FILES_A_PIECE);
}

/** Of each file the row groups that may have readings of minutes that are answered from readings. */
async function readsOf<Group extends PlannedGroup>(
  files: readonly PlannedFile<Group>[],
  question: Question,
  { source, dayMs }: { readonly source: Int32Array; readonly dayMs: number },
  yieldTurn: () => Promise<void>,
): Promise<readonly (readonly Group[])[]> {
  if (!source.includes(FROM_READINGS)) return new Array<readonly Group[]>(files.length).fill([]);
  const before = countReadMinutes(source);
  const reads: (readonly Group[])[] = [];
  function read({ groups }: PlannedFile<Group>): void {
    const wanted = groups.filter((group) => {
      const from = clampMinute(Math.floor((group.fromMs - dayMs) / MINUTE_MS));
      const to = clampMinute(Math.floor((group.lastMs - dayMs) / MINUTE_MS) + 1);
      return isOfQuestion(group, question) && (before[to] as number) > (before[from] as number);
    });
    reads.push(wanted);
  }
  await eachYielding(files, read, yieldTurn, FILES_A_PIECE);
  return reads;
}

/** How many readings a plan has to hold, about: of each row group as large a share as the question spans of its time. */
export function countReads(
  { reads }: DayPlan<PlannedGroup & { readonly rows: number }>,
  { fromMs, toMs }: Question,
): number {
  let count = 0;
  for (const groups of reads) {
    for (const group of groups) {
      const spanMs = group.lastMs + 1 - group.fromMs;
      const overlapMs = Math.max(0, Math.min(toMs, group.lastMs + 1) - Math.max(fromMs, group.fromMs));
      count += Number.isFinite(spanMs) ? (group.rows * overlapMs) / spanMs : group.rows;
    }
  }
  return count;
}

/** The series of a rollup that a question is about. */
function seriesFor({ userId, devices, series }: Rollup, question: Question): readonly Buckets[] {
  if (userId !== question.userId) return [];
  return question.deviceId === undefined ? series : series.filter((_, d) => devices[d] === question.deviceId);
}

/** The rows that are the question's and lie in minutes that are answered from readings. */
export function selectReadings(
  columns: ReadingColumns,
  question: Question,
  source: Int32Array,
  dayMs: number,
): ReadingColumns {
  const user = columns.users.indexOf(question.userId);
  const device = question.deviceId === undefined ? -1 : columns.devices.indexOf(question.deviceId);
  const rows = new Uint32Array(columns.length);
  let count = 0;
  for (let i = 0; i < columns.length; i += 1) {
    const timestampMs = columns.timestampMs[i] as number;
    if (source[Math.floor((timestampMs - dayMs) / MINUTE_MS)] !== FROM_READINGS) continue;
    if (columns.user[i] !== user || timestampMs < question.fromMs || timestampMs >= question.toMs) continue;
    if (question.deviceId !== undefined && columns.device[i] !== device) continue;
    rows[count] = i;
    count += 1;
  }
  return count === columns.length ? columns : takeRows(columns, rows.subarray(0, count));
}

/** Gives minutes to files, one file after the other. */
function startClaims(source: Int32Array) {
  /** Of each minute who claimed it last, and until when in the day it is taken. */
  const owner = new Int32Array(DAY_MINUTES).fill(FROM_NOTHING);
  const takenMs = new Float64Array(DAY_MINUTES);
  function claim(minutes: Uint16Array, file: number, spans: Spans | null): void {
    for (const minute of minutes) {
      if (owner[minute] === file) continue;
      const isFree = source[minute] === FROM_NOTHING;
      const isAfter =
        spans !== null && (spans.firstMs[minute - spans.fromMinute] as number) > (takenMs[minute] as number);
      if (isFree) source[minute] = file;
      else source[minute] = source[minute] !== FROM_READINGS && isAfter ? FROM_SEVERAL : FROM_READINGS;
      owner[minute] = file;
      takenMs[minute] = spans === null ? DAY_MS : (spans.lastMs[minute - spans.fromMinute] as number);
    }
  }
  return { claim };
}

function firstOf({ spans = null, groups }: PlannedFile, dayMs: number): number {
  if (spans !== null) return spans.firstMs[0] as number;
  return groups.reduce((first, { fromMs }) => Math.min(first, fromMs), Number.POSITIVE_INFINITY) - dayMs;
}

/** Whether rows of a row group may be of a question's user and device: where it has several, it names none. */
export function isOfQuestion(
  { userId, deviceId }: Pick<PlannedGroup, 'userId' | 'deviceId'>,
  question: Question,
): boolean {
  if (userId !== null && userId !== question.userId) return false;
  return question.deviceId === undefined || deviceId === null || deviceId === question.deviceId;
}

/** Of each minute how many before it are answered from readings. */
function countReadMinutes(source: Int32Array): Uint16Array {
  const before = new Uint16Array(DAY_MINUTES + 1);
  for (let m = 0; m < DAY_MINUTES; m += 1)
    before[m + 1] = (before[m] as number) + (source[m] === FROM_READINGS ? 1 : 0);
  return before;
}

function clampMinute(minute: number): number {
  return Math.min(DAY_MINUTES, Math.max(0, minute));
}
