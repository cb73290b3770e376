/** The dashboard: what its controls say becomes a view, a view becomes questions, their answers become what is seen. */
import { INTERVAL_MS, isHrmError, type Session } from 'hrm-core/client';
import { explain, isKeyRefusal } from './api.js';
import { type ByDevice, createByDevice } from './by-device.js';
import { takeZone } from './clocks.js';
import { bindControls, showControls } from './controls.js';
import { createDays, type Days } from './days/days.js';
import { find, onSchemeChange, showMessage } from './dom.js';
import { bindDownloads } from './downloads.js';
import { createLiveMode, type LiveMode } from './live-mode.js';
import { loadDevices, loadLatest, loadRows } from './load.js';
import { hideNothing, showNothing } from './nothing.js';
import { offerZones, showZones } from './panels.js';
import { createPeople, type People } from './people.js';
import { createPicture, type Picture } from './picture.js';
import { bindProfile, clearProfile, loadProfile, startsOfZones, userZone } from './profile.js';
import { chosenRange, followNow, isIn, rangeAround, rangeInside, rangeOutside } from './range.js';
import { rememberUser } from './remembered.js';
import type { Rows } from './rows.js';
import { enter } from './sign-in.js';
import { texts } from './texts/texts.js';
import { translatePage } from './texts/translate-page.js';
import { isSameRange, questionOf, readView, type View, writeView } from './view.js';

/** Rows of all devices together, or of one, as the server gave them. */
interface Loaded {
  readonly deviceId: string | null;
  readonly rows: Rows;
}

/** Beyond this, minutes are counted when somebody asks. */
const MAX_COUNTED_MS = 62 * INTERVAL_MS['1d'];

let session: Session;
/** The address that the view was read from; `null`: somebody has changed the view since. */
let addressed: string | null = location.hash;
let view: View = readView(addressed, Date.now());
/** When the range of the view was looked at last. */
let viewedMs = Date.now();
let picture: Picture;
let live: LiveMode;
let byDevice: ByDevice;
let people: People;
let days: Days;
let devices: readonly string[] = [];
/** Whose settings are loaded. */
let profileOf = '';
let loaded: readonly Loaded[] = [];
let minutes: Rows | null = null;
let loading = new AbortController();

/** Goes to another view by what somebody did: the browser's Back leads from another user or range to the one before. */
function change(to: Partial<View>): void {
  const { userId, range } = view;
  const isOtherUser = to.userId !== undefined && to.userId !== userId;
  show({ ...view, ...(isOtherUser && { devices: [], isMerged: true }), ...to });
  const isStep = isOtherUser || !isSameRange(view.range, range);
  history[isStep ? 'pushState' : 'replaceState'](null, '', writeView(view));
  addressed = null;
  void load();
}

/** Goes to another view. */
function show(to: View): void {
  const { userId, isLive, range } = view;
  view = to;
  if (!isSameRange(to.range, range)) viewedMs = Date.now();
  // What is another user's must not be seen under this one's name, not for a moment.
  if (to.userId !== userId) clear();
  showControls(view, session.userIds);
  if (to.userId !== userId || to.isLive !== isLive) followLive();
}

/** Goes to the view of the address, which somebody or the browser's Back has changed. */
function goToAddress(): void {
  addressed = location.hash;
  const to = readView(addressed, Date.now());
  const userId = to.userId === '' ? onlyUser() : to.userId;
  find('user', HTMLInputElement).value = userId;
  show({ ...to, userId });
  void load();
}

/** Goes by the clocks that the view wants: a range keeps its date by other clocks, and the present one stays that. */
function settleZone(): void {
  const { range } = view;
  const nowMs = Date.now();
  const said = addressed ?? writeView(view);
  if (!takeZone(view.zone === 'browser' ? undefined : userZone())) return;
  const isPresent = addressed === null && range.preset !== 'custom' && isIn(range, nowMs);
  view = { ...view, range: isPresent ? rangeAround(range.preset, nowMs) : readView(said, nowMs).range };
  if (addressed === null) history.replaceState(null, '', writeView(view));
}

