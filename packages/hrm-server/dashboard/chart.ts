/**
 * The chart in its place, and what a person can do with it. Its cursor goes with a pointer and, since a chart must not need
 * one, with keys.
 */
import uPlot from 'uplot';
import { timeZone } from './clocks.js';
import { make } from './dom.js';
import type { Grid } from './grid.js';
import { type ChartContent, dataOf, optionsOf } from './plot.js';
import { texts } from './texts/texts.js';
import { chooseByTouch } from './touch.js';

/** What a chart tells. */
export interface ChartEvents {
  /** The cursor stands on a point; `null`: nowhere. */
  onPoint(index: number | null): void;
  /** Somebody wants to see a part closer. */
  onRange(fromMs: number, toMs: number): void;
  /** Somebody wants to see a point closer. */
  onEnter(index: number): void;
  /** Somebody wants to see more than this. */
  onOut(): void;
}

/** A chart in its place. */
export interface Chart {
  /** Draws; `null`: nothing to see. */
  show(content: ChartContent | null): void;
}

const PAGE_POINTS = 10;

/** Puts a chart into an element, whose width it takes. */
export function createChart(place: HTMLElement, events: ChartEvents): Chart {
  let plot: uPlot | null = null;
  let shown: ChartContent | null = null;
  let index: number | null = null;
  /** Whose clocks tell the points. */
  let zone = timeZone();
  // A plot that is drawn anew while a part of it is chosen would forget that.
  let isHeld = false;
  let isLate = false;

  function letGo(): void {
    // After what the plot does about it.
    setTimeout(() => {
      isHeld = false;
      if (isLate) draw();
    });
  }

  function draw(): void {
    isLate = isHeld;
    if (isHeld) return;
    plot?.destroy();
    plot = null;
    place.replaceChildren();
    if (shown === null || place.clientWidth === 0) return;
    const content = shown;
    plot = new uPlot(optionsOf(content, place.clientWidth, { onCursor, onChosen }), dataOf(content), place);
    if (endsOf(content) !== null) return;
    const why = content.lines.length === 0 ? texts.chart.noLine : texts.chart.emptyRange;
    place.append(make('p', { class: 'empty' }, why));
  }

  function onCursor(at: number | null): void {
    if (at === null && document.activeElement === place) return;
    index = at;
    events.onPoint(at);
  }

  function onChosen(fromPx: number, toPx: number): void {
    if (plot !== null) events.onRange(plot.posToVal(fromPx, 'x') * 1000, plot.posToVal(toPx, 'x') * 1000);
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
    if (shown === null || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'Enter' && index !== null) events.onEnter(index);
    const isOut = event.key === 'Escape' || event.key === 'Backspace';
    if (isOut) events.onOut();
    const to = keyTarget(event.key, index, shown);
    if (isOut || to !== null) event.preventDefault();
    if (to !== null) moveTo(to);
  });
  place.addEventListener('pointerdown', () => {
    isHeld = true;
  });
  for (const type of ['pointerup', 'pointercancel']) addEventListener(type, letGo);
  place.addEventListener('dblclick', events.onOut);
  chooseByTouch(place, () => plot, onChosen);
  new ResizeObserver(() => {
    if (plot === null) draw();
    else if (plot.width !== place.clientWidth) draw();
  }).observe(place);
  return {
    show(content) {
      const isSame = content !== null && shown !== null && isSameGrid(content.grid, shown.grid) && zone === timeZone();
      shown = content;
      zone = timeZone();
      if (!isSame) {
        index = null;
        events.onPoint(null);
      }
      draw();
      if (index !== null && document.activeElement === place) moveTo(index);
    },
  };
}

function isSameGrid(a: Grid, b: Grid): boolean {
  return a.stepMs === b.stepMs && a.startsMs.length === b.startsMs.length && a.startsMs[0] === b.startsMs[0];
}

/** The first and the last point with readings; `null`: there is none. */
function endsOf({ grid, lines }: ChartContent): [number, number] | null {
  const hasReadings = (_: number, at: number) => lines.some(({ line }) => (line.count[at] ?? 0) > 0);
  const first = grid.startsMs.findIndex(hasReadings);
  return first === -1 ? null : [first, grid.startsMs.findLastIndex(hasReadings)];
}

/** Where a key takes the cursor: Home and End to where there are readings, the others to any point. */
function keyTarget(key: string, index: number | null, content: ChartContent): number | null {
  const size = content.grid.startsMs.length;
  if (size === 0) return null;
  const [first, last] = endsOf(content) ?? [0, size - 1];
  if (key === 'Home') return first;
  if (key === 'End') return last;
  const steps: Readonly<Record<string, number>> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    PageUp: -PAGE_POINTS,
    PageDown: PAGE_POINTS,
  };
  const step = steps[key];
  if (step === undefined) return null;
  const from = index ?? (step > 0 ? -1 : size);
  return Math.min(size - 1, Math.max(0, from + step));
}
