/** What is in the queue, over time: what the server remembers of two hours, and then what this page saw itself. */
import type { ServerQueueMoment, ServerSystem } from 'hrm-core/client';
import uPlot from 'uplot';
import { cssValue, find, make } from '../dom.js';
import { formatFact } from '../facts.js';
import { locale, texts } from '../texts/texts.js';

const words = texts.status;

const PLOTS = [
  { key: 'readings', name: words.waiting, colour: '--device-0' },
  { key: 'claimedReadings', name: words.beingWritten, colour: '--device-2' },
  { key: 'oldestAgeMs', name: words.lag, colour: '--device-1' },
  { key: 'deadLetters', name: words.deadLetters, colour: '--accent' },
] as const;

/** A look each five seconds for half an hour, and two hours of the server's. */
const MAX_POINTS = 480;
const HEIGHT_PX = 120;
/** So that a line that has just begun is one. */
const LEAST_S = 60;
const CLOCK = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' });
const SECONDS = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

type Values = Readonly<Record<(typeof PLOTS)[number]['key'], number | null>>;
const NOTHING: Values = { readings: null, claimedReadings: null, oldestAgeMs: null, deadLetters: null };

let points: readonly (Values & { readonly atMs: number })[] = [];
let plots: uPlot[] = [];

/** Notes what a look found. @param queue - `null`: nobody knows, which is a gap. */
export function rememberQueue(queue: ServerSystem['queue'], history: readonly ServerQueueMoment[] = []): void {
  const nowMs = Date.now();
  // What the server saw before this page looked; by its clock, of which the newest point is a minute ago at most.
  if (points.length === 0) points = history.map(({ at, ...values }) => ({ atMs: Date.parse(at), ...values }));
  points = [...points.filter(({ atMs }) => atMs < nowMs), { atMs: nowMs, ...(queue ?? NOTHING) }].slice(-MAX_POINTS);
}

/** Whether something was noted. */
export function hasQueue(): boolean {
  return points.length > 0;
}

/** Draws it anew. */
export function showQueue(highWater: number | null): void {
  const place = find('queue', HTMLElement);
  if (place.childElementCount === 0) place.append(...PLOTS.map(({ key, name }) => boxOf(key, name)));
  const data = points.map(({ atMs }) => atMs / 1_000);
  for (const [at, { key, colour }] of PLOTS.entries()) {
    const values = points.map((point) => point[key]);
    const last = values.at(-1) ?? null;
    const most = Math.max(0, ...values.map((value) => value ?? 0));
    find(`now-${key}`, HTMLElement).textContent = last === null ? '–' : formatFact(key, last);
    find(`most-${key}`, HTMLElement).textContent =
      key === 'readings' && highWater !== null
        ? words.mostOf(formatFact(key, most), formatFact(key, highWater))
        : words.most(formatFact(key, most));
    const box = find(`plot-${key}`, HTMLElement);
    plots[at] ??= plotOf(box, key, cssValue(colour));
    if (plots[at].width !== box.clientWidth) plots[at].setSize({ width: box.clientWidth, height: HEIGHT_PX });
    plots[at].setData([data, values]);
  }
}

/** Draws it in other colours the next time. */
export function forgetPlots(): void {
  for (const plot of plots) plot.destroy();
  plots = [];
}

function boxOf(key: string, name: string): HTMLElement {
  return make(
    'div',
    { class: 'plot' },
    make('h3', {}, name),
    make('p', { id: `now-${key}` }),
    make('div', { id: `plot-${key}`, 'aria-hidden': 'true' }),
    make('small', { id: `most-${key}`, class: 'muted small' }),
  );
}

function plotOf(place: HTMLElement, key: string, stroke: string): uPlot {
  const ticks = {
    stroke: cssValue('--muted'),
    grid: { stroke: cssValue('--grid'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, "DejaVu Sans", sans-serif',
  };
  const options: uPlot.Options = {
    width: place.clientWidth,
    height: HEIGHT_PX,
    padding: [6, 14, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: (_, min, max) => [Math.min(min, max - LEAST_S), max] },
      y: { range: (_, _min, max) => [0, Math.max(key === 'oldestAgeMs' ? 1_000 : 4, max * 1.1)] },
    },
    axes: [
      {
        ...ticks,
        size: 22,
        space: 64,
        values: (_, splits, __, ___, stepS) => splits.map((s) => (stepS < 60 ? SECONDS : CLOCK).format(s * 1_000)),
      },
      {
        ...ticks,
        size: 62,
        space: 34,
        // Between whole ones there is nothing to count.
        values: (_, splits) => splits.map((value) => (Number.isInteger(value) ? formatFact(key, value) : '')),
      },
    ],
    series: [
      {},
      { stroke, width: 1.75, fill: `color-mix(in srgb, ${stroke} 18%, transparent)`, points: { show: false } },
    ],
  };
  return new uPlot(options, [[], []], place);
}
