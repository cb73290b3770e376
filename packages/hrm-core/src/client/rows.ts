/**
 * The rows of an answer as they come, held to their end. HTTP alone does not always tell an end from a cut: over HTTP/1.0, which
 * proxies speak, a server that is killed looks like one that is done.
 */
import { linesOf } from './lines.js';
import {
  type Answer,
  type ClientCallOptions,
  type ClientOptions,
  throwIfAborted,
  unreachableError,
} from './request.js';
import { badAnswerError, parseJson, toFields } from './wire.js';

/** What is asked for: a last line counts the rows. A server of an older version does not know it, and leaves it out. */
export const ROWS_TYPE = 'application/x-ndjson; end=count';

/**
 * @param begin - asks for them.
 * @param toRow - takes one, held to its shape.
 * @throws HrmError what `begin` throws; kind `unavailable`, code `server_unreachable`, when rows are missing; as {@link linesOf}, also
 *   between two rows; code `bad_answer` for a line that is no row.
 */
export async function* rowsOf<Wanted>(
  begin: () => Promise<Answer>,
  toRow: (value: unknown) => Wanted,
  options: ClientOptions & ClientCallOptions,
): AsyncGenerator<Wanted, void, undefined> {
  const { response, end } = await begin();
  try {
    const isEndPromised = /;\s*end="?count"?/i.test(response.headers.get('content-type') ?? '');
    let rows = 0;
    let isEnded = false;
    for await (const lines of linesOf(response, options)) {
      for (const line of lines) {
        throwIfAborted(options.signal);
        const value = parseJson(line);
        if (isEnded) throw badAnswerError();
        if (isEndPromised && toFields(value).end === true) {
          if (toFields(value).count !== rows) throw badAnswerError();
          isEnded = true;
          continue;
        }
        yield toRow(value);
        rows += 1;
      }
    }
    if (isEndPromised && !isEnded) throw unreachableError(options.url, false, undefined);
  } finally {
    end();
  }
}
