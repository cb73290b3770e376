/** When an alert begins and is over, stated as naively as possible and apart from the code: minute by minute, over a map, nothing from src. */

export interface NaiveRule {
  kind: 'above' | 'below';
  bpm: number;
  minutes: number;
  calm_bpm?: number | undefined;
  calm_minutes: number;
  gap_minutes: number;
}

export interface NaiveAlert {
  start: number;
  end: number | null;
  /** The minute in which it was opened. */
  opened: number;
}

/** For so long an alert waits for what it opened on. */
const HOLD = 10;

const WEEK = 7 * 24 * 60;

/** Adds to the alerts that there were what the minutes say now. */
export function naiveAlerts(
  rule: NaiveRule,
  means: ReadonlyMap<number, number>,
  before: readonly NaiveAlert[],
  { toMinute, newsFromMinute, nowMinute }: { toMinute: number; newsFromMinute: number; nowMinute: number },
): NaiveAlert[] {
  const alerts = before.map((alert) => ({ ...alert }));
  const minutes = [...means.keys()].filter((minute) => minute < toMinute).sort((a, b) => a - b);
  const has = (minute: number) => means.has(minute) && minute < toMinute;
  const bpmAt = (minute: number) => means.get(minute) ?? Number.NaN;
  const isBeyond = (minute: number) =>
    has(minute) && (rule.kind === 'above' ? bpmAt(minute) > rule.bpm : bpmAt(minute) < rule.bpm);

  /** The next minute of the same run; null where the run ends. */
  function nextOf(minute: number): number | null {
    for (let m = minute + 1; m <= minute + 1 + rule.gap_minutes; m += 1) if (has(m)) return isBeyond(m) ? m : null;
    return null;
  }
  function isFirst(minute: number): boolean {
    for (let m = minute - 1; m >= minute - 1 - rule.gap_minutes; m -= 1) if (has(m)) return !isBeyond(m);
    return true;
  }
  function endOf(start: number): number {
    let last = start;
    for (let next = nextOf(last); next !== null; next = nextOf(last)) last = next;
    return last + 1;
  }
  /** Whether readings to come could still be of the run that ends so. */
  function mayGoOn(end: number): boolean {
    for (let m = end; m < toMinute; m += 1) if (has(m)) return false;
    return toMinute - end <= rule.gap_minutes;
  }
  function isCalm(start: number): boolean {
    if (rule.calm_bpm === undefined) return true;
    let [sum, count] = [0, 0];
    for (let m = start - rule.calm_minutes; m < start; m += 1) {
      if (!has(m)) continue;
      sum += bpmAt(m);
      count += 1;
    }
    return count * 3 >= rule.calm_minutes && Math.round((100 * sum) / count) <= 100 * rule.calm_bpm;
  }
  function finish(alert: NaiveAlert, isNew = false): boolean {
    const limit = alert.start + WEEK;
    const isShort = !isBeyond(alert.start) || endOf(alert.start) - alert.start < rule.minutes;
    if (isShort && !isNew && toMinute < limit && toMinute < alert.opened + HOLD) return false;
    if (!isBeyond(alert.start)) alert.end = toMinute < limit ? alert.start : limit;
    else if (!mayGoOn(endOf(alert.start)) || toMinute >= limit) alert.end = Math.min(endOf(alert.start), limit);
    return alert.end !== null;
  }

  const open = alerts.find((alert) => alert.end === null);
  // In a gap of an alert's beginning its run goes on.
  if (open !== undefined && !finish(open)) return alerts;
  for (const minute of minutes) {
    if (!isBeyond(minute) || !isFirst(minute)) continue;
    const lastEnd = alerts.at(-1)?.end ?? Number.NEGATIVE_INFINITY;
    const end = endOf(minute);
    if (minute <= lastEnd || end - minute < rule.minutes || end <= newsFromMinute || !isCalm(minute)) continue;
    const alert: NaiveAlert = { start: minute, end: null, opened: nowMinute };
    alerts.push(alert);
    if (!finish(alert, true)) return alerts;
  }
  return alerts;
}
