/** Where a range has no readings: says where there are some, and leads there. */
import { INTERVAL_MS, type Latest } from 'hrm-core/client';
import { find, make } from './dom.js';
import { describeMoment, type Range, rangeAround } from './range.js';
import { texts } from './texts/texts.js';

/** Says it. @param latest - the user's last reading; `null`: none is stored. */
export function showNothing(
  userId: string,
  range: Range,
  latest: Latest['latest'],
  onRange: (range: Range) => void,
): void {
  const place = find('nothing', HTMLParagraphElement);
  place.hidden = false;
  if (latest === null) {
    // Ids are taken as they are typed; that one was typed so may be a slip.
    const slip = userId === userId.trim() ? '' : ` ${texts.chart.slip(userId.trim())}`;
    const files = make('a', { href: 'import' }, texts.nav.addFiles);
    const device = make('a', { href: 'live-device' }, texts.nav.liveDevice);
    place.replaceChildren(`${texts.chart.noReading}${slip} ${texts.chart.addSome} `, files, ', ', device);
    return;
  }
  const atMs = Date.parse(latest.timestamp);
  place.replaceChildren(texts.chart.lastReading(describeMoment(atMs, INTERVAL_MS['1m'])));
  // A line of another device is empty here, that of this one is not.
  if (atMs >= range.fromMs && atMs < range.toMs) return;
  const button = make('button', { type: 'button' }, texts.chart.goThere);
  button.addEventListener('click', () => onRange(rangeAround(range.preset === 'custom' ? 'day' : range.preset, atMs)));
  place.append(' ', button);
}

/** Says it no more. */
export function hideNothing(): void {
  find('nothing', HTMLParagraphElement).hidden = true;
}
