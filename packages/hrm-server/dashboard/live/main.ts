/** The live view of several users, side by side, as a coach or a ward needs it. */
import { type HrmError, INTERVAL_MS, isHrmError, type Session } from 'hrm-core/client';
import { explain, isKeyRefusal, openClient } from '../api.js';
import { find, make, showMessage } from '../dom.js';
import { readRecentUsers } from '../remembered.js';
import { enter } from '../sign-in.js';
import { texts } from '../texts/texts.js';
import { translatePage } from '../texts/translate-page.js';
import { tryStored } from './stored.js';
import { createTile, type Tile } from './tile.js';
import { listenInTurns } from './turns.js';

const MAX_USERS = 12;
const LENGTHS = [5, 15] as const;
const LONGEST_MS = 15 * INTERVAL_MS['1m'];
/** How often the strips go on, and what is stored meanwhile is asked for. */
const DRAW_MS = 1_000;
const RELOAD_MS = 30_000;

let session: Session;
let tiles: readonly Tile[] = [];
let minutes: number = LENGTHS[0];
let listening = new AbortController();

/** The address, from `#` on, names the users. Browsers keep that to themselves. */
function readAddress(): { readonly userIds: readonly string[]; readonly minutes: number } {
  const said = new URLSearchParams(location.hash.slice(1));
  const userIds = [...new Set(said.getAll('user'))].filter((userId) => userId !== '').slice(0, MAX_USERS);
  return { userIds, minutes: said.get('minutes') === '15' ? 15 : 5 };
}

function writeAddress(userIds: readonly string[]): void {
  const said = new URLSearchParams(userIds.map((userId) => ['user', userId]));
  if (minutes !== LENGTHS[0]) said.set('minutes', String(minutes));
  history.replaceState(null, '', `#${said}`);
}

/** Shows these users, and listens to them alone. */
function show(userIds: readonly string[]): void {
  listening.abort();
  listening = new AbortController();
  for (const tile of tiles) if (!userIds.includes(tile.userId)) tile.remove();
  tiles = userIds.map((userId) => {
    const known = tiles.find((tile) => tile.userId === userId);
    return known ?? createTile(userId, () => show(tiles.map((tile) => tile.userId).filter((one) => one !== userId)));
  });
  writeAddress(userIds);
  find('none', HTMLElement).hidden = userIds.length > 0;
  find('add', HTMLButtonElement).disabled = userIds.length >= MAX_USERS;
  listen(listening.signal);
  draw();
}

function listen(signal: AbortSignal): void {
  const reload = async (tile: Tile) => {
    const found = await tryStored(tile.userId, Date.now() - LONGEST_MS, signal);
    if (!signal.aborted) tile.add(found);
  };
  // One after the other: streams have most of the connections.
  const reloadAll = async () => {
    for (const tile of tiles) if (!signal.aborted) await reload(tile);
  };
  const tileOf = (userId: string) => tiles.find((tile) => tile.userId === userId);
  void reloadAll();
  const timer = setInterval(() => void reloadAll(), RELOAD_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
  listenInTurns(
    tiles.map(({ userId }) => userId),
    {
      onEvent(userId, event) {
        const tile = tileOf(userId);
        if (tile === undefined) return;
        if (event.type === 'reading') tile.add([event]);
        else if (event.type === 'alert') tile.alerts.take(event);
        else if (event.type === 'gap') void reload(tile);
        else tile.say(event.type === 'waiting' ? texts.live.lost : null);
      },
      onDeaf(userId) {
        const tile = tileOf(userId);
        if (tile !== undefined) void reload(tile);
      },
      onRefused: (userId, error) => void refuse(userId, error, signal),
    },
    signal,
  );
}

async function refuse(userId: string, error: HrmError, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  if (!isKeyRefusal(error)) {
    tiles.find((tile) => tile.userId === userId)?.say(explain(error));
    return;
  }
  const userIds = tiles.map((tile) => tile.userId);
  show([]);
  session = await enter(texts.signIn.keyEnded);
  show(userIds);
}

function draw(): void {
  const nowMs = Date.now();
  for (const tile of tiles) tile.draw(nowMs, minutes);
}

/** Users to choose from: those of the key, else those that have readings. */
async function offer(): Promise<readonly string[]> {
  const all = session.userIds ?? (await openClient().users({ limit: MAX_USERS })).users.map(({ userId }) => userId);
  const offered = [...new Set([...all, ...readRecentUsers()])];
  find('users', HTMLDataListElement).replaceChildren(...offered.map((value) => make('option', { value })));
  return all.slice(0, MAX_USERS);
}

function bind(): void {
  find('choose', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    const field = find('user', HTMLInputElement);
    const userIds = tiles.map((tile) => tile.userId);
    if (userIds.length < MAX_USERS && !userIds.includes(field.value)) show([...userIds, field.value]);
    field.value = '';
  });
  find('all', HTMLButtonElement).addEventListener('click', () => void offer().then(show).catch(fail));
  const length = find('length', HTMLSelectElement);
  length.addEventListener('change', () => {
    minutes = Number(length.value);
    writeAddress(tiles.map(({ userId }) => userId));
    draw();
  });
  addEventListener('hashchange', goToAddress);
}

function goToAddress(): void {
  const to = readAddress();
  minutes = to.minutes;
  find('length', HTMLSelectElement).value = String(minutes);
  show(to.userIds);
}

function fail(error: unknown): void {
  if (!isHrmError(error)) throw error;
  showMessage(explain(error));
}

async function start(): Promise<void> {
  translatePage();
  session = await enter();
  if (!session.scopes.includes('query')) {
    showMessage(texts.chart.noQuery);
    return;
  }
  bind();
  goToAddress();
  setInterval(draw, DRAW_MS);
  void offer().catch(fail);
}

void start();
