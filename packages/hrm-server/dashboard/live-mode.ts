/** The live mode: listens to one user at a time, holds what it heard, and says when there is something new to show. */
import { type HrmError, INTERVAL_MS, isHrmError } from 'hrm-core/client';
import { openClient } from './api.js';
import { find, make } from './dom.js';
import { createLiveRows, type LiveReading, type LiveRows } from './live-rows.js';
import { loadLatest } from './load.js';
import { createOpenAlerts } from './open-alerts.js';
import { describeAge, describeClock, describeMoment } from './range.js';
import { texts } from './texts/texts.js';

const words = texts.live;

/** What the live mode tells. */
export interface LiveModeEvents {
  /** There are new readings: at most twice a second. */
  onRows(): void;
  /** What is stored should be asked for again: every half minute, and after a break. */
  onReload(): void;
  /** The server does not let us listen. */
  onRefused(error: HrmError): void;
}

/** Listens, while somebody wants it. */
export interface LiveMode {
  /** Listens to a user, and to nobody else any more; `null`: to nobody. */
  follow(userId: string | null): void;
  /** Stored rows with what was heard of the last user: {@link LiveRows.over}. */
  readonly over: LiveRows['over'];
}

/** How often what is stored is asked for again, and readings are drawn and announced at most. */
const RELOAD_MS = 30_000;
const DRAW_MS = 500;
const ANNOUNCE_MS = 10_000;
/** How often the age of the newest reading is told anew. */
const AGE_MS = 5_000;

/** Begins with nobody. */
export function createLiveMode(events: LiveModeEvents): LiveMode {
  const alerts = createOpenAlerts(find('alerts', HTMLElement));
  let rows = createLiveRows();
  let userOfRows: string | null = null;
  let listening: AbortController | null = null;
  let lastAnnouncedMs = 0;
  let isDrawPending = false;
  /** By its own time: a late one is not how the heart is now. */
  let newest: LiveReading | null = null;

  function takeNewest(reading: LiveReading): void {
    if (newest !== null && Date.parse(reading.timestamp) < Date.parse(newest.timestamp)) return;
    newest = reading;
    showNewest(reading);
  }

  function takeReading(reading: LiveReading): void {
    rows.add(reading);
    takeNewest(reading);
    const nowMs = Date.now();
    if (nowMs - lastAnnouncedMs >= ANNOUNCE_MS) {
      lastAnnouncedMs = nowMs;
      find('announcer', HTMLElement).textContent = words.announce(reading.heartRate, reading.deviceId);
    }
    if (isDrawPending) return;
    isDrawPending = true;
    setTimeout(() => {
      isDrawPending = false;
      if (listening !== null) events.onRows();
    }, DRAW_MS);
  }

  function begin(userId: string, { signal }: AbortController): void {
    const now = find('now', HTMLElement);
    const reload = setInterval(events.onReload, RELOAD_MS);
    const age = setInterval(() => newest !== null && now.childElementCount > 0 && showNewest(newest), AGE_MS);
    signal.addEventListener('abort', () => {
      clearInterval(reload);
      clearInterval(age);
    });
    now.replaceChildren(words.connecting);
    void loadLatest(userId, signal)
      .then((latest) => {
        if (latest !== null && !signal.aborted) takeNewest(latest);
      })
      // It is only a beginning: what is heard comes by itself.
      .catch(() => undefined);
    listen(userId, signal).catch((error: unknown) => {
      if (!isHrmError(error)) throw error;
      if (!signal.aborted) events.onRefused(error);
    });
  }

  async function listen(userId: string, signal: AbortSignal): Promise<void> {
    const now = find('now', HTMLElement);
    let isBroken = false;
    const client = openClient({ retries: Number.POSITIVE_INFINITY });
    for await (const event of client.live({ userId }, { signal })) {
      if (event.type === 'reading') takeReading(event);
      else if (event.type === 'alert') alerts.take(event);
      else if (event.type === 'gap') events.onReload();
      else if (event.type === 'waiting') {
        isBroken = true;
        now.replaceChildren(words.lost);
      } else {
        if (now.childElementCount === 0) now.replaceChildren(words.listening);
        // What was asked for meanwhile has failed.
        if (isBroken) events.onReload();
        isBroken = false;
      }
    }
  }

  return {
    follow(userId) {
      listening?.abort();
      listening = null;
      if (userId !== null && userId !== userOfRows) {
        rows = createLiveRows();
        userOfRows = userId;
        newest = null;
      }
      alerts.clear();
      find('now', HTMLElement).hidden = userId === null;
      if (userId === null) return;
      listening = new AbortController();
      begin(userId, listening);
    },
    over: (...question) => rows.over(...question),
  };
}

function showNewest({ heartRate, deviceId, timestamp }: LiveReading): void {
  const atMs = Date.parse(timestamp);
  const ageMs = Date.now() - atMs;
  const isToday = ageMs < INTERVAL_MS['1d'];
  const when = isToday ? describeClock(atMs) : describeMoment(atMs, INTERVAL_MS['1m']);
  const text = ` ${texts.shared.bpm} ${describeAge(ageMs)}, ${deviceId}, ${when}`;
  find('now', HTMLElement).replaceChildren(make('strong', {}, String(heartRate)), text);
}
