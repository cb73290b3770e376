/**
 * A chart of a heart rate in a terminal: the mean as a line of braille dots, two columns and four lines of them in a character,
 * the band from minimum to maximum shaded behind it, gaps as gaps. In ASCII a character is one dot.
 */
import { plural } from '../../words.js';
import { instantFormatter } from '../answer/row-instants.js';
import type { RowTable } from '../answer/row-table.js';
import { rateAxis, timeTicks } from './axes.js';
import { type BinnedRange, binRows, type RowBins, type RowTotal } from './bin-rows.js';

/** Where a chart is shown. */
export interface ChartTerminal {
  /** Columns. */
  readonly width: number;
  /** Lines; `undefined` where nobody knows. */
  readonly height: number | undefined;
  /** Whether more than ASCII arrives as it was sent. */
  readonly isUnicode: boolean;
  /** The text in a style, where it has any. */
  styled(text: string, style: 'dim' | 'red'): string;
}

/** How a chart is painted. */
interface Ink {
  /** Dots of a character, across and down. */
  readonly dots: readonly [columns: number, rows: number];
  /** The character with these dots, as the bits of {@link dotBit}. */
  line(bits: number): string;
  readonly band: string;
  readonly vertical: string;
  readonly tick: string;
  readonly corner: string;
  readonly horizontal: string;
  readonly mark: string;
}

/** @see The Unicode Standard, Braille Patterns: U+2800 and a bit a dot. */
const UNICODE_INK: Ink = {
  dots: [2, 4],
  line: (bits) => String.fromCodePoint(0x2800 + bits),
  band: '░',
  vertical: '│',
  tick: '┤',
  corner: '└',
  horizontal: '─',
  mark: '┬',
};

const ASCII_INK: Ink = {
  dots: [1, 1],
  line: () => '*',
  band: ':',
  vertical: '|',
  tick: '+',
  corner: '+',
  horizontal: '-',
  mark: '+',
};

/** Columns left of the plot: a label of three digits, a blank and the axis. */
const MARGIN = 5;

/** Lines of the plot. */
const [MIN_LINES, DEFAULT_LINES, MAX_LINES] = [6, 16, 24];

/** Lines of a terminal that are not the plot's: title, axis, labels, total, prompt. */
const OTHER_LINES = 6;

/** How many slots a chart has: an answer of narrower rows shows no more. */
export function chartSlots(terminal: Pick<ChartTerminal, 'width' | 'isUnicode'>): number {
  return (terminal.width - MARGIN) * inkOf(terminal).dots[0];
}

/**
 * Draws a chart of an answer, every line with its end. Where there are no readings only the frame and its axes are drawn.
 * @param range - that was asked about.
 */
export async function drawChart(
  tables: AsyncIterable<RowTable>,
  range: BinnedRange,
  terminal: ChartTerminal,
): Promise<string> {
  const { bins, total } = await binRows(tables, range, chartSlots(terminal));
  const ink = inkOf(terminal);
  const columns = terminal.width - MARGIN;
  const wanted = terminal.height === undefined ? DEFAULT_LINES : terminal.height - OTHER_LINES;
  const lines = Math.min(MAX_LINES, Math.max(MIN_LINES, wanted));
  const hasReadings = total.readings > 0;
  const axis = rateAxis(hasReadings ? total.min : 50, hasReadings ? total.max : 100, Math.floor(lines / 2));
  const dotRows = lines * ink.dots[1];
  /** Which row of dots a rate lies in, from the top. */
  const rowOf = (bpm: number) => Math.round(((axis.high - bpm) / (axis.high - axis.low)) * (dotRows - 1));
  const bits = lineBits(bins, rowOf, ink, lines, columns);
  const labels = new Map(axis.ticks.map((bpm) => [Math.floor(rowOf(bpm) / ink.dots[1]), bpm]));
  const plot = Array.from({ length: lines }, (_, line) => {
    const label = labels.get(line);
    const margin = `${String(label ?? '').padStart(MARGIN - 2)} ${label === undefined ? ink.vertical : ink.tick}`;
    return margin + paintLine(bins, line, { bits, rowOf, ink, columns, terminal });
  });
  const texts = [
    ...plot.map((text) => text.trimEnd()),
    ...timeAxis(range, columns, ink),
    ...totals(total, ink, terminal),
  ];
  return `${[...title(range, terminal.width), ...texts].join('\n')}\n`;
}

function inkOf({ isUnicode }: Pick<ChartTerminal, 'isUnicode'>): Ink {
  return isUnicode ? UNICODE_INK : ASCII_INK;
}

