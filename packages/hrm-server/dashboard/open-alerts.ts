/** Alerts of a user that are open, as the live stream tells them. What is told again, after a lost connection, is known already. */
import { INTERVAL_MS, type LiveEvent } from 'hrm-core/client';
import { make } from './dom.js';
import { describeClock, describeMoment } from './range.js';
import { texts } from './texts/texts.js';

type Alert = Extract<LiveEvent, { type: 'alert' }>;

/** What is open of one user. */
export interface OpenAlerts {
  take(alert: Alert): void;
  /** Forgets all: somebody else is looked at. */
  clear(): void;
}

/** @param place - shows what is open, one a line; hidden while nothing is. */
export function createOpenAlerts(place: HTMLElement): OpenAlerts {
  const open = new Map<string, Alert>();
  const over = new Set<string>();

  function show(): void {
    const lines = [...open.values()].map(({ rule, kind, start }) => {
      const atMs = Date.parse(start);
      const isToday = Date.now() - atMs < INTERVAL_MS['1d'];
      const since = isToday ? describeClock(atMs) : describeMoment(atMs, INTERVAL_MS['1m']);
      return make('p', {}, texts.live.alert(rule, texts.live.alertKinds[kind] ?? kind, since));
    });
    place.replaceChildren(...lines);
    place.hidden = lines.length === 0;
  }

  return {
    take(alert) {
      if (alert.isOver) over.add(alert.id);
      if (alert.isOver || over.has(alert.id)) open.delete(alert.id);
      else open.set(alert.id, alert);
      show();
    },
    clear() {
      open.clear();
      show();
    },
  };
}
