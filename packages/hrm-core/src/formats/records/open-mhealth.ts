/** Open mHealth: data points of heart rate, and bare bodies of them; one, a list, or one a line. @see schema omh:heart-rate:2.0 */
import { toDeviceId } from '../device-id.js';
import type { Gatherer } from '../text/gather.js';
import { jsonFormat, member, objectReader, textOf } from '../text/json-format.js';
import { offsetInstant } from '../text/local-time.js';
import { toNumber } from '../text/numbers.js';
import { gatherInterval } from './series-values.js';

const FALLBACK = 'open-mhealth';

/** The one unit that the schema allows. */
const UNIT = 'beats/min';

/** Of a data point, of its body where that stands alone, and of what holds a list of them. */
const MEMBERS = ['header', 'body', 'heart_rate', 'effective_time_frame', 'descriptive_statistic'];

/** Data points. */
export const openMhealth = jsonFormat({
  name: 'open-mhealth',
  title: 'Open mHealth',
  recognizes: (head) =>
    (head.includes('"schema_id"') && head.includes('"omh"')) ||
    (head.includes('"heart_rate"') && head.includes('"effective_time_frame"')),
  select: objectReader(MEMBERS, () => undefined).select,
  createReader: (gather) => objectReader(MEMBERS, (point) => readPoint(point, gather)),
});

function readPoint(point: unknown, gather: Gatherer): void {
  const header = member(point, 'header');
  const schema = textOf(member(member(header, 'schema_id'), 'name'));
  const body = member(point, 'body') ?? point;
  const heartRate = member(body, 'heart_rate');
  if (heartRate === undefined || (schema !== null && schema !== 'heart-rate')) return;
  const statistic = textOf(member(body, 'descriptive_statistic'));
  if (statistic !== null && statistic !== 'average') {
    gather.drop('summary');
    return;
  }
  if (textOf(member(heartRate, 'unit')) !== UNIT) {
    gather.drop('damaged');
    gather.note('unknown_unit', `a heart rate of Open mHealth is in ${UNIT}: others are not taken`);
    return;
  }
  const source = textOf(member(member(header, 'acquisition_provenance'), 'source_name'));
  gatherInterval(gather, {
    deviceId: toDeviceId(source ?? '', FALLBACK),
    userId: textOf(member(header, 'user_id')) ?? undefined,
    rate: toNumber(member(heartRate, 'value')),
    ...timesOf(member(body, 'effective_time_frame')),
  });
}

/** A moment, or an interval by its start or its end and how long it is. */
function timesOf(frame: unknown): { readonly fromMs: number | null; readonly untilMs: number | null } {
  const momentMs = offsetInstant(member(frame, 'date_time'));
  if (momentMs !== null) return { fromMs: momentMs, untilMs: null };
  const interval = member(frame, 'time_interval');
  const durationMs = durationOf(member(interval, 'duration'));
  const fromMs = offsetInstant(member(interval, 'start_date_time'));
  const untilMs = offsetInstant(member(interval, 'end_date_time'));
  if (fromMs !== null) return { fromMs, untilMs: untilMs ?? (durationMs === null ? null : fromMs + durationMs) };
  return { fromMs: untilMs === null || durationMs === null ? null : untilMs - durationMs, untilMs };
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, sec: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

function durationOf(duration: unknown): number | null {
  const value = toNumber(member(duration, 'value'));
  const unit = textOf(member(duration, 'unit')) ?? '';
  const unitMs = Object.hasOwn(UNIT_MS, unit) ? UNIT_MS[unit] : undefined;
  return value === null || unitMs === undefined ? null : value * unitMs;
}
