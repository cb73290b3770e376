import { INTERVAL_MS } from '../answer/interval.js';
import { type RowTable, sliceTable } from '../answer/row-table.js';
import { formatInstant } from '../reading/timestamp.js';
import { observationWriter } from '../records/fhir.js';
import { inPieces } from '../records/form.js';
import { createRecordIds } from '../records/ids.js';
import { recordsOfRows } from '../records/table.js';
import type { ObservationSearch } from './search.js';

/** What a page is, besides its search. */
export interface PageOptions {
  /** The address that was asked, with its query. */
  readonly url: string;
  /** Where the search goes on behind the tables, epoch milliseconds, though they end; `null`: nowhere. */
  readonly resumeMs: number | null;
}

/**
 * Writes a page of a search as a Bundle. Which page is next is known at its end, so its links stand there.
 * @param tables - minutes, as `queryTables` yields them; they are stopped when the page is full.
 */
export async function* writeSearchset(
  { userId, deviceId, count, isLaterPage }: ObservationSearch,
  tables: AsyncIterable<RowTable>,
  { url, resumeMs }: PageOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const subject = { userId, deviceId, intervalMs: INTERVAL_MS['1m'] };
  const encoder = new TextEncoder();
  const idsOf = createRecordIds(subject);
  let held = '{"resourceType":"Bundle","type":"searchset"';
  let written = 0;
  let nextMs = resumeMs;
  for await (const table of tables) {
    const taken = sliceTable(table, 0, Math.min(table.length, count - written));
    const records = recordsOfRows(taken);
    const idOf = await idsOf(records);
    const observation = observationWriter(subject, records, idOf);
    const isFirst = written === 0;
    const pieces = inPieces(0, taken.length, (row) => {
      const before = isFirst && row === 0 ? ',"entry":[' : ',';
      return `${before}{"fullUrl":"urn:uuid:${idOf(row)}","resource":${observation(row)},"search":{"mode":"match"}}`;
    });
    for (const piece of pieces) {
      yield encoder.encode(held + piece);
      held = '';
    }
    written += taken.length;
    if (taken.length < table.length) {
      nextMs = table.startMs[taken.length] as number;
      break;
    }
  }
  const total = nextMs === null && !isLaterPage ? `,"total":${written}` : '';
  const links = [
    { relation: 'self', url },
    ...(nextMs === null ? [] : [{ relation: 'next', url: pageUrl(url, nextMs) }]),
  ];
  yield encoder.encode(`${held}${written === 0 ? '' : ']'}${total},"link":${JSON.stringify(links)}}`);
}

/** The same address, of the page that begins at a minute. */
function pageUrl(url: string, fromMs: number): string {
  const [path = '', query = ''] = url.split('?');
  const others = query.split('&').filter((pair) => pair !== '' && !pair.startsWith('_page='));
  return `${path}?${[...others, `_page=${formatInstant(fromMs)}`].join('&')}`;
}