/** The dots of the mean's line, as bits of each character, line by line: each slot's from the one before, if there was one. */
function lineBits(bins: RowBins, rowOf: (bpm: number) => number, { dots }: Ink, lines: number, columns: number) {
  const bits = new Uint8Array(lines * columns);
  let before: number | null = null;
  for (let slot = 0; slot < bins.length; slot += 1) {
    const count = bins.count[slot] as number;
    if (count === 0) {
      before = null;
      continue;
    }
    const row = rowOf((bins.sum[slot] as number) / count);
    // A step is drawn in its second half, up to the dot next to the one before.
    const from: number = before === null || before === row ? row : before + Math.sign(row - before);
    for (let y = Math.min(from, row); y <= Math.max(from, row); y += 1) {
      const at = Math.floor(y / dots[1]) * columns + Math.floor(slot / dots[0]);
      bits[at] = (bits[at] as number) | dotBit(slot % dots[0], y % dots[1]);
    }
    before = row;
  }
  return bits;
}

/** Braille numbers its dots down the left column, down the right one, and then those that were added below. */
function dotBit(column: number, row: number): number {
  return row === 3 ? 0x40 << column : 1 << (row + 3 * column);
}

interface Painting {
  readonly bits: Uint8Array;
  readonly rowOf: (bpm: number) => number;
  readonly ink: Ink;
  readonly columns: number;
  readonly terminal: ChartTerminal;
}

function paintLine(bins: RowBins, line: number, { bits, rowOf, ink, columns, terminal }: Painting): string {
  let text = '';
  let run = '';
  let style: 'dim' | 'red' | null = null;
  for (let column = 0; column <= columns; column += 1) {
    const dots = bits[line * columns + column] ?? 0;
    const isBand = column < columns && hasBand(bins, column, line, rowOf, ink);
    const next = column === columns ? null : dots > 0 ? 'red' : isBand ? 'dim' : null;
    if (next !== style || column === columns) {
      text += style === null ? run : terminal.styled(run, style);
      run = '';
      style = next;
    }
    if (column < columns) run += dots > 0 ? ink.line(dots) : isBand ? ink.band : ' ';
  }
  return text;
}

/** Whether the band from minimum to maximum goes through a character. */
function hasBand(bins: RowBins, column: number, line: number, rowOf: (bpm: number) => number, { dots }: Ink): boolean {
  for (let slot = column * dots[0]; slot < (column + 1) * dots[0]; slot += 1) {
    if ((bins.count[slot] ?? 0) === 0) continue;
    const [top, bottom] = [rowOf(bins.max[slot] as number), rowOf(bins.min[slot] as number)];
    if (line >= Math.floor(top / dots[1]) && line <= Math.floor(bottom / dots[1])) return true;
  }
  return false;
}

/** Columns that a label of time takes with the blank behind it. */
const TICK_COLUMNS = 9;

function timeAxis({ fromMs, toMs, grid }: BinnedRange, columns: number, ink: Ink): string[] {
  const axis = new Array<string>(columns).fill(ink.horizontal);
  let labels = '';
  for (const { atMs, label } of timeTicks(fromMs, toMs, Math.floor(columns / TICK_COLUMNS), grid.zone)) {
    const column = Math.floor(((atMs - fromMs) / (toMs - fromMs)) * columns);
    axis[column] = ink.mark;
    if (column >= labels.length && column + label.length <= columns) labels = `${labels.padEnd(column)}${label} `;
  }
  const margin = ' '.repeat(MARGIN - 1);
  return [`${margin}${ink.corner}${axis.join('')}`, `${margin} ${labels}`.trimEnd()];
}

function title({ fromMs, toMs, grid: { zone } }: BinnedRange, width: number): string[] {
  const format = instantFormatter(zone);
  const [from, to] = [fromMs, toMs].map((ms) => format(ms).slice(0, 16).replace('T', ' '));
  return flow(['bpm,', `${from} to`, `${to} ${zone?.name ?? 'UTC'}`].map(plain), ' ', width);
}

/** A text that is not broken, and how many columns it takes: colours take none. */
interface Phrase {
  readonly text: string;
  readonly columns: number;
}

function plain(text: string): Phrase {
  return { text, columns: text.length };
}

/** Phrases in as few lines as a width allows. */
function flow(phrases: readonly Phrase[], gap: string, width: number): string[] {
  const lines: string[] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const { text, columns } of phrases) {
    const fits = used + gap.length + columns <= width;
    lines.push(fits ? `${lines.pop()}${gap}${text}` : text);
    used = fits ? used + gap.length + columns : columns;
  }
  return lines;
}

function totals({ rows, readings, mean, min, max }: RowTotal, ink: Ink, terminal: ChartTerminal): string[] {
  if (readings === 0) return ['no readings of this user in this range'];
  const legend = [
    { text: `${terminal.styled(ink.line(0b1001), 'red')} mean`, columns: 6 },
    { text: `${terminal.styled(ink.band, 'dim')} min to max`, columns: 12 },
  ];
  const counts = `${plural(readings, 'reading')} in ${plural(rows, 'row')}`;
  return flow(
    [...[`min ${min}`, `mean ${mean.toFixed(2)}`, `max ${max}`, counts].map(plain), ...legend],
    '  ',
    terminal.width,
  );
}
