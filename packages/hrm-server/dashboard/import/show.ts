/** The account of files in words. */
import type { DeviceAccount, FileAccount } from 'hrm-core/formats';
import { make } from '../dom.js';
import { countText, locale, texts } from '../texts/texts.js';
import { droppedOf, type FileOutcome, type Total } from './accounts.js';

const words = texts.import;

/** Files and devices that are listed; the others are counted. */
const MAX_SHOWN = 100;

const MOMENT = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });

/** What all files come to. */
export function totalElements({ readings, devices, dropped, unknown }: Total, fileCount: number): HTMLElement[] {
  const facts: [string, string][] = [
    [words.files, countText(fileCount)],
    [words.readings, countText(readings)],
    ...(devices.length > 0 ? [[words.range, rangeText(devices)] as [string, string]] : []),
    ...(unknown > 0 ? [[words.unknownFiles, countText(unknown)] as [string, string]] : []),
  ];
  const rows = facts.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value)));
  const list = devices.slice(0, MAX_SHOWN).map((device) => make('li', {}, deviceText(device)));
  const more = devices.length > MAX_SHOWN ? [make('li', {}, words.more(countText(devices.length - MAX_SHOWN)))] : [];
  return [
    make('dl', { class: 'facts' }, ...rows),
    ...(devices.length > 0 ? [make('h3', {}, words.devices), make('ul', {}, ...list, ...more)] : []),
    ...(dropped.size > 0 ? [make('h3', {}, words.dropped), droppedList([...dropped])] : []),
  ];
}

/** What became of each file; of those that no format knows only those that somebody chose. */
export function fileElements(outcomes: readonly FileOutcome[]): HTMLElement[] {
  const shown = outcomes.filter(({ type, name }) => type !== 'unknown' || !name.includes('/'));
  const items = shown.slice(0, MAX_SHOWN).map((outcome) => make('li', {}, ...outcomeParts(outcome)));
  return shown.length > MAX_SHOWN ? [...items, make('li', {}, words.more(countText(shown.length - MAX_SHOWN)))] : items;
}

function outcomeParts(outcome: FileOutcome): (Node | string)[] {
  const name = make('strong', {}, outcome.name);
  if (outcome.type === 'for_server') return [name, ` ${words.forServer}`];
  if (outcome.type === 'unknown') return [name, ` ${words.unknown}`];
  if (outcome.type === 'failed') return [name, ` ${failureText(outcome.code, outcome.message)}`];
  const { account, title } = outcome;
  const range = account.devices.length > 0 ? `, ${rangeText(account.devices)}` : '';
  const notes = [
    ...account.notes.map(({ message, count }) => (count > 1 ? `${message} (${countText(count)})` : message)),
    ...account.damages.map(({ at, message }) => `${at}: ${message}`),
  ];
  return [
    name,
    ` ${title}: ${words.readingsOf(countText(account.readings))}${range}`,
    ...(hasDropped(account) ? [droppedList(droppedOf(account))] : []),
    ...(notes.length > 0 ? [make('ul', {}, ...notes.map((note) => make('li', {}, note)))] : []),
  ];
}

function hasDropped(account: FileAccount): boolean {
  return droppedOf(account).length > 0;
}

function failureText(code: string, message: string): string {
  if (code === 'time_zone_needed') return words.zoneNeeded;
  if (code === 'NotReadableError' || code === 'NotFoundError') return words.unreadable;
  return message;
}

function droppedList(dropped: readonly (readonly [string, number])[]): HTMLElement {
  const items = dropped.map(([reason, count]) =>
    make('li', {}, `${texts.drops[reason] ?? reason}: ${countText(count)}`),
  );
  return make('ul', {}, ...items);
}

function deviceText(device: DeviceAccount): string {
  const name = device.userId === undefined ? device.deviceId : `${device.userId}, ${device.deviceId}`;
  return `${name}: ${words.readingsOf(countText(device.count))}, ${rangeText([device])}`;
}

/** In the browser's time zone. */
function rangeText(devices: readonly DeviceAccount[]): string {
  const firstMs = devices.reduce((least, { firstMs: ms }) => Math.min(least, ms), Number.POSITIVE_INFINITY);
  const lastMs = devices.reduce((most, { lastMs: ms }) => Math.max(most, ms), Number.NEGATIVE_INFINITY);
  return MOMENT.formatRange(firstMs, lastMs);
}
