/** What each device has of a range, asked for when somebody opens it: its figures, and whose the minutes are. */
import { INTERVAL_MS, isHrmError } from 'hrm-core/client';
import { explain } from './api.js';
import { find, make } from './dom.js';
import { loadRows } from './load.js';
import { askedRange, describeMinutes, describeMoment, intervalFor } from './range.js';
import type { Rows } from './rows.js';
import { makeTable, type TableRow } from './tables.js';
import { countText, rateText, shareText, texts } from './texts/texts.js';
import type { View } from './view.js';
import { summarize } from './zones.js';

const words = texts.byDevice;

/** Each is a question of its own. */
const MAX_DEVICES = 12;
/** Over more days, minutes are not looked at. */
const MAX_MINUTES_MS = 62 * INTERVAL_MS['1d'];

/** The table of devices. */
export interface ByDevice {
  /** Shows it for a view, now if it is open. @param devices - of the user. @param signal - what ends the view. */
  show(view: View, devices: readonly string[], signal: AbortSignal): void;
  /** Nothing of anybody is left. */
  clear(): void;
}

/** Begins empty. */
export function createByDevice(): ByDevice {
  const card = find('by-device', HTMLDetailsElement);
  const body = find('by-device-body', HTMLElement);
  return {
    show(view, devices, signal) {
      let isAsked = false;
      function open(): void {
        if (!card.open || isAsked) return;
        isAsked = true;
        load(view, devices, signal)
          .then((shown) => !signal.aborted && body.replaceChildren(...shown))
          .catch((error: unknown) => {
            if (!isHrmError(error)) throw error;
            isAsked = false;
            if (!signal.aborted) body.replaceChildren(explain(error));
          });
      }
      card.ontoggle = open;
      open();
    },
    clear() {
      card.ontoggle = null;
      body.replaceChildren();
    },
  };
}

async function load(
  { userId, range }: View,
  devices: readonly string[],
  signal: AbortSignal,
): Promise<readonly HTMLElement[]> {
  const interval = intervalFor(range);
  const asked = askedRange(range, interval);
  const shown = devices.slice(0, MAX_DEVICES);
  const isLong = range.toMs - range.fromMs > MAX_MINUTES_MS;
  const [minutes, ...all] = await Promise.all([
    isLong ? null : loadRows({ userId, range, interval: '1m', deviceId: null, resolve: 'device' }, signal),
    ...shown.map((deviceId) => loadRows({ userId, range: asked, interval, deviceId }, signal)),
  ]);
  const own = minutes === null ? null : minutesOf(minutes);
  const rows = all.flatMap((rows, at) => {
    const deviceId = shown[at] ?? '';
    return rows.length === 0 ? [] : [rowOf(deviceId, rows, INTERVAL_MS[interval], own?.get(deviceId) ?? 0, minutes)];
  });
  const more = devices.length - shown.length;
  const notes = [words.about, ...(isLong ? [words.noMinutes] : []), ...(more > 0 ? [texts.status.leftOff(more)] : [])];
  if (rows.length === 0) return [make('p', { class: 'muted' }, texts.chart.emptyRange)];
  return [makeTable(words.title, words.columns, rows), make('p', { class: 'muted small' }, notes.join(' '))];
}

/** How many minutes are each device's. @param minutes - each of one device. */
function minutesOf({ length, deviceSet, deviceSets }: Rows): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < length; i += 1) {
    for (const id of deviceSets[deviceSet[i] ?? 0] ?? []) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

function rowOf(deviceId: string, rows: Rows, stepMs: number, own: number, minutes: Rows | null): TableRow {
  const { readings, mean, min, max } = summarize(rows);
  const [first = 0, last = 0] = [rows.startMs[0], rows.startMs[rows.length - 1]];
  return [
    deviceId,
    countText(readings),
    minutes === null ? '–' : describeMinutes(own),
    minutes === null ? '–' : shareText(own / Math.max(1, minutes.length)),
    describeMoment(first, stepMs),
    describeMoment(last, stepMs),
    rateText(mean ?? 0),
    rateText(min ?? 0, 0),
    rateText(max ?? 0, 0),
  ];
}
