/** The system page: how the service is, and how its queue goes, looked at every five seconds. */
import { isHrmError, type ServerHealth, type ServerSpace } from 'hrm-core/client';
import { explain, isKeyRefusal, openClient } from '../api.js';
import { find, make, onSchemeChange, showMessage } from '../dom.js';
import { formatFact, nameOf } from '../facts.js';
import { describeClock } from '../range.js';
import { enter } from '../sign-in.js';
import { texts } from '../texts/texts.js';
import { translatePage } from '../texts/translate-page.js';
import { showPeers, showToDo } from './peers.js';
import { forgetPlots, hasQueue, rememberQueue, showQueue } from './queue.js';

const words = texts.status;

const EVERY_MS = 5_000;
/** Who does not answer for this long is down; a health check is over long before. */
const MAX_WAIT_MS = 10_000;

let highWater: number | null = null;

/** Looks once. @throws HrmError */
async function look(): Promise<void> {
  const client = openClient({ timeoutMs: MAX_WAIT_MS });
  showHealth(await client.health());
  try {
    const system = await client.system();
    find('details', HTMLElement).hidden = false;
    setStale('details', false);
    showMessage(null);
    rememberQueue(system.queue, system.queueHistory);
    highWater = system.queue?.highWater ?? highWater;
    showQueue(highWater);
    showPeers(system.peers);
    showToDo(system);
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
  if (hasQueue()) rememberQueue(null);
}

const UNKNOWN = `? ${words.unknown}`;

function setStale(id: string, isStale: boolean): void {
  find(id, HTMLElement).classList.toggle('stale', isStale);
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
    forgetPlots();
    if (hasQueue()) showQueue(highWater);
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