function onlyUser(): string {
  const [only = '', ...others] = session.userIds ?? [];
  return others.length === 0 ? only : '';
}

/** Forgets and hides all that was loaded. */
function clear(): void {
  devices = [];
  loaded = [];
  minutes = null;
  hideNothing();
  profileOf = '';
  clearProfile();
  days.clear();
  byDevice.clear();
  picture.clear(view.userId === '' ? texts.chart.chooseUser : view.userId);
}

/**
 * Asks for everything that the view shows, and shows it. What was asked before does not matter any more.
 * @param isQuiet - nobody waits for it: what is there stays until there is an answer.
 */
async function load({ isQuiet = false } = {}): Promise<void> {
  const app = find('app', HTMLDivElement);
  // What is asked for already is as new.
  if (isQuiet && app.hasAttribute('aria-busy')) return;
  loading.abort();
  app.classList.remove('loading', 'counting');
  app.removeAttribute('aria-busy');
  find('profile', HTMLElement).hidden = view.userId === '';
  if (view.userId === '') {
    showMessage(null);
    settleZone();
    showControls(view, session.userIds);
    people.show(view);
    return;
  }
  people.hide();
  const current = new AbortController();
  loading = current;
  app.classList.toggle('loading', !isQuiet);
  app.setAttribute('aria-busy', 'true');
  try {
    if (profileOf !== view.userId) await loadProfile(view.userId, current.signal);
    if (current.signal.aborted) return;
    profileOf = view.userId;
    settleZone();
    showControls(view, session.userIds);
    await Promise.all([loadPicture(current.signal), days.load(view, current.signal)]);
  } catch (error) {
    if (current.signal.aborted) return;
    // What else was asked for must not be drawn over what is wrong.
    if (!isQuiet) current.abort();
    await fail(error, isQuiet);
  } finally {
    if (loading === current) {
      app.classList.remove('loading', 'counting');
      app.removeAttribute('aria-busy');
    }
  }
}

async function loadPicture(signal: AbortSignal): Promise<void> {
  await loadLines(signal);
  find('app', HTMLDivElement).classList.replace('loading', 'counting');
  await countMinutes(signal);
}

async function loadLines(signal: AbortSignal): Promise<void> {
  const { userId, range, interval, resolve } = questionOf(view);
  const wanted = [...(view.isMerged ? [null] : []), ...view.devices];
  const [known, ...answers] = await Promise.all([
    loadDevices(userId, signal),
    ...wanted.map(async (deviceId) => {
      return { deviceId, rows: await loadRows({ userId, range, interval, deviceId, resolve }, signal) };
    }),
  ]);
  loaded = answers;
  minutes = interval === '1m' ? (answers[0]?.rows ?? null) : null;
  // What cannot be asked is told in the rows.
  const seen = answers.flatMap(({ rows }) => rows.deviceSets.flat());
  devices = known ?? [...new Set([...devices, ...seen])].sort();
  rememberUser(userId);
  showControls(view, session.userIds);
  showMessage(null);
  byDevice.show(view, devices, signal);
  if (!draw() || answers.length === 0) return;
  const latest = await loadLatest(userId, signal);
  showNothing(userId, view.range, latest, (to) => change({ range: to }));
}

/** Asks for the minutes that the first line's zones are counted by, where the rows are others. */
async function countMinutes(signal: AbortSignal, isAskedFor = false): Promise<void> {
  const [first] = loaded;
  if (first === undefined) return;
  const { userId, range, resolve } = questionOf(view);
  if (minutes === null) {
    if (!isAskedFor && range.toMs - range.fromMs > MAX_COUNTED_MS) {
      offerZones(
        () => void countMinutes(signal, true).catch((error) => (signal.aborted ? undefined : fail(error, false))),
      );
      return;
    }
    minutes = await loadRows({ userId, range, interval: '1m', deviceId: first.deviceId, resolve }, signal);
  }
  showZones(minutes, startsOfZones(range.fromMs));
}

