/**
 * Reads tables of a SQLite file, page by page: nothing but the rows of a table in their order. Its own code, and not a SQLite of WebAssembly: an
 * export is read once, from one end to the other, and this does it in a browser as well, in bounded memory, and goes on behind a
 * damaged page.
 * @see SQLite, Database File Format, sections 1.3, 1.6 and 2.6
 */
import type { RandomAccessFile } from '../file-format.js';
import { readRecord, readVarint, type SqlValue } from './sqlite-record.js';
import { columnsOf, type TableColumns } from './table-columns.js';

/** An open database. */
export interface SqliteDatabase {
  /** The names of its tables. */
  readonly tables: readonly string[];
  /**
   * The rows of a table, as many at a time as a page has, with the wanted columns in their order; a column that the table lacks is `null`.
   * @param onDamage - hears of a page that cannot be read: rows of it are left out.
   */
  rows(
    table: string,
    columns: readonly string[],
    onDamage: (page: number) => void,
  ): AsyncGenerator<readonly (readonly SqlValue[])[]>;
}

/** How pages are laid out. */
interface Layout {
  readonly file: RandomAccessFile;
  readonly pageBytes: number;
  /** Of a page that are not the database's own. */
  readonly usableBytes: number;
  readonly pages: number;
  readonly decoder: InstanceType<typeof TextDecoder>;
}

interface Table extends TableColumns {
  readonly rootPage: number;
}

/** `SQLite format 3` and a zero. */
const MAGIC = 'SQLite format 3\0';

const HEADER_BYTES = 100;
const INTERIOR = 0x05;
const LEAF = 0x0d;

/** A tree of this height has more rows than there are. */
const MAX_HEIGHT = 20;

/** Bytes of one row: an image is none of those that are wanted. */
const MAX_ROW_BYTES = 1024 * 1024;

const ENCODINGS = ['utf-8', 'utf-8', 'utf-16le', 'utf-16be'];

/** Whether what begins so is a database. */
export function isSqlite(head: Uint8Array): boolean {
  return new TextDecoder('latin1').decode(head.subarray(0, MAGIC.length)) === MAGIC;
}

/** Opens a database; `null` for what is none. */
export async function openSqlite(file: RandomAccessFile): Promise<SqliteDatabase | null> {
  const layout = await readLayout(file);
  if (layout === null) return null;
  const tables = new Map<string, Table>();
  const schema: Table = { rootPage: 1, columns: ['type', 'name', 'tbl_name', 'rootpage', 'sql'], rowIdColumn: -1 };
  const wanted = ['type', 'name', 'rootpage', 'sql'];
  for await (const rows of readRows(layout, schema, wanted, () => undefined)) {
    for (const [type, name, rootPage, sql] of rows) {
      if (type !== 'table' || typeof name !== 'string' || typeof rootPage !== 'number') continue;
      tables.set(name, { rootPage, ...columnsOf(typeof sql === 'string' ? sql : '') });
    }
  }
  return {
    tables: [...tables.keys()],
    async *rows(name, columns, onDamage) {
      const table = tables.get(name);
      if (table !== undefined) yield* readRows(layout, table, columns, onDamage);
    },
  };
}

async function readLayout(file: RandomAccessFile): Promise<Layout | null> {
  const head = await file.slice(0, HEADER_BYTES);
  if (head.length < HEADER_BYTES || !isSqlite(head)) return null;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const told = view.getUint16(16);
  const pageBytes = told === 1 ? 65_536 : told;
  const usableBytes = pageBytes - view.getUint8(20);
  if (pageBytes < 512 || (pageBytes & (pageBytes - 1)) !== 0 || usableBytes < 480) return null;
  const decoder = new TextDecoder(ENCODINGS[view.getUint32(56)] ?? 'utf-8');
  return { file, pageBytes, usableBytes, pages: Math.ceil(file.byteLength / pageBytes), decoder };
}

/** A page that is to be read, and how deep it lies. */
interface Place {
  readonly page: number;
  readonly height: number;
}

