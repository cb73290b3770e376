/** The columns of a table, in the order of its values. */
export interface TableColumns {
  readonly columns: readonly string[];
  /** Of the column that is the row's number; -1 without one. */
  readonly rowIdColumn: number;
}

/** Beginnings of what is no column in a table's definition. */
const CONSTRAINTS = ['CONSTRAINT', 'PRIMARY', 'UNIQUE', 'CHECK', 'FOREIGN'];

/** The columns of `CREATE TABLE x (row_id INTEGER PRIMARY KEY, …)`. */
export function columnsOf(sql: string): TableColumns {
  const columns: string[] = [];
  let rowIdColumn = -1;
  for (const definition of definitionsOf(sql)) {
    const { name, rest } = nameOf(definition.trim());
    if (CONSTRAINTS.includes(name.toUpperCase())) continue;
    const words = rest
      .toUpperCase()
      .split(/\s/)
      .filter((word) => word !== '');
    if (words.slice(0, 3).join(' ') === 'INTEGER PRIMARY KEY') rowIdColumn = columns.length;
    columns.push(name);
  }
  return { columns, rowIdColumn };
}

/** The name that a definition begins with, in quotes or without. */
function nameOf(definition: string): { readonly name: string; readonly rest: string } {
  const quote = QUOTES.get(definition[0] ?? '');
  const end = quote === undefined ? definition.search(/\s/) : definition.indexOf(quote, 1);
  const from = quote === undefined ? 0 : 1;
  return end === -1
    ? { name: definition.slice(from), rest: '' }
    : { name: definition.slice(from, end), rest: definition.slice(end + from) };
}

const QUOTES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['`', '`'],
  ['[', ']'],
]);

/** What stands between the commas of the outermost brackets. */
function definitionsOf(sql: string): readonly string[] {
  const definitions: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < sql.length; at += 1) {
    const one = sql[at];
    if (one === '(') {
      depth += 1;
      if (depth === 1) from = at + 1;
    } else if ((one === ',' && depth === 1) || (one === ')' && depth === 1)) {
      definitions.push(sql.slice(from, at));
      from = at + 1;
    }
    if (one === ')') depth -= 1;
  }
  return definitions;
}
