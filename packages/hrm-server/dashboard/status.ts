/** The system page: how the service is, and how its queue goes, looked at every five seconds. */
import { isHrmError, type ServerHealth, type ServerSpace, type ServerSystem } from 'hrm-core/client';
import uPlot from 'uplot';
import { explain, isKeyRefusal, openClient } from './api.js';
import { cssValue, find, make, onSchemeChange, showMessage } from './dom.js';
import { formatFact, nameOf } from './facts.js';
import { describeClock } from './range.js';
import { enter } from './sign-in.js';
import { texts } from './texts/texts.js';
import { translatePage } from './texts/translate-page.js';

const words = texts.status;

const EVERY_MS = 5_000;
/** Who does not answer for this long is down; a health check is over long before. */
const MAX_WAIT_MS = 10_000;
/** Half an hour. */
const MAX_HISTORY = 360;
const PLOTS = [
  { key: 'readings', name: words.waiting, colour: '--device-0' },
  { key: 'claimedReadings', name: words.beingWritten, colour: '--device-2' },
  { key: 'oldestAgeMs', name: words.lag, colour: '--device-1' },
  { key: 'deadLetters', name: words.deadLetters, colour: '--accent' },
] as const;

const times: number[] = [];
const history = PLOTS.map((): (number | null)[] => []);

/** Looks once. @throws HrmError */
async function look(): Promise<void> {
  const client = openClient({ timeoutMs: MAX_WAIT_MS });
  showHealth(await client.health());
  try {
    const system = await client.system();
    find('details', HTMLElement).hidden = false;
    setStale('details', false);
    showMessage(null);
    remember(system.queue);
    showPlots();
    for (const name of ['files', 'compaction', 'process'] as const) showFacts(name, system[name] ?? {});
    showFacts('space', roomOf(system.space));
  } catch (error) {
    if (!isHrmError(error) || isKeyRefusal(error)) throw error;
    setStale('details', true);
    if (error.code === 'not_found') showMessage(words.healthAlone, { isCalm: true });
    else showMessage(explain(error), { isCalm: error.kind === 'invalid' });
  }
}

function showHealth({ status, checks }: ServerHealth): void {
  const tone = status === 'healthy' ? 'good' : status === 'degraded' ? 'warn' : 'bad';
  const mark = status === 'healthy' ? '✓' : '!';
  const place = find('health', HTMLElement);
  const text = `${mark} ${words.healths[status] ?? status}`;
  // A status that says the same again would be read out again.
  if (place.textContent !== text) place.textContent = text;
  place.className = `health ${tone}`;
  const rows = Object.entries(checks).flatMap(([name, reason]) => [
    make('dt', {}, nameOf(name)),
    make('dd', { class: reason === 'healthy' ? '' : tone }, reason),
  ]);
  find('checks', HTMLElement).replaceChildren(...rows);
  lastSeenMs = Date.now();
  find('as-of', HTMLElement).textContent = words.asOf(describeClock(lastSeenMs));
  setStale('checks', false);
}

let lastSeenMs: number | null = null;

/** The server does not answer: nobody knows how it is, and what is seen is of before. */
function showUnknown(): void {
  const place = find('health', HTMLElement);
  if (place.textContent !== UNKNOWN) place.textContent = UNKNOWN;
  place.className = 'health muted';
  const seen = lastSeenMs === null ? words.neverSeen : words.lastSeen(describeClock(lastSeenMs));
  find('as-of', HTMLElement).textContent = `${seen}, ${words.again}`;
  setStale('checks', true);
  setStale('details', true);
  // A gap in the history.
  if (times.length > 0) remember(null);
}

const UNKNOWN = `? ${words.unknown}`;

function setStale(id: string, isStale: boolean): void {
  find(id, HTMLElement).classList.toggle('stale', isStale);
}

function remember(queue: ServerSystem['queue']): void {
  times.push(Date.now() / 1000);
  for (const [at, { key }] of PLOTS.entries()) {
    history[at]?.push(queue?.[key] ?? null);
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
function roomOf(space: readonly ServerSpace[]): Readonly<Record<string, number | null>> {
  return Object.fromEntries(space.map(({ place, freeBytes }) => [`${place}Bytes`, freeBytes]));
}

function showFacts(name: string, facts: object): void {
  const rows = Object.entries(facts).map(([key, value]) =>
    make('div', {}, make('dt', {}, nameOf(key, name)), make('dd', {}, formatFact(key, value))),
  );
  const nothing = [make('div', {}, make('dt', {}, words.nothingKnown), make('dd'))];
  find(name, HTMLElement).replaceChildren(...(rows.length === 0 ? nothing : rows));
}

async function start(): Promise<void> {
  translatePage();
  await enter();
  onSchemeChange(() => {
    for (const plot of plots.splice(0)) plot.destroy();
    if (times.length > 0) showPlots();
  });
  for (;;) {
    try {
      await look();
    } catch (error) {
      if (!isHrmError(error)) throw error;
      if (isKeyRefusal(error)) await enter(texts.signIn.keyEnded);
      else {
        showUnknown();
        showMessage(explain(error));
      }
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

void start();