async function fail(error: unknown, isQuiet: boolean): Promise<void> {
  if (!isHrmError(error)) throw error;
  if (isKeyRefusal(error)) {
    live.follow(null);
    clear();
    session = await enter(texts.signIn.keyEnded);
    followLive();
    change({});
    return;
  }
  const canRetry = error.kind !== 'invalid';
  // What is seen is still right for its time, and is asked for again by itself.
  if (isQuiet && canRetry && loaded.length > 0) return;
  clear();
  showMessage(explain(error), canRetry ? { action: () => void load() } : {});
}

/** Shows what is loaded, with what was heard since. @returns whether there is no reading in it. */
function draw(): boolean {
  const { interval, range, resolve } = questionOf(view);
  const lines = loaded.map(({ deviceId, rows }) => ({
    deviceId,
    rows: view.isLive ? live.over(rows, INTERVAL_MS[interval], range, deviceId ?? undefined, resolve) : rows,
  }));
  picture.show({ view, interval, range, devices, lines });
  const isEmpty = lines.every(({ rows }) => rows.length === 0);
  if (!isEmpty || lines.length === 0) hideNothing();
  return isEmpty;
}

function followLive(): void {
  live.follow(view.isLive && view.userId !== '' ? view.userId : null);
}

/** A day that is looked at live goes on to the next one at midnight. @returns whether it did. */
function keepUp(): boolean {
  const nowMs = Date.now();
  const range = followNow(view.range, viewedMs, nowMs);
  viewedMs = nowMs;
  if (range === view.range) return false;
  show({ ...view, range });
  history.replaceState(null, '', writeView(view));
  addressed = null;
  void load();
  return true;
}

/** Live readings where there is nobody to tell of them, or an end to it. */
function openLive(): LiveMode {
  return createLiveMode({
    onRows: () => !keepUp() && loaded.length > 0 && draw(),
    onReload: () => !keepUp() && void load({ isQuiet: true }),
    onRefused: (error) => void fail(error, false),
  });
}

async function start(): Promise<void> {
  translatePage();
  session = await enter();
  live = openLive();
  byDevice = createByDevice();
  people = createPeople();
  days = createDays(change);
  picture = createPicture({
    onChange: change,
    onRange: (fromMs, toMs) => change({ range: chosenRange(fromMs, toMs), interval: 'auto' }),
    onEnter(startMs) {
      const range = rangeInside(view.range, startMs);
      if (range !== null) change({ range, interval: 'auto' });
    },
    onOut() {
      const range = rangeOutside(view.range);
      if (range !== null && view.userId !== '') change({ range, interval: 'auto' });
    },
  });
  bindControls(
    () => view,
    change,
    () => {
      if (loaded.length > 0) draw();
      if (minutes !== null) showZones(minutes, startsOfZones(view.range.fromMs));
      const { signal } = loading;
      if (view.userId !== '')
        days.load(view, signal).catch((error) => (signal.aborted ? undefined : fail(error, false)));
    },
  );
  bindProfile(
    () => view.userId,
    () => void load(),
  );
  bindDownloads(() => {
    const [first] = loaded;
    const title = find('chart-title', HTMLElement).textContent ?? '';
    return first === undefined ? null : { userId: view.userId, range: view.range, title, ...first };
  });
  onSchemeChange(() => loaded.length > 0 && draw());
  addEventListener('popstate', goToAddress);
  // The address says what is seen; what is in it is no place of the page.
  find('skip', HTMLAnchorElement).addEventListener('click', (event) => {
    event.preventDefault();
    find('content', HTMLElement).focus();
  });
  view = { ...view, userId: view.userId === '' ? onlyUser() : view.userId };
  showControls(view, session.userIds);
  if (session.scopes.includes('query')) {
    followLive();
    await load();
  } else showMessage(texts.chart.noQuery);
}

void start();
