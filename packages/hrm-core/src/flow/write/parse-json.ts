/**
 * Request bodies as JSON values. A large one is parsed in pieces, and others work in between: JSON.parse takes a batch of the longest
 * escaped ids 60 ms, and making its text 20.
 */
import { randomUUID } from 'node:crypto';
import { faultError, type HrmError, isHrmError } from '../../errors.js';
import type { BatchForm } from '../../pure/reading/scan-bytes.js';
import type { Yielder } from '../files/yielder.js';
import { type LongList, PIECE_BYTES, scanJson } from './scan-json.js';

/** @throws HrmError code `not_json`. The parser's own message repeats the input, which is health data. */
function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notJsonError();
  }
}

function notJsonError(): HrmError {
  return faultError('not_json', 'the body is not JSON');
}

const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
/** What JSON takes for white space: a tab, the ends of lines, a blank. */
const BLANKS: ReadonlySet<number | undefined> = new Set([0x09, 0x0a, 0x0d, 0x20]);

/**
 * Parses JSON that is an array, mostly: its items some at a time. Wherever it is cut, if each piece is JSON in brackets, with an item at
 * least, then all of them joined by commas are; and a comma between two items leaves items on both sides.
 * @throws HrmError kind `invalid`, code `not_json`; as {@link scanJson}.
 */
export async function parseItems(json: Buffer, yieldTurn: Yielder['yieldTurn']): Promise<unknown> {
  const { rest, lists } = await takeLists(json, 'array', yieldTurn);
  const value = await parseInPieces(rest, yieldTurn);
  putBack(Array.isArray(value) ? value : [value], lists);
  return value;
}

async function parseInPieces(bytes: Buffer, yieldTurn: Yielder['yieldTurn']): Promise<unknown> {
  const { commas } = await scanJson(bytes, 'array', yieldTurn);
  let [from, to] = [0, bytes.length - 1];
  while (BLANKS.has(bytes[from])) from += 1;
  while (to > from && BLANKS.has(bytes[to])) to -= 1;
  const isArray = bytes[from] === OPEN_BRACKET && bytes[to] === CLOSE_BRACKET;
  if (!isArray || commas.length === 0) return parseText(bytes.toString('utf8'));
  const items: unknown[] = [];
  await addPieces(bytes, [from, ...commas, to], items, yieldTurn);
  return items;
}

/**
 * Parses what stands between brackets, in pieces.
 * @param ends - places of the opening bracket, of commas and of the closing bracket.
 */
async function addPieces(
  bytes: Buffer,
  [from = 0, ...ends]: readonly number[],
  items: unknown[],
  yieldTurn: Yielder['yieldTurn'],
): Promise<void> {
  let begin = from;
  for (const end of ends) {
    const some = parseText(`[${bytes.toString('utf8', begin + 1, end)}]`) as unknown[];
    // A comma without an item.
    if (some.length === 0) throw notJsonError();
    for (const item of some) items.push(item);
    begin = end;
    await yieldTurn();
  }
}

/** Long lists by what stands in their place. */
type Lists = ReadonlyMap<unknown, readonly unknown[]>;

/** Takes long lists out of JSON, each parsed in pieces, so that the rest of it is short. A list that is no JSON leaves what is none. */
async function takeLists(
  bytes: Buffer,
  form: BatchForm,
  yieldTurn: Yielder['yieldTurn'],
): Promise<{ readonly rest: Buffer; readonly lists: Lists }> {
  const found = await scanJson(bytes, form, yieldTurn);
  const lists = new Map<unknown, readonly unknown[]>();
  if (found.lists.length === 0) return { rest: bytes, lists };
  // Nobody can send it.
  const secret = randomUUID();
  const pieces: Buffer[] = [];
  let end = 0;
  for (const [i, list] of found.lists.entries()) {
    const name = `${secret} ${i}`;
    const values = await parseList(bytes, list, yieldTurn);
    if (values !== null) lists.set(name, values);
    pieces.push(bytes.subarray(end, list.from), Buffer.from(values === null ? '!' : JSON.stringify(name)));
    end = list.to;
  }
  return { rest: Buffer.concat([...pieces, bytes.subarray(end)]), lists };
}

async function parseList(
  bytes: Buffer,
  { from, to, commas }: LongList,
  yieldTurn: Yielder['yieldTurn'],
): Promise<readonly unknown[] | null> {
  const values: unknown[] = [];
  try {
    await addPieces(bytes, [from - 1, ...commas, to], values, yieldTurn);
    return values;
  } catch (error) {
    if (isHrmError(error) && error.code === 'not_json') return null;
    throw error;
  }
}

/** Puts lists back into the items that they stood in. */
function putBack(items: readonly unknown[], lists: Lists): void {
  if (lists.size === 0) return;
  for (const item of items) {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) continue;
    for (const [name, value] of Object.entries(item)) {
      const list = Array.isArray(value) && value.length === 1 ? lists.get(value[0]) : undefined;
      if (list !== undefined) (item as Record<string, unknown>)[name] = list;
    }
  }
}

/** NDJSON as it was sent. */
interface NdjsonItems {
  /** One for each line that is not blank, so an index is that of the reading, not of the line; `null` if not JSON. */
  readonly items: readonly unknown[];
  /** Indices of items that are not JSON. */
  readonly malformed: ReadonlySet<number>;
}

const NEWLINE = 0x0a;

/**
 * Parses NDJSON: a JSON value a line, `\n` or `\r\n`; blank lines are skipped.
 * @param maxItems - inclusive.
 * @throws HrmError kind `invalid`, code `too_many_readings`; as {@link scanJson}.
 */
export async function parseLines(
  json: Buffer,
  maxItems: number,
  yieldTurn: Yielder['yieldTurn'],
): Promise<NdjsonItems> {
  const { rest: bytes, lists } = await takeLists(json, 'lines', yieldTurn);
  const found = { items: [] as unknown[], malformed: new Set<number>() };
  for (let from = 0; from < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, from + PIECE_BYTES);
    const to = newline < 0 ? bytes.length : newline;
    await addLines(bytes.toString('utf8', from, to), maxItems, { ...found, yieldTurn });
    from = to + 1;
    await yieldTurn();
  }
  putBack(found.items, lists);
  return found;
}

/** Lines that are parsed before others have a turn: with 10,000 in a piece that are no JSON it was 60 ms of errors. */
const LINES_PER_TURN = 500;

async function addLines(
  text: string,
  maxItems: number,
  {
    items,
    malformed,
    yieldTurn,
  }: { readonly items: unknown[]; readonly malformed: Set<number>; yieldTurn: Yielder['yieldTurn'] },
): Promise<void> {
  for (let from = 0; from < text.length; ) {
    const newline = text.indexOf('\n', from);
    const to = newline < 0 ? text.length : newline;
    const line = text.slice(from, to).trim();
    from = to + 1;
    if (line === '') continue;
    if (items.length === maxItems)
      throw faultError('too_many_readings', `a batch may hold at most ${maxItems} readings: split it`);
    try {
      items.push(JSON.parse(line));
    } catch {
      malformed.add(items.length);
      items.push(null);
    }
    if (items.length % LINES_PER_TURN === 0) await yieldTurn();
  }
}