async function* readRows(
  layout: Layout,
  table: Table,
  wanted: readonly string[],
  onDamage: (page: number) => void,
): AsyncGenerator<readonly (readonly SqlValue[])[]> {
  const places = wanted.map((name) => table.columns.indexOf(name));
  const stack: Place[] = [{ page: table.rootPage, height: 0 }];
  // No page is twice in a tree, so that a damaged one ends as well.
  for (let read = 0; stack.length > 0 && read <= layout.pages; read += 1) {
    const { page, height } = stack.pop() as Place;
    const view = await readPage(layout, page);
    const at = page === 1 ? HEADER_BYTES : 0;
    const kind = view?.getUint8(at);
    if (view === null || height > MAX_HEIGHT || (kind !== INTERIOR && kind !== LEAF)) {
      onDamage(page);
      continue;
    }
    const cells = cellsOf(view, at, kind === INTERIOR ? 12 : 8);
    if (kind === INTERIOR) {
      stack.push({ page: view.getUint32(at + 8), height: height + 1 });
      // The first is read first.
      for (const cell of cells.reverse())
        if (cell + 4 <= view.byteLength) stack.push({ page: view.getUint32(cell), height: height + 1 });
      continue;
    }
    const rows: (readonly SqlValue[])[] = [];
    for (const cell of cells) {
      const row = await readRow(layout, view, cell, table, places);
      if (row === null) onDamage(page);
      else rows.push(row);
    }
    yield rows;
  }
}

async function readPage({ file, pageBytes, pages }: Layout, page: number): Promise<DataView | null> {
  if (!(page >= 1 && page <= pages)) return null;
  const bytes = await file.slice((page - 1) * pageBytes, page * pageBytes);
  return bytes.length < pageBytes ? null : new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Where the cells of a page begin. */
function cellsOf(view: DataView, at: number, headBytes: number): number[] {
  const count = view.getUint16(at + 3);
  const cells: number[] = [];
  for (let i = 0, pointer = at + headBytes; i < count && pointer + 2 <= view.byteLength; i += 1, pointer += 2)
    cells.push(view.getUint16(pointer));
  return cells;
}

async function readRow(
  layout: Layout,
  view: DataView,
  cell: number,
  table: Table,
  places: readonly number[],
): Promise<readonly SqlValue[] | null> {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const length = readVarint(bytes, cell);
  const rowId = length === null ? null : readVarint(bytes, length.end);
  if (length === null || rowId === null || length.value > MAX_ROW_BYTES) return null;
  const payload = await readPayload(layout, bytes, rowId.end, length.value);
  const values = payload === null ? null : readRecord(payload, layout.decoder);
  if (values === null) return null;
  return places.map((place) => (place === table.rowIdColumn && place !== -1 ? rowId.value : (values[place] ?? null)));
}

/** The bytes of a row, those on other pages behind those that are here. */
async function readPayload(layout: Layout, page: Uint8Array, from: number, length: number): Promise<Uint8Array | null> {
  const { usableBytes } = layout;
  const most = usableBytes - 35;
  if (length <= most) return from + length <= page.length ? page.subarray(from, from + length) : null;
  const least = Math.floor(((usableBytes - 12) * 32) / 255) - 23;
  const fitting = least + ((length - least) % (usableBytes - 4));
  const here = fitting <= most ? fitting : least;
  if (from + here + 4 > page.length) return null;
  const payload = new Uint8Array(length);
  payload.set(page.subarray(from, from + here));
  let done = here;
  let next = new DataView(page.buffer, page.byteOffset, page.byteLength).getUint32(from + here);
  // Each gives some bytes, so that there is an end.
  while (done < length) {
    const view = await readPage(layout, next);
    if (view === null) return null;
    const part = new Uint8Array(view.buffer, view.byteOffset + 4, Math.min(length - done, usableBytes - 4));
    payload.set(part, done);
    done += part.length;
    next = view.getUint32(0);
  }
  return payload;
}
