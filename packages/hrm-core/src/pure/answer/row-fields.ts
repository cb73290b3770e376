import { faultsError, type HrmError } from '../../errors.js';

/** The columns of a row as it is written, in the order that every form has them in. */
export const ROW_FIELDS = ['timestamp', 'heart_rate', 'min', 'max', 'count', 'device_ids'] as const;

/** A column of a row as it is written. */
export type RowField = (typeof ROW_FIELDS)[number];

/**
 * Reads a list of columns: `heart_rate,count`.
 * @param text - names with commas between them; `undefined` for all. Their order does not matter.
 * @param form - that the rows are written in.
 * @returns in the order of {@link ROW_FIELDS}, each once; `timestamp` always, since minutes without readings have no row.
 * @throws HrmError kind `invalid`, code `invalid_query`, for a name that is none, and for a form whose columns cannot be chosen.
 */
export function parseFields(
  text: string | undefined,
  { hasFields }: { readonly hasFields: boolean },
): readonly RowField[] {
  if (text === undefined) return ROW_FIELDS;
  if (!hasFields) throw fieldsError('chooses columns of json, ndjson and csv: leave it out');
  const names: readonly string[] = text.split(',');
  if (names.every((name) => ROW_FIELDS.some((field) => field === name)))
    return ROW_FIELDS.filter((field) => field === 'timestamp' || names.includes(field));
  throw fieldsError(`must be names of columns with commas between them: ${ROW_FIELDS.join(', ')}`);
}

function fieldsError(message: string): HrmError {
  return faultsError('invalid_query', [{ path: '/fields', message }], { what: 'the query is not valid' });
}
