/**
 * What the page shows, as the part of its address after `#`: browsers keep that to themselves, so a link or a reload has it and no server
 * log does. A key is never in it. Days, weeks, months and years are named by their date, other ranges by instants with their offset. The date is
 * of the zone that is shown: that of the user, who is told by the address, or else the browser's.
 */
import { type FixedInterval, INTERVAL_MS, type Resolve } from 'hrm-core/client';
import { readMoment, toLocalInput, toOffsetText } from './clocks.js';
import { askedRange, intervalFor, type Preset, type Range, rangeAround } from './range.js';

/** What is shown. */
export interface View {
  readonly userId: string;
  readonly range: Range;
  readonly interval: FixedInterval | 'auto';
  /** Devices that have a line of their own. */
  readonly devices: readonly string[];
  /** Whether the line of all devices together is shown. */
  readonly isMerged: boolean;
  readonly isLive: boolean;
  /** Which devices count, where several were worn; default `reading`. */
  readonly resolve?: Resolve | undefined;
  /** What the days of the range are compared with; default: nothing. */
  readonly compare?: Comparison | undefined;
  /** What colours the days of a year; default: the resting rate. */
  readonly colour?: 'mean' | undefined;
  /** Whose clocks are shown; default: the user's, where a time zone is set for the user. */
  readonly zone?: 'browser' | undefined;
}

/** `before`: the range before, as long; `year`: the same a year before. */
export type Comparison = 'before' | 'year';

/** Reads a view from an address; what it does not say, or says wrongly, is the day of `nowMs`. */
export function readView(fragment: string, nowMs: number): View {
  const said = new URLSearchParams(fragment.replace(/^#/, ''));
  const interval = said.get('interval') ?? '';
  const compare = said.get('compare');
  return {
    userId: said.get('user') ?? '',
    range: readRange(said, nowMs),
    interval: Object.hasOwn(INTERVAL_MS, interval) ? (interval as FixedInterval) : 'auto',
    devices: said.getAll('device'),
    isMerged: said.get('merged') !== 'no',
    isLive: said.get('live') === 'yes',
    resolve: said.get('resolve') === 'device' ? 'device' : undefined,
    compare: compare === 'before' || compare === 'year' ? compare : undefined,
    colour: said.get('colour') === 'mean' ? 'mean' : undefined,
    zone: said.get('zone') === 'browser' ? 'browser' : undefined,
  };
}

/** The address of a view, from `#` on. */
export function writeView(view: View): string {
  const { userId, range, interval, devices, isMerged, isLive, resolve, compare, colour, zone } = view;
  const said = new URLSearchParams();
  if (userId !== '') said.set('user', userId);
  said.set('range', range.preset);
  if (range.preset === 'custom') {
    said.set('from', toOffsetText(range.fromMs));
    said.set('to', toOffsetText(range.toMs));
  } else said.set('from', toLocalInput(range.fromMs));
  if (interval !== 'auto') said.set('interval', interval);
  for (const device of devices) said.append('device', device);
  if (!isMerged) said.set('merged', 'no');
  if (isLive) said.set('live', 'yes');
  if (resolve === 'device') said.set('resolve', resolve);
  if (compare !== undefined) said.set('compare', compare);
  if (colour !== undefined) said.set('colour', colour);
  if (zone !== undefined) said.set('zone', zone);
  return `#${said}`;
}

/** The address of the day that a moment lies in, by whichever clocks it will be shown. */
export function dayAddress(userId: string, atMs: number, isLive = false): string {
  const said = { user: userId, range: 'day', from: toOffsetText(atMs), ...(isLive && { live: 'yes' }) };
  return `#${new URLSearchParams(said)}`;
}

/** What is asked for a view: rows of what width, and of what range. */
export function questionOf({ userId, range, interval: wanted, resolve }: View) {
  const interval = wanted === 'auto' ? intervalFor(range) : wanted;
  return { userId, interval, range: askedRange(range, interval), resolve };
}

/** Whether two ranges are seen as one. */
export function isSameRange(a: Range, b: Range): boolean {
  return a.preset === b.preset && a.fromMs === b.fromMs && a.toMs === b.toMs;
}

function readRange(said: URLSearchParams, nowMs: number): Range {
  const preset = said.get('range') as Preset | null;
  const [fromMs = 0, toMs = 0] = ['from', 'to'].map((name) => readMoment(said.get(name) ?? ''));
  if (preset === 'custom' && fromMs < toMs) return { preset, fromMs, toMs };
  if (preset === 'day' || preset === 'week' || preset === 'month' || preset === 'year') {
    return rangeAround(preset, Number.isNaN(fromMs) ? nowMs : fromMs);
  }
  return rangeAround('day', nowMs);
}
