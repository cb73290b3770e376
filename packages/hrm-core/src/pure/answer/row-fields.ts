import { faultsError, type HrmError } from '../../errors.js';
import { type Interval, isFixed, isInterval } from './interval.js';

/** The columns of a row as it is written, in the order that every form has them in. `end` is there where a time zone is asked for. */
export const ROW_FIELDS = ['timestamp', 'end', 'heart_rate', 'min', 'max', 'count', 'device_ids'] as const;

/** A column of a row as it is written. */
export type RowField = (typeof ROW_FIELDS)[number];

/** What was asked about rows, as far as their columns go by it. */
export interface RowsShape {
  readonly interval?: Interval | undefined;
  readonly timeZone?: string | undefined;
}

/** The columns of rows of which none are chosen: without a time zone there is no `end`. */
export function fieldsOf({ timeZone }: Pick<RowsShape, 'timeZone'>): readonly RowField[] {
  return timeZone === undefined ? UTC_FIELDS : ROW_FIELDS;
}

const UTC_FIELDS = ROW_FIELDS.filter((field) => field !== 'end');

/**
 * Reads a list of columns: `heart_rate,count`.
 * @param text - names with commas between them; `undefined` for all. Their order does not matter.
 * @param form - that the rows are written in.
 * @param asked - about the rows.
 * @returns in the order of {@link ROW_FIELDS}, each once; `timestamp` always, since minutes without readings have no row.
 * @throws HrmError kind `invalid`, code `invalid_query`, for a name that is none, for a form whose columns cannot be chosen, and for rows that a
 *   form does not have: records of health systems are of UTC's minutes, hours or days.
 */
export function parseFields(
  text: string | undefined,
  { name: form, hasFields }: { readonly name: string; readonly hasFields: boolean },
  asked: RowsShape,
): readonly RowField[] {
  const { interval = '1m', timeZone } = asked;
  if (!hasFields && timeZone !== undefined)
    throw rowsError('time_zone', `must be left out for ${form}, whose rows are of UTC: ask for json, ndjson or csv`);
  if (!hasFields && isInterval(interval) && !isFixed(interval))
    throw rowsError('interval', `must be at most 1d for ${form}: ask for json, ndjson or csv`);
  if (text === undefined) return fieldsOf(asked);
  if (!hasFields) throw rowsError('fields', 'chooses columns of json, ndjson and csv: leave it out');
  const names: readonly string[] = text.split(',');
  if (timeZone === undefined && names.includes('end'))
    throw rowsError('fields', 'has an end only where a time zone is given: leave end out, or give one');
  if (names.every((name) => ROW_FIELDS.some((field) => field === name)))
    return ROW_FIELDS.filter((field) => field === 'timestamp' || names.includes(field));
  throw rowsError('fields', `must be names of columns with commas between them: ${ROW_FIELDS.join(', ')}`);
}

function rowsError(field: string, message: string): HrmError {
  return faultsError('invalid_query', [{ path: `/${field}`, message }], { what: 'the query is not valid' });
}
