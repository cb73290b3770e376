/**
 * What uPlot is told to draw: lines with a band from the minimum to the maximum rate, over the zones of effort.
 * Points without readings break the line.
 */
import type uPlot from 'uplot';
import { clockAt, createFormat, dateAt, momentOf } from './clocks.js';
import type { Look } from './devices.js';
import { cssValue } from './dom.js';
import type { Grid, Line } from './grid.js';
import { texts } from './texts/texts.js';
import { ZONES } from './zones.js';

/** A line and how it looks. */
export interface ChartLine {
  readonly label: string;
  readonly look: Look;
  readonly line: Line;
}

/** What a chart shows. */
export interface ChartContent {
  readonly grid: Grid;
  /** The range, which the grid covers. */
  readonly fromMs: number;
  readonly toMs: number;
  /** The first has the band. */
  readonly lines: readonly ChartLine[];
  /** Where each zone begins, bpm. */
  readonly starts: readonly number[];
}

/** What happens in a plot. */
export interface PlotEvents {
  /** The cursor stands on a point; `null`: nowhere. */
  onCursor(index: number | null): void;
  /** A pointer has chosen a part of the plot, px. */
  onChosen(fromPx: number, toPx: number): void;
}

const NARROW_PX = 560;

/** The values: x, then the band's two edges, then a line each. */
export function dataOf({ grid, lines }: ChartContent): uPlot.AlignedData {
  const [first] = lines;
  return [
    grid.startsMs.map((ms) => ms / 1000),
    first?.line.max ?? [],
    first?.line.min ?? [],
    ...lines.map(({ line }) => line.mean),
  ] as uPlot.AlignedData;
}

/** How they are drawn, at a width in px. */
export function optionsOf(content: ChartContent, width: number, { onCursor, onChosen }: PlotEvents): uPlot.Options {
  const { fromMs, toMs, lines, starts } = content;
  const isNarrow = width < NARROW_PX;
  const ticks = { stroke: cssValue('--muted'), grid: { stroke: cssValue('--grid'), width: 1 }, ticks: { show: false } };
  const font = `${isNarrow ? 11 : 12}px system-ui, "DejaVu Sans", sans-serif`;
  return {
    width,
    height: isNarrow ? 270 : 380,
    // Half of the last date stands to the right of the last line.
    padding: [10, isNarrow ? 24 : 30, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: true, range: [fromMs / 1000, toMs / 1000] },
      y: { range: (_, min, max) => rateRange(min, max) },
    },
    axes: [
      {
        ...ticks,
        font,
        size: 46,
        space: isNarrow ? 58 : 80,
        splits: (_, __, min, max, stepS) => ticksOf(min, max, stepS),
        values: (_, splits, __, ___, stepS) => tickLabels(splits, stepS),
      },
      { ...ticks, font, size: isNarrow ? 34 : 46, space: 34 },
    ],
    cursor: {
      drag: { x: true, y: false, setScale: false },
      points: { size: 9 },
      // The scale is the range's; what a double click is for, the chart says.
      bind: { dblclick: () => null },
    },
    bands: [{ series: [1, 2], fill: cssValue('--band') }],
    series: [
      {},
      { label: 'maximum', points: { show: false } },
      { label: 'minimum', points: { show: false } },
      ...lines.map((line, at) => seriesOf(line, at === 0)),
    ],
    hooks: {
      drawClear: [(plot) => drawZones(plot, starts, isNarrow)],
      setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width: selected } = plot.select;
          if (selected < 4) return;
          onChosen(left, left + selected);
        },
      ],
    },
  };
}

