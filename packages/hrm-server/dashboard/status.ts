/** The system page: how the service is, and how its queue goes, looked at every five seconds. */
import uPlot from 'uplot';
import { call, explain, isRefusal } from './api.js';
import { cssValue, find, make, onSchemeChange, showMessage } from './dom.js';
import { describeClock } from './range.js';
import { enter } from './sign-in.js';

interface Health {
  readonly status: string;
  readonly checks: Readonly<Record<string, string>>;
}

type Facts = Readonly<Record<string, unknown>>;

/** What `/system` says; parts that a server does not know are left out. */
interface System {
  readonly queue?: Facts;
  readonly health?: Health;
  readonly files?: Facts;
  readonly compaction?: Facts;
  readonly process?: Facts;
  readonly space?: readonly { readonly place: string; readonly free_bytes: number | null }[];
}

const EVERY_MS = 5_000;
/** Half an hour. */
const MAX_HISTORY = 360;
const PLOTS = [
  { key: 'readings', name: 'Readings waiting', colour: '--device-0' },
  { key: 'claimed_readings', name: 'Readings being written', colour: '--device-2' },
  { key: 'oldest_age_ms', name: 'Lag: age of the oldest', colour: '--device-1' },
  { key: 'dead_letters', name: 'Dead letters', colour: '--accent' },
] as const;

const times: number[] = [];
const history = PLOTS.map((): (number | null)[] => []);

/** Looks once. @throws Refusal */
async function look(): Promise<void> {
  const health = (await (await call('health', { alsoFine: [503] })).json()) as Health;
  showHealth(health);
  try {
    const system = (await (await call('system')).json()) as System;
    find('details', HTMLElement).hidden = false;
    showMessage(null);
    remember(system.queue ?? {});
    showPlots();
    for (const name of ['files', 'compaction', 'process'] as const) showFacts(name, system[name] ?? {});
    showFacts('space', roomOf(system.space ?? []));
  } catch (error) {
    if (!isRefusal(error) || error.status === 401) throw error;
    if (error.status === 404) showMessage('This server tells no more than its health.', { isCalm: true });
    else showMessage(explain(error), { isCalm: error.status === 403 });
  }
}

function showHealth({ status, checks }: Health): void {
  const tone = status === 'healthy' ? 'good' : status === 'degraded' ? 'warn' : 'bad';
  const mark = status === 'healthy' ? '✓' : '!';
  const place = find('health', HTMLElement);
  const text = `${mark} ${status.charAt(0).toUpperCase()}${status.slice(1)}`;
  // A status that says the same again would be read out again.
  if (place.textContent !== text) place.textContent = text;
  place.className = `health ${tone}`;
  const rows = Object.entries(checks).flatMap(([name, reason]) => [
    make('dt', {}, humanize(name)),
    make('dd', { class: reason === 'healthy' ? '' : tone }, reason),
  ]);
  find('checks', HTMLElement).replaceChildren(...rows);
  find('as-of', HTMLElement).textContent = `as of ${describeClock(Date.now())}, again every 5 s`;
}

function remember(queue: Facts): void {
  times.push(Date.now() / 1000);
  for (const [at, { key }] of PLOTS.entries()) {
    const value = queue[key];
    history[at]?.push(typeof value === 'number' ? value : null);
  }
  if (times.length <= MAX_HISTORY) return;
  times.shift();
  for (const values of history) values.shift();
}

const plots: uPlot[] = [];

function showPlots(): void {
  const place = find('queue', HTMLElement);
  if (place.childElementCount === 0) {
    place.append(
      ...PLOTS.map(({ key, name }) =>
        make(
          'div',
          { class: 'plot' },
          make('h3', {}, name),
          make('p', { id: `now-${key}` }),
          make('div', { id: `plot-${key}`, 'aria-hidden': 'true' }),
        ),
      ),
    );
  }
  for (const [at, { key, colour }] of PLOTS.entries()) {
    const values = history[at] ?? [];
    const last = values.at(-1) ?? null;
    find(`now-${key}`, HTMLElement).textContent = last === null ? '–' : formatFact(key, last);
    const box = find(`plot-${key}`, HTMLElement);
    plots[at] ??= smallPlot(box, cssValue(colour));
    if (plots[at].width !== box.clientWidth) plots[at].setSize({ width: box.clientWidth, height: 64 });
    plots[at].setData([times, values]);
  }
}

function smallPlot(place: HTMLElement, stroke: string): uPlot {
  const options: uPlot.Options = {
    width: place.clientWidth,
    height: 64,
    padding: [4, 4, 4, 4],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: (_, min, max) => [Math.min(min, max - 60), max] },
      y: { range: (_, _min, max) => [0, Math.max(1, max * 1.1)] },
    },
    axes: [{ show: false }, { show: false }],
    series: [
      {},
      { stroke, width: 1.75, fill: `color-mix(in srgb, ${stroke} 18%, transparent)`, points: { show: false } },
    ],
  };
  return new uPlot(options, [[], []], place);
}

/** What is free under the queue and the storage. */
function roomOf(space: NonNullable<System['space']>): Facts {
  return Object.fromEntries(space.map(({ place, free_bytes: bytes }) => [`${place}_bytes`, bytes]));
}

function showFacts(name: string, facts: Facts): void {
  const rows = Object.entries(facts).flatMap(([key, value]) => [
    make('dt', {}, humanize(key)),
    make('dd', {}, formatFact(key, value)),
  ]);
  const nothing = [make('dt', {}, 'Nothing known yet'), make('dd')];
  find(name, HTMLElement).replaceChildren(...(rows.length === 0 ? nothing : rows));
}

/** `oldest_age_ms` as `Oldest age`: the unit goes with the value. */
function humanize(key: string): string {
  const words = key.replace(/_(ms|bytes)$/, '').replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function formatFact(key: string, value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (Array.isArray(value)) return value.join(', ');
  if (typeof value === 'object') return JSON.stringify(value);
  if (typeof value === 'string' && key.endsWith('_at')) return new Date(value).toLocaleString();
  if (typeof value === 'string' && key.endsWith('_date')) return value.replace(/^(\d{4})(\d{2})(\d{2})$/, '$1-$2-$3');
  if (typeof value !== 'number') return String(value);
  if (key.endsWith('_ms')) return formatDuration(value);
  if (/(^|_)bytes$/.test(key)) return formatBytes(value);
  return value.toLocaleString('en');
}

function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  return minutes < 2_880 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.floor(minutes / 1_440)} days`;
}

function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${value.toLocaleString('en', { maximumFractionDigits: 1 })} ${units[unit]}`;
}

async function start(): Promise<void> {
  await enter();
  onSchemeChange(() => {
    for (const plot of plots.splice(0)) plot.destroy();
    if (times.length > 0) showPlots();
  });
  for (;;) {
    try {
      await look();
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (error.status === 401) await enter('The API key does not count any more.');
      else showMessage(explain(error));
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

void start();
