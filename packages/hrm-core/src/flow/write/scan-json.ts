/**
 * JSON that is looked at before it is parsed: what is many or long makes objects that cost far more than the bytes, and one series may be
 * three megabytes, which took JSON.parse 80 ms.
 */
import { faultError, type HrmError } from '../../errors.js';
import { MAX_JSON_STRING_BYTES, MAX_JSON_VALUES, MAX_LIST_VALUES, MAX_READING_VALUES } from '../../limits.js';
import type { BatchForm } from '../../pure/reading/scan-bytes.js';
import type { Yielder } from '../files/yielder.js';

const LINE_END = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Bytes that are looked at, or parsed, before others have a turn: a millisecond's work or two. */
export const PIECE_BYTES = 64 * 1024;

/** A long list of texts and numbers that stands right in an item. */
export interface LongList {
  /** Of what is between its brackets; `to` is exclusive. */
  readonly from: number;
  readonly to: number;
  /** Where commas are between its values: some, so that about {@link PIECE_BYTES} lie between two. */
  readonly commas: readonly number[];
}

/** What was seen in JSON. */
export interface SeenJson {
  /** Where commas are between items of an array, if the JSON is one: some, as in a list. */
  readonly commas: readonly number[];
  readonly lists: readonly LongList[];
}

/** How far a body was looked at. */
interface Scan {
  at: number;
  values: number;
  listValues: number;
  depth: number;
  /** Those before the item that is looked at; a line of NDJSON, and an object that should have been an array, are items, too. */
  valuesBefore: number;
  isArray: boolean;
  /** Where the list began that is looked at, if it stands right in an item and had only texts and numbers so far; else 0. */
  listFrom: number;
  listCommas: number[];
  readonly form: BatchForm;
  readonly commas: number[];
  readonly lists: LongList[];
}

/**
 * Looks at JSON before it is parsed. A short text has nothing long.
 * @throws HrmError kind `invalid`, code `body_too_large` or `invalid_readings`.
 */
export async function scanJson(json: Buffer, form: BatchForm, yieldTurn: Yielder['yieldTurn']): Promise<SeenJson> {
  const scan: Scan = {
    at: 0,
    values: 0,
    listValues: 0,
    depth: 0,
    valuesBefore: 0,
    isArray: false,
    listFrom: 0,
    listCommas: [],
    form,
    commas: [],
    lists: [],
  };
  if (json.length <= PIECE_BYTES) return scan;
  while (scan.at < json.length) {
    scanPiece(json, scan, Math.min(json.length, scan.at + PIECE_BYTES));
    await yieldTurn();
  }
  return scan;
}

/** @param to - may be passed by, to the end of a string. */
function scanPiece(json: Buffer, scan: Scan, to: number): void {
  for (; scan.at < to; scan.at += 1) {
    const byte = json[scan.at];
    if (byte === QUOTE) {
      const end = endOfString(json, scan.at + 1);
      if (end - scan.at - 1 > MAX_JSON_STRING_BYTES) throw longStringError();
      scan.at = end;
    } else if (byte === COMMA) takeComma(scan);
    else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) takeOpening(scan, byte);
    else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) takeClosing(scan);
    else if (byte === LINE_END && scan.form === 'lines') takeLineEnd(scan);
  }
}

function takeComma(scan: Scan): void {
  const { at, depth, isArray, commas } = scan;
  if (scan.listFrom > 0) {
    scan.listValues += 1;
    if (scan.listValues > MAX_LIST_VALUES) throw manyValuesError();
    if (at - (scan.listCommas.at(-1) ?? scan.listFrom) >= PIECE_BYTES) scan.listCommas.push(at);
    return;
  }
  countValue(scan);
  if (depth !== 1 || !isArray) return;
  scan.valuesBefore = scan.values;
  if (at - (commas.at(-1) ?? 0) >= PIECE_BYTES) commas.push(at);
}

function takeOpening(scan: Scan, byte: number): void {
  countValue(scan);
  if (scan.depth === 0) {
    scan.isArray = byte === OPEN_BRACKET;
    scan.valuesBefore = scan.values;
  }
  const isInItem = scan.depth === (scan.isArray ? 2 : 1);
  scan.listFrom = byte === OPEN_BRACKET && isInItem ? scan.at + 1 : 0;
  scan.listCommas = [];
  scan.depth += 1;
}

function takeClosing(scan: Scan): void {
  const { at: to, listFrom: from, listCommas: commas } = scan;
  if (from > 0 && to - from >= PIECE_BYTES) scan.lists.push({ from, to, commas });
  scan.listFrom = 0;
  scan.depth -= 1;
}

/** A line ends whatever stands in it, also where that is no JSON. */
function takeLineEnd(scan: Scan): void {
  scan.listFrom = 0;
  scan.depth = 0;
}

function countValue(scan: Scan): void {
  scan.values += 1;
  if (scan.values > MAX_JSON_VALUES || scan.values - scan.valuesBefore > MAX_READING_VALUES) throw manyValuesError();
}

/** Where the quote is that ends a string which begins at `from`; of one that is too long some place that is too far. */
function endOfString(json: Buffer, from: number): number {
  const to = Math.min(json.length, from + MAX_JSON_STRING_BYTES + 1);
  let at = from;
  while (at < to && json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at;
}

function manyValuesError(): HrmError {
  const message = `the body may hold at most ${MAX_JSON_VALUES} JSON values, one reading ${MAX_READING_VALUES}, and the lists of series ${MAX_LIST_VALUES}: split it, or leave out fields that are ignored`;
  return faultError('body_too_large', message);
}

function longStringError(): HrmError {
  return faultError(
    'invalid_readings',
    `a string in the body has more than ${MAX_JSON_STRING_BYTES} bytes: leave it out`,
  );
}
