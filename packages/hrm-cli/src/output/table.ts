/** A column: its heading, and its width, since lines are printed as they come and no width can follow from them. */
export interface Column {
  readonly heading: string;
  /** Characters; the last column may do without. */
  readonly width?: number;
  /** Words stand left, as by default; figures right. */
  readonly align?: 'left' | 'right';
}

/** Prints one table. */
export interface Table {
  readonly head: string;
  /** One line, with its end. @param cells - shown as they are: ids through `visibleId`, other texts through `visibleText`. */
  line(cells: readonly (string | number)[]): string;
}

/** A table for people, of lines that are printed as they come. */
export function createTable(columns: readonly Column[]): Table {
  function line(cells: readonly (string | number)[]): string {
    const aligned = cells.map((cell, i) => {
      const { width = 0, align = 'left' } = columns[i] ?? {};
      return align === 'left' ? String(cell).padEnd(width) : String(cell).padStart(width);
    });
    return `${aligned.join('  ')}\n`;
  }
  return { head: line(columns.map(({ heading }) => heading)), line };
}

/** A column of figures. */
export function figures(heading: string, width: number): Column {
  return { heading, width, align: 'right' };
}