/** Where ticks stand: at whole hours, days, months and years of the clocks that are shown. @param stepS - that there is room for. */
export function ticksOf(fromS: number, toS: number, stepS: number): number[] {
  const ticks: number[] = [];
  if (stepS < DAY_S) {
    // All clocks are set by quarters of an hour.
    const onS = Math.min(stepS, QUARTER_S);
    for (let s = Math.ceil(fromS / onS) * onS; s <= toS; s += onS)
      if (clockAt(s * 1000).getTime() % (stepS * 1000) === 0) ticks.push(s);
    return ticks;
  }
  const first = dateAt(fromS * 1000);
  const [year, month, day] = [first.getUTCFullYear(), first.getUTCMonth(), first.getUTCDate()];
  const months = stepS < MONTH_S ? 0 : Math.round(stepS / (30.4 * DAY_S));
  for (let i = 0; ; i += 1) {
    const clockMs =
      months === 0
        ? Date.UTC(year, month, day + i * (stepS / DAY_S))
        : Date.UTC(year, month - (month % months) + i * months);
    const s = momentOf(clockMs) / 1000;
    if (s > toS) return ticks;
    if (s >= fromS) ticks.push(s);
  }
}

const QUARTER_S = 900;
const DAY_S = 86_400;
/** As the chart counts it. */
const MONTH_S = 30 * DAY_S;

/** Ticks in the words of the page's other times: hours of 24, and what day or year it is where one begins. */
function tickLabels(splits: readonly number[], stepS: number): string[] {
  let last = '';
  return splits.map((seconds) => {
    const at = seconds * 1000;
    if (stepS >= DAY_S && stepS < MONTH_S) return TICKS.day().format(at);
    const [short, long] = stepS >= DAY_S ? [TICKS.month(), TICKS.year()] : [TICKS.clock(), TICKS.day()];
    const around = long.format(at);
    const label = around === last ? short.format(at) : `${short.format(at)}\n${around}`;
    last = around;
    return label;
  });
}

const TICKS = {
  year: createFormat({ year: 'numeric' }),
  month: createFormat({ month: 'short' }),
  day: createFormat({ day: 'numeric', month: 'short' }),
  clock: createFormat({ hour: '2-digit', minute: '2-digit' }),
};

/** A line; points that have no neighbour would not be seen as one, so they are dots. */
function seriesOf({ label, look, line }: ChartLine, isFirst: boolean): uPlot.Series {
  const values = line.mean;
  const stroke = cssValue(look.colour);
  const alone = values.flatMap((value, i) =>
    value !== null && values[i - 1] == null && values[i + 1] == null ? [i] : [],
  );
  return {
    label,
    stroke,
    width: isFirst ? 2 : 1.6,
    dash: [...look.dash],
    spanGaps: false,
    points: { show: alone.length > 0, filter: () => alone, size: 5, fill: stroke, stroke },
  };
}

/** Whole tens around the values, and never so close that a calm heart looks wild. */
function rateRange(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) return [40, 140];
  const low = Math.floor((min - 4) / 10) * 10;
  return [low, Math.max(low + 50, Math.ceil((max + 4) / 10) * 10)];
}

function drawZones({ ctx, bbox, valToPos, scales }: uPlot, starts: readonly number[], isNarrow: boolean): void {
  const { min = 0, max = 0 } = scales.y ?? {};
  if (min === null || max === null) return;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${11 * ratio}px system-ui, "DejaVu Sans", sans-serif`;
  ctx.textAlign = 'right';
  for (const [zone, { key }] of ZONES.entries()) {
    const from = Math.max(min, starts[zone] ?? 0);
    const to = Math.min(max, starts[zone + 1] ?? max);
    if (from >= to) continue;
    const [top, bottom] = [valToPos(to, 'y', true), valToPos(from, 'y', true)];
    ctx.globalAlpha = zone === 0 ? 0 : Number(cssValue('--zone-alpha'));
    ctx.fillStyle = cssValue(`--zone-${zone}`);
    ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
    if (bottom - top < 16 * ratio || isNarrow) continue;
    ctx.globalAlpha = 1;
    ctx.fillStyle = cssValue('--muted');
    ctx.fillText(texts.zones[key], bbox.left + bbox.width - 6 * ratio, top + 13 * ratio);
  }
  ctx.restore();
}
