/**
 * The rows of an answer as columns, read from CSV bytes as they arrive: a year of minutes is half a million rows, which must
 * become neither objects nor strings, and each piece of the network leaves the page time to breathe.
 */

/** Rows, ascending; columns of equal length. */
export interface Rows {
  readonly length: number;
  /** Epoch milliseconds of each row's beginning. */
  readonly startMs: Float64Array;
  readonly mean: Float64Array;
  readonly min: Int16Array;
  readonly max: Int16Array;
  /** Readings in the row. */
  readonly count: Uint32Array;
  /** Which of {@link Rows.deviceSets} the row has. */
  readonly deviceSet: Uint32Array;
  readonly deviceSets: readonly (readonly string[])[];
}

/** Takes the bytes of an answer, in pieces cut anywhere. */
interface RowReader {
  push(piece: Uint8Array): void;
  rows(): Rows;
}

const NEWLINE = 10;
const COMMA = 44;
const POINT = 46;
const ZERO = 48;
const DATE_LENGTH = 10;
const NOTHING = new Uint8Array();

/** Starts to read an answer of type `text/csv`. */
export function createRowReader(): RowReader {
  let columns = allocate(4_096);
  let length = 0;
  // The row that is not over yet, in pieces.
  let open: Uint8Array[] = [];
  let isHeader = true;
  let dayMs = 0;
  let day = '';
  const sets = new Map<string, number>();
  const deviceSets: string[][] = [];
  const decoder = new TextDecoder();
  // Neighbours mostly have the same devices: the bytes are compared before anything is made of them.
  let lastTail: Uint8Array = NOTHING;
  let lastSet = 0;

  function setOf(tail: Uint8Array): number {
    if (sameBytes(tail, lastTail)) return lastSet;
    const text = decoder.decode(tail);
    const known = sets.get(text) ?? deviceSets.push(parseDevices(text)) - 1;
    sets.set(text, known);
    lastTail = tail.slice();
    lastSet = known;
    return known;
  }

  function readLine(bytes: Uint8Array, from: number, to: number): void {
    if (length === columns.startMs.length) columns = grow(columns);
    const date = String.fromCharCode(...bytes.subarray(from, from + DATE_LENGTH));
    if (date !== day) {
      day = date;
      dayMs = Date.parse(`${date}T00:00:00Z`);
    }
    columns.startMs[length] = dayMs + timeOfDay(bytes, from + DATE_LENGTH + 1);
    let at = bytes.indexOf(COMMA, from) + 1;
    const values: number[] = [];
    for (let field = 0; field < 4; field += 1) {
      const end = bytes.indexOf(COMMA, at);
      values.push(parseNumber(bytes, at, end));
      at = end + 1;
    }
    columns.mean[length] = values[0] ?? 0;
    columns.min[length] = values[1] ?? 0;
    columns.max[length] = values[2] ?? 0;
    columns.count[length] = values[3] ?? 0;
    columns.deviceSet[length] = setOf(bytes.subarray(at, to));
    length += 1;
  }

  return {
    push(piece) {
      if (!piece.includes(NEWLINE)) {
        open.push(piece.slice());
        return;
      }
      const bytes = open.length === 0 ? piece : join([...open, piece]);
      let from = 0;
      for (;;) {
        const end = bytes.indexOf(NEWLINE, from);
        if (end === -1) break;
        if (isHeader) isHeader = false;
        else readLine(bytes, from, end);
        from = end + 1;
      }
      open = [bytes.slice(from)];
    },
    rows: () => ({ ...columns, length, deviceSets }),
  };
}

/** Reads a whole answer. @throws when the connection breaks. */
export async function readRows(response: Response): Promise<Rows> {
  const reader = createRowReader();
  const pieces = response.body?.getReader();
  for (;;) {
    const piece = await pieces?.read();
    if (piece?.value === undefined) return reader.rows();
    reader.push(piece.value);
  }
}

type Columns = Omit<Rows, 'length' | 'deviceSets'>;

function allocate(length: number): Columns {
  return {
    startMs: new Float64Array(length),
    mean: new Float64Array(length),
    min: new Int16Array(length),
    max: new Int16Array(length),
    count: new Uint32Array(length),
    deviceSet: new Uint32Array(length),
  };
}

function grow(columns: Columns): Columns {
  const larger = allocate(columns.startMs.length * 2);
  larger.startMs.set(columns.startMs);
  larger.mean.set(columns.mean);
  larger.min.set(columns.min);
  larger.max.set(columns.max);
  larger.count.set(columns.count);
  larger.deviceSet.set(columns.deviceSet);
  return larger;
}

/** `hh:mm:ss`, in ms. */
function timeOfDay(bytes: Uint8Array, at: number): number {
  return (two(bytes, at) * 3600 + two(bytes, at + 3) * 60 + two(bytes, at + 6)) * 1000;
}

function two(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? ZERO) - ZERO) * 10 + (bytes[at + 1] ?? ZERO) - ZERO;
}

/** A number of at most a few digits and at most two decimals; what is longer or below zero takes the slow way. */
function parseNumber(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  let scale = 0;
  for (let i = from; i < to; i += 1) {
    const byte = bytes[i] ?? 0;
    if (byte === POINT && scale === 0) scale = 1;
    else if (byte < ZERO || byte > ZERO + 9) return Number(String.fromCharCode(...bytes.subarray(from, to)));
    else {
      value = value * 10 + byte - ZERO;
      scale *= 10;
    }
  }
  return scale > 1 ? value / scale : value;
}

/** A JSON array in the quotes of CSV, and the line's end. */
function parseDevices(text: string): string[] {
  return JSON.parse(text.trim().slice(1, -1).replaceAll('""', '"')) as string[];
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
