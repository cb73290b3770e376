/** The dashboard: what its controls say becomes a view, a view becomes questions, their answers become what is seen. */
import { explain, isRefusal, type Session } from './api.js';
import { type Chart, createChart } from './chart.js';
import { bindControls, showControls } from './controls.js';
import { showChips } from './devices.js';
import { find, make, onSchemeChange, showMessage } from './dom.js';
import { type Grid, type Line, makeGrid, placeRows } from './grid.js';
import { type LiveReading, listen } from './live.js';
import { createLiveRows, type LiveRows } from './live-rows.js';
import { loadDevices, loadLatest, loadRows } from './load.js';
import { offerZones, showSummary, showTable, showZones } from './panels.js';
import {
  describeClock,
  describeMoment,
  describeRange,
  INTERVAL_MS,
  intervalFor,
  rangeAround,
  zoneName,
} from './range.js';
import { readMaxRate, readRecentUsers, rememberUser } from './remembered.js';
import type { Rows } from './rows.js';
import { enter } from './sign-in.js';
import { readView, type View, writeView } from './view.js';
import { summarize } from './zones.js';

/** Rows of all devices together, or of one, as the server gave them. */
interface Loaded {
  readonly deviceId: string | null;
  readonly rows: Rows;
}

/** How often what is stored is asked for again in live mode, and readings are drawn and announced at most. */
const LIVE_RELOAD_MS = 30_000;
const LIVE_DRAW_MS = 500;
const LIVE_ANNOUNCE_MS = 10_000;
/** Beyond this, minutes are counted when somebody asks. */
const MAX_COUNTED_MS = 62 * INTERVAL_MS['1d'];

let session: Session;
let view: View = readView(location.hash, Date.now());
let chart: Chart;
let devices: readonly string[] = [];
let loaded: readonly Loaded[] = [];
let minutes: Rows | null = null;
let drawn: { readonly grid: Grid; readonly lines: readonly { label: string; line: Line }[] } | null = null;
let liveRows: LiveRows = createLiveRows();
let loading = new AbortController();
let listening: AbortController | null = null;
let lastAnnouncedMs = 0;
let isDrawPending = false;

function intervalOf({ interval, range }: View) {
  return interval === 'auto' ? intervalFor(range) : interval;
}

/** Goes to another view, and asks for what it shows. */
function change(to: Partial<View>): void {
  const isOtherUser = to.userId !== undefined && to.userId !== view.userId;
  view = { ...view, ...to };
  if (isOtherUser) {
    devices = [];
    liveRows = createLiveRows();
    if (to.devices === undefined) view = { ...view, devices: [], isMerged: true };
  }
  history.replaceState(null, '', writeView(view));
  showControls(view, users());
  if (isOtherUser || to.isLive !== undefined) followLive();
  void load();
}

function users(): readonly string[] {
  return session.user_ids ?? readRecentUsers();
}

/** Asks for everything that the view shows, and shows it. What was asked before does not matter any more. */
async function load({ isQuiet = false } = {}): Promise<void> {
  loading.abort();
  const current = new AbortController();
  loading = current;
  const { userId, range } = view;
  if (userId === '') return;
  const place = find('chart', HTMLElement);
  if (!isQuiet) place.classList.add('loading');
  place.setAttribute('aria-busy', 'true');
  try {
    const interval = intervalOf(view);
    const wanted = [...(view.isMerged ? [null] : []), ...view.devices];
    const question = { userId, range, interval };
    const [known, ...answers] = await Promise.all([
      loadDevices(userId, current.signal),
      ...wanted.map(async (deviceId) => {
        return { deviceId, rows: await loadRows({ ...question, deviceId: deviceId ?? undefined }, current.signal) };
      }),
    ]);
    loaded = answers;
    minutes = interval === '1m' && view.isMerged ? (answers[0]?.rows ?? null) : null;
    // A server that does not tell has told in the rows.
    const seen = answers.flatMap(({ rows }) => rows.deviceSets.flat());
    devices = known ?? [...new Set([...devices, ...seen])].sort();
    rememberUser(userId);
    showControls(view, users());
    showMessage(null);
    show();
    await countMinutes(current.signal);
  } catch (error) {
    if (!current.signal.aborted) await fail(error);
  } finally {
    if (loading === current) {
      place.classList.remove('loading');
      place.removeAttribute('aria-busy');
    }
  }
}

/** Asks for the minutes that zones are counted by, where the rows are others. */
async function countMinutes(signal: AbortSignal, isAskedFor = false): Promise<void> {
  const { userId, range } = view;
  if (minutes === null) {
    if (!isAskedFor && range.toMs - range.fromMs > MAX_COUNTED_MS) {
      offerZones(() => void countMinutes(loading.signal, true).catch(fail));
      return;
    }
    minutes = await loadRows({ userId, range, interval: '1m' }, signal);
  }
  showZones(minutes, readMaxRate());
}

async function fail(error: unknown): Promise<void> {
  if (!isRefusal(error)) throw error;
  if (error.status === 401) {
    stopLive();
    session = await enter('The API key does not count any more.');
    change({});
    return;
  }
  loaded = [];
  minutes = null;
  drawn = null;
  chart.show(null);
  find('readout', HTMLOutputElement).value = '';
  const canRetry = error.status !== 403 && error.status !== 400;
  showMessage(explain(error), canRetry ? { action: () => void load() } : {});
}

