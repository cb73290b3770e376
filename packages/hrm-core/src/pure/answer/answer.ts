/**
 * Rules 2 to 5: from rollups and one user's merged readings to the rows of a day's answer.
 */
import { DAY_MS, MINUTE_MS } from '../../limits.js';
import { collectYielding, eachYielding, inTurns } from '../../steps.js';
import { internSteps, type ReadingColumns } from '../columns.js';
import { addToMask, eachOfMask, wordsFor } from '../device-mask.js';
import { resolveDevices } from '../merge.js';
import { type Buckets, bucketsBefore, type Rollup } from '../rollup/rollup.js';
import { type DayPart, emptyPart, intervalsOfMinutes } from './day-part.js';
import { type DayPlan, FILES_A_PIECE, FROM_SEVERAL, minutesOf, type PlannedFile } from './plan-query.js';
import type { Question } from './question.js';
import { type MinuteOwners, resolveMinutes, startOwners } from './resolve.js';

/** What a day's answer is made of. */
export interface PlannedDay {
  /** As they were planned. */
  readonly files: readonly Pick<PlannedFile, 'rollup'>[];
  readonly plan: Pick<DayPlan, 'source'>;
  /** What `selectReadings` chose of the row groups to read, merged by `mergeReadings`. */
  readonly readings: ReadingColumns;
  /** The first millisecond. */
  readonly dayMs: number;
}

/**
 * What the readings of one day come to, as far as the question is about it.
 * @param give - lets others work, where it is time to: a day may have a hundred thousand files.
 */
export async function answerDay(
  { files, plan: { source }, readings, dayMs }: PlannedDay,
  question: Question,
  yieldTurn: () => Promise<void>,
): Promise<DayPart> {
  const { fromMs, toMs, grid } = question;
  const names: string[] = [];
  const rollups = await collectYielding(
    files,
    ({ rollup }) => {
      if (rollup?.userId !== question.userId) return null;
      for (const device of rollup.devices) names.push(device);
      return rollup;
    },
    yieldTurn,
  );
  for (const device of readings.devices) names.push(device);
  await yieldTurn();
  const { values: devices, indices } = await inTurns(internSteps(names), yieldTurn);
  const edges = grid.edgesOf(Math.max(fromMs, dayMs), Math.min(toMs, dayMs + DAY_MS));
  const part = emptyPart(edges, devices);
  const intervals = { ...part, dayMs, ofMinute: intervalsOfMinutes(edges, dayMs) };
  const resolved = new Int32Array(DAY_MS / MINUTE_MS).fill(-1);
  /** Gives each rollup its devices' numbers. @returns those of the readings' devices. */
  async function eachRollup(take: (rollup: NumberedRollup) => void): Promise<Uint32Array> {
    let at = 0;
    function number(rollup: Rollup | null, file: number): void {
      if (rollup === null) return;
      const own = indices.subarray(at, at + rollup.devices.length);
      at += rollup.devices.length;
      take({ rollup, devices: own, file, resolved });
    }
    await eachYielding(rollups, number, yieldTurn, FILES_A_PIECE);
    await yieldTurn();
    return indices.subarray(at);
  }
  const owners = question.resolve === 'device' ? startOwners(devices, question.priority) : null;
  if (owners !== null)
    await eachRollup((rollup) =>
      eachBucket(rollup, question, { source, dayMs }, (minute, d) => owners.offer(minute, d)),
    );
  const ofReadings = await eachRollup((rollup) => addRollup(intervals, rollup, question, { source, owners }));
  addReadings(intervals, readings, ofReadings, question);
  return part;
}

/** The intervals of a day, as they fill. */
interface Intervals extends DayPart {
  readonly dayMs: number;
  /** As {@link intervalsOfMinutes} gives them. */
  readonly ofMinute: Int32Array;
}

/** A file's rollup, and of its devices their numbers in the day. */
interface NumberedRollup {
  readonly rollup: Rollup;
  readonly devices: Uint32Array;
  readonly file: number;
  /** Of each minute the last file whose devices disagree in it. */
  readonly resolved: Int32Array;
}

/** Where minutes come from, and whose they are; `null`: everybody's. */
interface MinuteChoice {
  readonly source: Int32Array;
  readonly owners: MinuteOwners | null;
}

