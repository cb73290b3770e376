import type { IncomingMessage } from 'node:http';
import { ROW_FORMS, type RowFormName } from 'hrm-core';
import { valuesOf } from 'hrm-core/schemas';
import { readAnswerForm } from '../http/connections/accept.js';

/** The form of an answer and whether its rows are minutes or longer; `not_modified` is the answer 304. */
export type QueryKind = `${RowFormName}_${'minute' | 'coarse'}` | 'not_modified';

/** The kind of a query that was answered with a status; `null` when it was refused. */
export function queryKindOf(
  { url = '', headers }: Pick<IncomingMessage, 'url' | 'headers'>,
  status: number,
): QueryKind | null {
  if (status === 304) return 'not_modified';
  if (status !== 200) return null;
  const [interval = '1m'] = valuesOf(url, 'interval');
  return `${readAnswerForm(headers, ROW_FORMS).form.name}_${interval === '1m' ? 'minute' : 'coarse'}`;
}