/** Shows what is loaded, with what came in since. */
function show(): void {
  const { userId, range } = view;
  const interval = intervalOf(view);
  const intervalMs = INTERVAL_MS[interval];
  const grid = makeGrid(range.fromMs, range.toMs, intervalMs);
  const current = loaded.map(({ deviceId, rows }) => ({
    deviceId,
    rows: view.isLive ? liveRows.over(rows, intervalMs, deviceId ?? undefined) : rows,
  }));
  const lines = current.map(({ deviceId, rows }) => ({
    label: deviceId ?? 'All devices',
    colour: deviceId === null ? '--accent' : `--device-${Math.max(0, devices.indexOf(deviceId)) % 6}`,
    line: placeRows(grid, rows),
  }));
  drawn = { grid, lines };
  chart.show({ grid, fromMs: range.fromMs, toMs: range.toMs, lines, maxRate: readMaxRate() });
  showChips(view, devices, change);
  const title = `${userId}, ${describeRange(range)}`;
  find('chart-title', HTMLElement).textContent = title;
  const step = grid.stepMs === intervalMs ? interval : `${Math.round(grid.stepMs / 60_000)} min`;
  find('chart-note', HTMLElement).textContent =
    `bpm; a point is ${step}, the band is from the least to the greatest reading; times in ${zoneName(range.fromMs)}`;
  const [first] = current;
  if (first === undefined) return;
  showSummary(summarize(first.rows));
  const table = find('table', HTMLDetailsElement);
  const fill = () => showTable(first.rows, intervalMs, title);
  table.ontoggle = fill;
  if (table.open) fill();
}

/** Says what is at a point of the chart. */
function showPoint(index: number | null): void {
  const readout = find('readout', HTMLOutputElement);
  if (index === null || drawn === null) {
    readout.value = '';
    return;
  }
  const { grid, lines } = drawn;
  const said = lines.map(({ label, line }) => {
    const mean = line.mean[index];
    const name = lines.length > 1 ? `${label} ` : '';
    if (mean == null) return `${name}no readings`;
    return `${name}${mean.toFixed(1)} bpm, ${line.min[index]} to ${line.max[index]}, ${line.count[index]} readings`;
  });
  readout.value = `${describeMoment(grid.startsMs[index] ?? 0, grid.stepMs)}: ${said.join('; ')}`;
}

/** Looks at a point closer: from a year to its month, from a month to its day. */
function enterPoint(index: number): void {
  const atMs = drawn?.grid.startsMs[index];
  const { preset } = view.range;
  if (atMs === undefined || preset === 'day') return;
  change({ range: rangeAround(preset === 'year' ? 'month' : 'day', atMs), interval: 'auto' });
}

function stopLive(): void {
  listening?.abort();
  listening = null;
  find('now', HTMLElement).hidden = true;
}

/** Begins or ends to listen, as the view says. */
function followLive(): void {
  stopLive();
  const { userId, isLive } = view;
  if (!isLive || userId === '') return;
  const current = new AbortController();
  listening = current;
  const now = find('now', HTMLElement);
  now.hidden = false;
  now.replaceChildren('Connecting…');
  void loadLatest(userId, current.signal)
    .then(
      (latest) =>
        latest !== null && listening === current && now.childElementCount === 0 && showNow(latest, 'last stored'),
    )
    .catch(() => undefined);
  const reload = setInterval(() => void load({ isQuiet: true }), LIVE_RELOAD_MS);
  current.signal.addEventListener('abort', () => clearInterval(reload));
  const events = {
    onReading: takeReading,
    onGap: () => void load({ isQuiet: true }),
    onState(state: 'connected' | 'waiting') {
      if (state === 'waiting') now.replaceChildren('Connection lost: trying again…');
      else if (now.childElementCount === 0) now.replaceChildren('Listening…');
    },
  };
  listen(userId, events, current.signal).catch((error: unknown) => {
    if (isRefusal(error) && error.status === 404) {
      change({ isLive: false });
      find('announcer', HTMLElement).textContent = 'This server has no live view.';
    } else void fail(error);
  });
}

function takeReading(reading: LiveReading): void {
  liveRows.add(reading);
  showNow(reading, 'now');
  const nowMs = Date.now();
  if (nowMs - lastAnnouncedMs >= LIVE_ANNOUNCE_MS) {
    lastAnnouncedMs = nowMs;
    find('announcer', HTMLElement).textContent = `${reading.heart_rate} beats a minute, ${reading.device_id}`;
  }
  if (isDrawPending) return;
  isDrawPending = true;
  setTimeout(() => {
    isDrawPending = false;
    if (view.isLive && loaded.length > 0) show();
  }, LIVE_DRAW_MS);
}

function showNow({ heart_rate: rate, device_id: device, timestamp }: LiveReading, when: string): void {
  const text = ` bpm ${when}, ${device}, ${describeClock(Date.parse(timestamp))}`;
  find('now', HTMLElement).replaceChildren(make('strong', {}, String(rate)), text);
}

async function start(): Promise<void> {
  session = await enter();
  chart = createChart(find('chart', HTMLElement), {
    onPoint: showPoint,
    onRange: (fromMs, toMs) => change({ range: { preset: 'custom', fromMs, toMs }, interval: 'auto' }),
    onEnter: enterPoint,
  });
  bindControls(
    () => view,
    change,
    () => {
      if (loaded.length > 0) show();
      if (minutes !== null) showZones(minutes, readMaxRate());
    },
  );
  onSchemeChange(() => loaded.length > 0 && show());
  addEventListener('hashchange', () => change(readView(location.hash, Date.now())));
  const [only, ...others] = session.user_ids ?? [];
  if (view.userId === '' && only !== undefined && others.length === 0) view = { ...view, userId: only };
  showControls(view, users());
  if (!session.scopes.includes('query'))
    showMessage('This API key may not ask for readings: it lacks the scope query.');
  else if (view.userId === '') showMessage('Enter a user id to see a heart.', { isCalm: true });
  else {
    followLive();
    await load();
  }
}

void start();