/** Adds the minutes that are the file's, alone or with others. */
function addRollup(
  intervals: Intervals,
  numbered: NumberedRollup,
  question: Question,
  { source, owners }: MinuteChoice,
): void {
  const { dayMs } = intervals;
  if (question.deviceId === undefined && owners === null) addConflicts(intervals, numbered, question, source);
  const { file, resolved } = numbered;
  eachBucket(numbered, question, { source, dayMs }, (minute, device, buckets, i) => {
    if (resolved[minute] === file || owners?.isOwner(minute, device) === false) return;
    addDevice(intervals, addBucket(intervals, buckets, i), device);
  });
}

/** Adds what survives of minutes in which a file's devices disagree. */
function addConflicts(
  intervals: Intervals,
  { rollup: { conflicts }, devices, file, resolved }: NumberedRollup,
  question: Question,
  source: Int32Array,
): void {
  const words = wordsFor(devices.length);
  const { fromMinute, toMinute } = minutesOf(question, intervals.dayMs);
  const endOfConflicts = bucketsBefore(conflicts, toMinute);
  for (let i = bucketsBefore(conflicts, fromMinute); i < endOfConflicts; i += 1) {
    const minute = conflicts.minute[i] as number;
    resolved[minute] = file;
    const from = source[minute];
    if (from !== file && from !== FROM_SEVERAL) continue;
    const interval = addBucket(intervals, conflicts, i);
    eachOfMask(conflicts.devices, words, i, (d) => addDevice(intervals, interval, devices[d] as number));
  }
}

/** Visits the buckets that a question takes of a file. By plain loops: a day of parts has hundreds of them. */
function eachBucket(
  { rollup, devices, file }: NumberedRollup,
  question: Question,
  { source, dayMs }: { readonly source: Int32Array; readonly dayMs: number },
  visit: (minute: number, device: number, buckets: Buckets, i: number) => void,
): void {
  const { series } = rollup;
  const { fromMinute, toMinute } = minutesOf(question, dayMs);
  for (let d = 0; d < series.length; d += 1) {
    if (question.deviceId !== undefined && rollup.devices[d] !== question.deviceId) continue;
    const buckets = series[d] as Buckets;
    const end = bucketsBefore(buckets, toMinute);
    for (let i = bucketsBefore(buckets, fromMinute); i < end; i += 1) {
      const minute = buckets.minute[i] as number;
      const from = source[minute];
      if (from === file || from === FROM_SEVERAL) visit(minute, devices[d] as number, buckets, i);
    }
  }
}

/** Adds one bucket, and returns the interval it is in. */
function addBucket(intervals: Intervals, { minute, count, sum, min, max }: Buckets, i: number): number {
  const { count: counts, sum: sums, min: mins, max: maxs, ofMinute } = intervals;
  const interval = ofMinute[minute[i] as number] as number;
  counts[interval] = (counts[interval] as number) + (count[i] as number);
  sums[interval] = (sums[interval] as number) + (sum[i] as number);
  if ((min[i] as number) < (mins[interval] as number)) mins[interval] = min[i] as number;
  if ((max[i] as number) > (maxs[interval] as number)) maxs[interval] = max[i] as number;
  return interval;
}

function addDevice({ devices, words }: Intervals, interval: number, device: number): void {
  addToMask(devices, words, interval, device);
}

function addReadings(
  intervals: Intervals,
  readings: ReadingColumns,
  devices: Uint32Array,
  { priority, resolve }: Question,
): void {
  const { dayMs, ofMinute, edges, count, sum, min, max } = intervals;
  const rows = resolve === 'device' ? resolveMinutes(readings, priority, dayMs) : resolveDevices(readings, priority);
  for (const row of rows) {
    const timestampMs = readings.timestampMs[row] as number;
    let interval = ofMinute[Math.floor((timestampMs - dayMs) / MINUTE_MS)] as number;
    // Of a zone whose clocks were ahead by seconds, too, an interval may end within a minute.
    while ((edges[interval + 1] as number) <= timestampMs) interval += 1;
    const heartRate = readings.heartRate[row] as number;
    count[interval] = (count[interval] as number) + 1;
    sum[interval] = (sum[interval] as number) + heartRate;
    if (heartRate < (min[interval] as number)) min[interval] = heartRate;
    if (heartRate > (max[interval] as number)) max[interval] = heartRate;
    addDevice(intervals, interval, devices[readings.device[row] as number] as number);
  }
}
