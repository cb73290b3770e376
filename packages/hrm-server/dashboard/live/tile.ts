/** One user of the live view: a figure to be read from across a room, its age, and the last minutes. */
import { INTERVAL_MS } from 'hrm-core/client';
import { find, make } from '../dom.js';
import { createLiveRows, type LiveReading } from '../live-rows.js';
import { createOpenAlerts, type OpenAlerts } from '../open-alerts.js';
import { describeAge, describeClock, describeMoment } from '../range.js';
import { NO_ROWS } from '../rows.js';
import { drawStrip } from '../strip.js';
import { countText, rateText, texts } from '../texts/texts.js';
import { dayAddress } from '../view.js';
import { summarize } from '../zones.js';

const words = texts.wall;

/** A user on the page. */
export interface Tile {
  readonly userId: string;
  add(readings: readonly LiveReading[]): void;
  /** Shows alerts that are open. */
  readonly alerts: OpenAlerts;
  /** What is wrong; `null`: nothing. */
  say(trouble: string | null): void;
  /** Draws it as it is now. */
  draw(nowMs: number, minutes: number): void;
  remove(): void;
}

/** Between readings further apart the strip has no line. */
const MAX_GAP_MS = 20_000;
/** A reading is how the heart is now for so long. */
const NOW_MS = INTERVAL_MS['1m'];

/** Puts a user behind the others. */
export function createTile(userId: string, onRemove: () => void): Tile {
  const rows = createLiveRows();
  const rate = make('strong', {}, '–');
  const heart = make('span', { class: 'dot', 'aria-hidden': 'true' });
  const age = make('p', { class: 'age' }, words.waiting);
  const trouble = make('p', { class: 'muted', role: 'status' });
  const alerts = make('div', { class: 'alerts', role: 'status', hidden: true });
  const strip = make('canvas', { role: 'img' });
  const about = make('p', { class: 'muted small strip-note' });
  const away = make('button', { type: 'button', class: 'quiet', 'aria-label': words.remove(userId) }, '✕');
  away.addEventListener('click', onRemove);
  const dayOf = (atMs: number) => `./${dayAddress(userId, atMs, true)}`;
  const link = make('a', { href: dayOf(Date.now()) }, userId);
  const figure = make('p', { class: 'figure' }, rate, ' ', make('span', {}, texts.shared.bpm), ' ', heart);
  const card = make(
    'article',
    { class: 'card tile' },
    make('div', { class: 'tile-head' }, make('h2', {}, link), away),
    figure,
    age,
    trouble,
    alerts,
    strip,
    about,
  );
  find('wall', HTMLElement).append(card);

  function drawNewest(nowMs: number): void {
    const newest = rows.newest();
    card.classList.toggle('old', newest === null || nowMs - newest.atMs >= NOW_MS);
    if (newest === null) return;
    const { atMs, heartRate, deviceId } = newest;
    const ageMs = nowMs - atMs;
    const when = ageMs < INTERVAL_MS['1d'] ? describeClock(atMs) : describeMoment(atMs, INTERVAL_MS['1m']);
    rate.textContent = rateText(heartRate, 0);
    age.textContent = `${describeAge(ageMs)}, ${deviceId}, ${when}`;
    heart.style.animationDuration = `${60 / heartRate}s`;
    link.href = dayOf(atMs);
  }

  return {
    userId,
    alerts: createOpenAlerts(alerts),
    add(readings) {
      for (const reading of readings) rows.add(reading);
    },
    say(text) {
      if (trouble.textContent !== (text ?? '')) trouble.textContent = text ?? '';
    },
    draw(nowMs, minutes) {
      drawNewest(nowMs);
      const fromMs = nowMs - minutes * INTERVAL_MS['1m'];
      const seconds = rows.over(NO_ROWS, 1_000, { fromMs, toMs: nowMs });
      drawStrip(strip, seconds, fromMs, nowMs, MAX_GAP_MS);
      const { readings, mean, min, max } = summarize(seconds);
      const said =
        readings === 0 || mean === null
          ? words.stripEmpty(minutes)
          : words.strip(minutes, `${min}`, `${max}`, rateText(mean), countText(readings));
      strip.setAttribute('aria-label', said);
      if (about.textContent !== said) about.textContent = said;
    },
    remove: () => card.remove(),
  };
}
