/** Open mHealth: a list of data points. @see schemas omh:data-point:1.0 and omh:heart-rate:2.0 */
import { MINUTE_MS } from '../../limits.js';
import { formatInstant } from '../reading/timestamp.js';
import { inPieces, type RecordForm } from './form.js';
import type { IdOf } from './ids.js';
import { READING_TYPES } from './media-types.js';
import type { RecordSubject, RecordTable } from './table.js';

/** A list of data points, as JSON. */
export const openMhealthPoints: RecordForm<'omh'> = {
  name: 'omh',
  title: 'Open mHealth data points',
  mediaType: READING_TYPES.omh,
  extension: 'omh.json',
  hasIntervals: true,
  hasIds: true,
  begin: (subject) => ({
    head: '[',
    table(records, isFirst, idOf) {
      const point = pointWriter(subject, records, idOf);
      return inPieces(0, records.length, (row) => `${isFirst && row === 0 ? '' : ','}${point(row)}`);
    },
    end: () => ']',
  }),
};

const SCHEMA = '"schema_id":{"namespace":"omh","name":"heart-rate","version":"2.0"}';

function pointWriter(
  { userId, intervalMs }: RecordSubject,
  { startMs, heartRate, deviceSet, deviceSets, receivedMinute }: RecordTable,
  idOf: IdOf,
): (row: number) => string {
  const user = `"user_id":${JSON.stringify(userId)}`;
  const sources = new Map<number, string>();
  function sourceOf(set: number): string {
    const text = sources.get(set) ?? JSON.stringify(deviceSets[set]?.join(', ') ?? '');
    sources.set(set, text);
    return text;
  }
  return (row) => {
    const start = startMs[row] as number;
    const end = start + (intervalMs ?? 0);
    const received = receivedMinute?.[row] ?? 0;
    // A mean is there when its interval is over. Of an imported reading only its own time is known.
    const created = formatInstant(received === 0 ? end : received * MINUTE_MS);
    const source = `{"source_name":${sourceOf(deviceSet[row] as number)},"modality":"sensed"}`;
    const header = `{"id":"${idOf(row)}","creation_date_time":"${created}",${SCHEMA},${user},"acquisition_provenance":${source}}`;
    const frame =
      intervalMs === null
        ? `{"date_time":"${formatInstant(start)}"}`
        : `{"time_interval":{"start_date_time":"${formatInstant(start)}","end_date_time":"${formatInstant(end)}"}}`;
    const statistic = intervalMs === null ? '' : ',"descriptive_statistic":"average"';
    const rate = `{"value":${heartRate[row]},"unit":"beats/min"}`;
    return `{"header":${header},"body":{"heart_rate":${rate},"effective_time_frame":${frame}${statistic}}}`;
  };
}
