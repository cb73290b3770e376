import { faultsError } from '../../errors.js';

/** The columns of a row as it is written, in the order that every form has them in. */
export const ROW_FIELDS = ['timestamp', 'heart_rate', 'min', 'max', 'count', 'device_ids'] as const;

/** A column of a row as it is written. */
export type RowField = (typeof ROW_FIELDS)[number];

/**
 * Reads a list of columns: `heart_rate,count`.
 * @param text - names with commas between them; `undefined` for all. Their order does not matter.
 * @returns in the order of {@link ROW_FIELDS}, each once; `timestamp` always, since minutes without readings have no row.
 * @throws HrmError kind `invalid`, code `invalid_query`, for a name that is none.
 */
export function parseFields(text: string | undefined): readonly RowField[] {
  if (text === undefined) return ROW_FIELDS;
  const names: readonly string[] = text.split(',');
  if (names.every((name) => ROW_FIELDS.some((field) => field === name)))
    return ROW_FIELDS.filter((field) => field === 'timestamp' || names.includes(field));
  const message = `must be names of columns with commas between them: ${ROW_FIELDS.join(', ')}`;
  throw faultsError('invalid_query', [{ path: '/fields', message }], { what: 'the query is not valid' });
}
