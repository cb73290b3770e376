/**
 * The chart: lines with a band from the least to the greatest rate, over the zones of effort. Points without readings break
 * the line. Its cursor goes with a pointer and, since a chart must not need one, with keys.
 */
import uPlot from 'uplot';
import { cssValue, make } from './dom.js';
import type { Grid, Line } from './grid.js';
import { ZONES, zoneStarts } from './zones.js';

/** A line and how it looks. */
interface ChartLine {
  readonly label: string;
  /** A custom property of the style sheet. */
  readonly colour: string;
  readonly line: Line;
}

/** What a chart shows. */
interface ChartContent {
  readonly grid: Grid;
  /** The range, which the grid covers. */
  readonly fromMs: number;
  readonly toMs: number;
  /** The first has the band. */
  readonly lines: readonly ChartLine[];
  readonly maxRate: number;
}

/** What a chart tells. */
export interface ChartEvents {
  /** The cursor stands on a point; `null`: nowhere. */
  onPoint(index: number | null): void;
  /** Somebody wants to see a range closer. */
  onRange(fromMs: number, toMs: number): void;
  /** Somebody wants to see a point closer. */
  onEnter(index: number): void;
}

/** A chart in its place. */
export interface Chart {
  /** Draws; `null`: nothing to see. */
  show(content: ChartContent | null): void;
}

const NARROW_PX = 560;
const PAGE_POINTS = 10;

/** Puts a chart into an element, whose width it takes. */
export function createChart(place: HTMLElement, events: ChartEvents): Chart {
  let plot: uPlot | null = null;
  let shown: ChartContent | null = null;
  let index: number | null = null;

  function draw(): void {
    plot?.destroy();
    plot = null;
    place.replaceChildren();
    if (shown === null || place.clientWidth === 0) return;
    const content = shown;
    plot = new uPlot(optionsOf(content, place.clientWidth, onCursor, events.onRange), dataOf(content), place);
    if (!content.lines.some(({ line }) => line.count.some((count) => count > 0))) {
      place.append(make('p', { class: 'empty' }, 'No readings in this range.'));
    }
  }

  function onCursor(at: number | null): void {
    if (at === null && document.activeElement === place) return;
    index = at;
    events.onPoint(at);
  }

  function moveTo(at: number): void {
    if (plot === null || shown === null) return;
    index = at;
    const x = (shown.grid.startsMs[at] ?? 0) / 1000;
    plot.setCursor({ left: plot.valToPos(x, 'x'), top: plot.over.clientHeight / 2 }, false);
    events.onPoint(at);
  }

  place.tabIndex = 0;
  place.addEventListener('keydown', (event) => {
    const size = shown?.grid.startsMs.length ?? 0;
    if (size === 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'Enter' && index !== null) events.onEnter(index);
    const to = keyTarget(event.key, index, size);
    if (to === null) return;
    event.preventDefault();
    moveTo(to);
  });
  new ResizeObserver(() => {
    if (plot === null) draw();
    else if (plot.width !== place.clientWidth) draw();
  }).observe(place);
  return {
    show(content) {
      const size = content?.grid.startsMs.length ?? 0;
      if (index !== null && index >= size) index = null;
      shown = content;
      draw();
      if (index !== null && document.activeElement === place) moveTo(index);
    },
  };
}

/** Where a key takes the cursor. */
function keyTarget(key: string, index: number | null, size: number): number | null {
  const steps: Readonly<Record<string, number>> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    PageUp: -PAGE_POINTS,
    PageDown: PAGE_POINTS,
    Home: -size,
    End: size,
  };
  const step = steps[key];
  if (step === undefined) return null;
  const from = index ?? (step > 0 ? -1 : size);
  return Math.min(size - 1, Math.max(0, from + step));
}

/** x, then the band's two edges, then a line each. */
function dataOf({ grid, lines }: ChartContent): uPlot.AlignedData {
  const [first] = lines;
  return [
    grid.startsMs.map((ms) => ms / 1000),
    first?.line.max ?? [],
    first?.line.min ?? [],
    ...lines.map(({ line }) => line.mean),
  ] as uPlot.AlignedData;
}

function optionsOf(
  content: ChartContent,
  width: number,
  onCursor: (index: number | null) => void,
  onRange: ChartEvents['onRange'],
): uPlot.Options {
  const { fromMs, toMs, lines, maxRate } = content;
  const isNarrow = width < NARROW_PX;
  const ticks = { stroke: cssValue('--muted'), grid: { stroke: cssValue('--grid'), width: 1 }, ticks: { show: false } };
  const font = `${isNarrow ? 11 : 12}px system-ui, "DejaVu Sans", sans-serif`;
  return {
    width,
    height: isNarrow ? 270 : 380,
    padding: [10, isNarrow ? 18 : 20, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: true, range: [fromMs / 1000, toMs / 1000] },
      y: { range: (_, min, max) => rateRange(min, max) },
    },
    axes: [
      { ...ticks, font, space: isNarrow ? 58 : 80, values: (_, splits, __, ___, stepS) => tickLabels(splits, stepS) },
      { ...ticks, font, size: isNarrow ? 34 : 46, space: 34 },
    ],
    cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 9 } },
    bands: [{ series: [1, 2], fill: cssValue('--band') }],
    series: [
      {},
      { label: 'greatest', points: { show: false } },
      { label: 'least', points: { show: false } },
      ...lines.map(({ label, colour, line }, at) => seriesOf(label, cssValue(colour), line.mean, at === 0)),
    ],
    hooks: {
      drawClear: [(plot) => drawZones(plot, maxRate, isNarrow)],
      setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width: selected } = plot.select;
          if (selected < 4) return;
          onRange(plot.posToVal(left, 'x') * 1000, plot.posToVal(left + selected, 'x') * 1000);
        },
      ],
    },
  };
}

/** Ticks in the words of the page's other times: hours of 24, and what day it is where a day begins. */
function tickLabels(splits: readonly number[], stepS: number): string[] {
  let last = '';
  return splits.map((seconds) => {
    const at = seconds * 1000;
    if (stepS >= 28 * 86_400) return TICK_MONTH.format(at);
    const day = TICK_DAY.format(at);
    if (stepS >= 86_400) return day;
    const clock = TICK_CLOCK.format(at);
    const label = day === last ? clock : `${clock}\n${day}`;
    last = day;
    return label;
  });
}

const TICK_MONTH = new Intl.DateTimeFormat('en-GB', { month: 'short', year: '2-digit' });
const TICK_DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const TICK_CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** A line; points that have no neighbour would not be seen as one, so they are dots. */
function seriesOf(label: string, stroke: string, values: readonly (number | null)[], isFirst: boolean): uPlot.Series {
  const alone = values.flatMap((value, i) =>
    value !== null && values[i - 1] == null && values[i + 1] == null ? [i] : [],
  );
  return {
    label,
    stroke,
    width: isFirst ? 2 : 1.6,
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

function drawZones({ ctx, bbox, valToPos, scales }: uPlot, maxRate: number, isNarrow: boolean): void {
  const { min = 0, max = 0 } = scales.y ?? {};
  if (min === null || max === null) return;
  const starts = zoneStarts(maxRate);
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${11 * ratio}px system-ui, "DejaVu Sans", sans-serif`;
  ctx.textAlign = 'right';
  for (const [zone, { name }] of ZONES.entries()) {
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
    ctx.fillText(name, bbox.left + bbox.width - 6 * ratio, top + 13 * ratio);
  }
  ctx.restore();
}
