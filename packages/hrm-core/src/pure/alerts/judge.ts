/**
 * When an alert begins, and when it is over. There is one machine for each rule and user, and its state is the newest alert:
 *
 *   quiet (none, or the newest has ended) ── opened ──> open ── ended ──> quiet
 *
 * It is fed with the minutes as they are stored, and not with readings as they come: what is late, doubled or out of order has its place
 * there already. The newest alert's end is the watermark: what began before it changes nothing any more, whatever comes late. So alerts of
 * a rule and a user are in order and never overlap, and each opens once and ends once.
 *
 * Minutes are counted from 1970 UTC.
 */
import { ALERT_HOLD_MINUTES, MAX_ALERT_OPEN_MINUTES } from '../../limits.js';
import type { LevelRule, RestingRule, SilentRule } from './rules.js';

/** The newest alert of a rule and a user. */
export interface AlertState {
  /** Counted from 1. */
  readonly number: number;
  readonly startMinute: number;
  /** Exclusive; `null`: it is open. */
  readonly endMinute: number | null;
  /** When it was opened, by the clock of whoever opened it. */
  readonly openedMinute: number;
}

/** What happens to alerts. */
export type Transition =
  | {
      readonly type: 'opened';
      readonly startMinute: number;
      /** What it is about, bpm; `null`: nothing that is measured. */
      readonly bpm: number | null;
      /** What that is compared with besides the rule, bpm; `null`: nothing. */
      readonly baselineBpm: number | null;
    }
  | { readonly type: 'ended'; readonly startMinute: number; readonly endMinute: number; readonly bpm: number | null };

/** A user's minutes that have readings, ascending, column by column: arrays of one length. */
export interface MinuteMeans {
  readonly minute: readonly number[];
  /** Of each minute the mean of its readings, as rows show it: bpm of two decimals. */
  readonly bpm: readonly number[];
}

/** Up to when there are minutes, and since when they are news. */
export interface Span {
  /** Exclusive: minutes that are over. */
  readonly toMinute: number;
  /** What was over before it is history, and opens nothing. */
  readonly newsFromMinute: number;
}

/** Minutes in a row beyond a rule's rate. */
interface Run {
  readonly startMinute: number;
  /** Behind the last of them. */
  endMinute: number;
  /** The furthest of them, bpm. */
  bpm: number;
  /** Whether no later minute can belong to it. */
  isOver: boolean;
}

/** Judges a user's minutes by a rule about their rate. @returns what happened since `last`, in order. */
export function judgeLevel(
  rule: LevelRule,
  means: MinuteMeans,
  last: AlertState | null,
  { toMinute, newsFromMinute }: Span,
): Transition[] {
  const transitions: Transition[] = [];
  const runs = runsOf(rule, means, toMinute);
  let watermark = last?.endMinute ?? Number.NEGATIVE_INFINITY;
  if (last !== null && last.endMinute === null) {
    const isHeld = toMinute - last.openedMinute < ALERT_HOLD_MINUTES && toMinute >= last.openedMinute - 1;
    const end = endOf(last.startMinute, runs, toMinute, isHeld ? rule.minutes : 0);
    if (end === null) return [];
    transitions.push(end);
    watermark = end.endMinute;
  }
  for (const { startMinute, endMinute, bpm } of runs) {
    // At the watermark itself it would have the id of the alert that ended there, whose readings were corrected twice.
    if (startMinute <= watermark || endMinute <= newsFromMinute || endMinute - startMinute < rule.minutes) continue;
    const baselineBpm = baselineOf(rule, means, startMinute);
    if (rule.calm_bpm !== undefined && (baselineBpm === null || baselineBpm > rule.calm_bpm)) continue;
    transitions.push({ type: 'opened', startMinute, bpm, baselineBpm });
    const end = endOf(startMinute, runs, toMinute);
    if (end === null) break;
    transitions.push(end);
    watermark = end.endMinute;
  }
  return transitions;
}

/**
 * The end of the alert that began then; `null`: it goes on.
 * @param heldMinutes - minutes that must be there: with fewer, what it opened on is perhaps not stored yet.
 */
