import type { IncomingMessage } from 'node:http';
import { type AnswerType, readAnswerForm } from '../http/connections/accept.js';
import { valuesOf } from '../routes/parameters.js';

const FORMS = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'text/csv': 'csv',
} as const satisfies Record<AnswerType, string>;

/** The form of an answer and whether its rows are minutes or longer; `not_modified` is the answer 304. */
export type QueryKind = `${(typeof FORMS)[AnswerType]}_${'minute' | 'coarse'}` | 'not_modified';

/** The kind of a query that was answered with a status; `null` when it was refused. */
export function queryKindOf(
  { url = '', headers }: Pick<IncomingMessage, 'url' | 'headers'>,
  status: number,
): QueryKind | null {
  if (status === 304) return 'not_modified';
  if (status !== 200) return null;
  const [interval = '1m'] = valuesOf(url, 'interval');
  return `${FORMS[readAnswerForm(headers).type]}_${interval === '1m' ? 'minute' : 'coarse'}`;
}