function endOf(
  startMinute: number,
  runs: readonly Run[],
  toMinute: number,
  heldMinutes = 0,
): Extract<Transition, { type: 'ended' }> | null {
  const run = runs.find((one) => one.startMinute <= startMinute && startMinute < one.endMinute);
  const most = startMinute + MAX_ALERT_OPEN_MINUTES;
  if (toMinute < most && (run === undefined ? 0 : run.endMinute - startMinute) < heldMinutes) return null;
  // What was there was corrected or erased, or nobody has looked for very long.
  if (run === undefined)
    return { type: 'ended', startMinute, endMinute: toMinute < most ? startMinute : most, bpm: null };
  if (!run.isOver && toMinute < most) return null;
  return { type: 'ended', startMinute, endMinute: Math.min(run.endMinute, most), bpm: run.bpm };
}

function runsOf(
  { kind, bpm: limit, gap_minutes: gap }: LevelRule,
  { minute, bpm }: MinuteMeans,
  toMinute: number,
): Run[] {
  const runs: Run[] = [];
  let run: Run | null = null;
  for (let row = 0; row < minute.length && (minute[row] as number) < toMinute; row += 1) {
    const [at, value] = [minute[row] as number, bpm[row] as number];
    const isBeyond = kind === 'above' ? value > limit : value < limit;
    if (run !== null && (!isBeyond || at - run.endMinute > gap)) {
      run.isOver = true;
      run = null;
    }
    if (!isBeyond) continue;
    if (run === null) {
      run = { startMinute: at, endMinute: at, bpm: value, isOver: false };
      runs.push(run);
    }
    run.endMinute = at + 1;
    run.bpm = kind === 'above' ? Math.max(run.bpm, value) : Math.min(run.bpm, value);
  }
  if (run !== null && toMinute - run.endMinute > gap) run.isOver = true;
  return runs;
}

/** The mean of the minutes before, bpm of two decimals; `null`: fewer than a third of them have readings. */
function baselineOf(
  { calm_minutes: length }: LevelRule,
  { minute, bpm }: MinuteMeans,
  startMinute: number,
): number | null {
  let [sum, count] = [0, 0];
  for (let row = 0; row < minute.length && (minute[row] as number) < startMinute; row += 1) {
    if ((minute[row] as number) < startMinute - length) continue;
    // Hundredths are whole, so that the sum is exact.
    sum += Math.round(100 * (bpm[row] as number));
    count += 1;
  }
  return 3 * count < length ? null : Math.round(sum / count) / 100;
}

/** Judges how long a user has sent nothing. @param newestMinute - the newest minute with readings. */
export function judgeSilence(
  { minutes }: SilentRule,
  newestMinute: number,
  last: AlertState | null,
  { toMinute, newsFromMinute }: Span,
): Transition[] {
  const startMinute = newestMinute + 1;
  if (last !== null && last.endMinute === null) {
    if (newestMinute < last.startMinute) return [];
    return [{ type: 'ended', startMinute: last.startMinute, endMinute: newestMinute, bpm: null }];
  }
  const isSilent = toMinute - startMinute >= minutes && startMinute + minutes > newsFromMinute;
  if (!isSilent || startMinute <= (last?.endMinute ?? Number.NEGATIVE_INFINITY)) return [];
  return [{ type: 'opened', startMinute, bpm: null, baselineBpm: null }];
}

/** A day that is over. */
export interface RestingDay {
  readonly startMinute: number;
  readonly restingRate: number | null;
  readonly restingMean28: number | null;
}

/** Judges a day's resting rate. A day without one, or without a mean, says nothing. */
export function judgeResting(
  { bpm: distance }: RestingRule,
  { startMinute, restingRate, restingMean28 }: RestingDay,
  last: AlertState | null,
): Transition[] {
  if (restingRate === null || restingMean28 === null) return [];
  // In hundredths, which are whole.
  const isAway = Math.abs(Math.round(100 * restingRate) - Math.round(100 * restingMean28)) >= 100 * distance;
  if (last !== null && last.endMinute === null) {
    if (isAway || startMinute <= last.startMinute) return [];
    return [{ type: 'ended', startMinute: last.startMinute, endMinute: startMinute, bpm: restingRate }];
  }
  if (!isAway || startMinute < (last?.endMinute ?? Number.NEGATIVE_INFINITY)) return [];
  return [{ type: 'opened', startMinute, bpm: restingRate, baselineBpm: restingMean28 }];
}
