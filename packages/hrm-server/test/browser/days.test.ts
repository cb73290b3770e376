/** Days in the zones of those who look: page, address, reload, API and naive counting agree on every figure. */
import { compact, type Reading, setUserSettings, writePart } from 'hrm-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomFrom, testSeed } from '../../../hrm-core/test/support/random.js';
import { startShared } from '../support.js';
import { launch, openPage, readings, viewUrl, violations } from './browser.js';
import { changeOf, edgesOf, type NaiveDay, naiveDay, weekOf } from './naive-day.js';

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;
const MAX_RATE = 185;

/** Nights in which clocks are set, or not. */
const NIGHTS = [
  ['Europe/Madrid', '2024-10-27'],
  ['Asia/Kolkata', '2024-03-31'],
  ['America/New_York', '2024-03-10'],
  ['Asia/Beirut', '2024-03-31'],
  ['America/Asuncion', '2024-03-23'],
  ['Australia/Lord_Howe', '2024-04-07'],
  ['Asia/Kathmandu', '2024-01-15'],
  ['UTC', '2024-02-29'],
] as const;

/** Those of them that a browser on the other side of the earth looks at, too. */
const AWAY = ['Europe/Madrid', 'America/New_York', 'Asia/Beirut', 'Australia/Lord_Howe'];

/** In the browser's zone, in both languages; and in the user's own, where the browser's is another. */
const LOOKS = NIGHTS.flatMap(([zone, date]) => {
  const browserZone = zone === 'Australia/Lord_Howe' ? 'America/Anchorage' : 'Pacific/Auckland';
  return [
    { zone, date, browserZone: zone, locale: 'en-GB' },
    { zone, date, browserZone: zone, locale: 'es-ES' },
    ...(AWAY.includes(zone) ? [{ zone, date, browserZone, locale: 'en-GB' }] : []),
  ];
});

/** A zone is set for those whom another zone's browser looks at. */
const userOf = ({ zone, browserZone }: { readonly zone: string; readonly browserZone: string }) =>
  zone === browserZone ? zone : `at home in ${zone}`;

let browser: Browser;
let shared: Awaited<ReturnType<typeof startShared>>;
const histories = new Map<string, readonly Reading[]>();
beforeAll(async () => {
  [browser, shared] = await Promise.all([launch(), startShared()]);
  const next = randomFrom(testSeed());
  for (const look of LOOKS) {
    const userId = userOf(look);
    if (histories.has(userId)) continue;
    histories.set(userId, historyOf(userId, look.zone, look.date, next));
    if (userId !== look.zone) await setUserSettings({ storage: shared.storage }, userId, { timeZone: look.zone });
  }
  await writePart({ storage: shared.storage }, [...histories.values()].flat());
  await writePart({ storage: shared.storage }, readings('ana', 40, 60_000));
  await compact({ storage: shared.storage }, { all: true });
});
afterAll(() => Promise.all([browser.close(), shared.end()]));

/** A day before and after a date, by a watch that is taken off now and then, and a ring. */
function historyOf(userId: string, zone: string, date: string, next: () => number): readonly Reading[] {
  const [startMs, endMs] = edgesOf(date, zone);
  const all: Reading[] = [];
  let isWorn = true;
  for (let atMs = startMs - DAY_MS; atMs < endMs + DAY_MS; atMs += MINUTE_MS) {
    if (next() < 0.005) isWorn = !isWorn;
    if (!isWorn || next() < 0.05) continue;
    const deviceId = next() < 0.1 ? 'ring' : 'watch';
    const heartRate = Math.round(60 + 20 * Math.sin(atMs / 4e6) + (next() < 0.2 ? 90 * next() : 5 * next()));
    const timestampMs = atMs + Math.floor(next() * MINUTE_MS);
    all.push({ userId, deviceId, timestampMs, heartRate, receivedMs: timestampMs });
  }
  return all;
}

const isSpanish = (locale: string) => locale === 'es-ES';

function minutesText(minutes: number): string {
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

function rateText(rate: number | null, locale: string, digits = 1): string {
  if (rate === null) return '–';
  const text = rate.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${text} ${isSpanish(locale) ? 'lpm' : 'bpm'}`;
}

const ZONE_NAMES = {
  en: ['Rest', 'Very light', 'Light', 'Moderate', 'Hard', 'Very hard'],
  es: ['Reposo', 'Muy suave', 'Suave', 'Moderado', 'Fuerte', 'Muy fuerte'],
};

/** What the page must say of a day, but its date. */
function sentenceOf(day: NaiveDay | null, locale: string): string {
  const [none, resting, mean, worn] = isSpanish(locale)
    ? ['sin lecturas', 'frecuencia en reposo', 'media', 'con lecturas']
    : ['no readings', 'resting rate', 'mean', 'with readings'];
  if (day === null) return none;
  const zones = day.zones.flatMap((minutes, zone) =>
    zone > 0 && minutes > 0 ? [`, ${ZONE_NAMES[isSpanish(locale) ? 'es' : 'en'][zone]} ${minutesText(minutes)}`] : [],
  );
  return `${resting} ${rateText(day.restingRate, locale)}, ${mean} ${rateText(day.mean, locale)}, ${minutesText(day.minutes)} ${worn}${zones.join('')}`;
}

const settled = (page: Page) => expect.poll(() => page.locator('#app').getAttribute('aria-busy')).toBe(null);

/** What is said of each day, behind its date. */
async function saidOf(page: Page): Promise<readonly string[]> {
  const said = await page.locator('.bars .visually-hidden').allTextContents();
  return said.map((text) => text.slice(text.indexOf(': ') + 2));
}

async function tilesOf(page: Page): Promise<readonly string[]> {
  return (await page.locator('.figures dd').allTextContents()).map((text) =>
    text.replace(/ (7-day|media de).*| good| in part| few| bueno| en parte| poco/, ''),
  );
}

describe('days in zones', () => {
  it.each(LOOKS)(
    '$zone around $date, in $locale, by a browser in $browserZone',
    async (look) => {
      const { zone, date, browserZone, locale } = look;
      const { url } = shared;
      const userId = userOf(look);
      const own = histories.get(userId) ?? [];
      const week = weekOf(date);
      const expected = week.map((one) => naiveDay(own, one, zone, MAX_RATE));
      const { page, finish } = await openPage(browser, url, { timezoneId: browserZone, locale });
      await page.addInitScript(`localStorage.setItem('hrm-max-rate', '${MAX_RATE}')`);
      await page.goto(viewUrl(url, { user: userId, range: 'week', from: `${date}T00:00` }));
      await expect.poll(() => page.locator('.bars a').count()).toBe(7);
      const sentences = expected.map((day) => sentenceOf(day, locale));
      expect(await saidOf(page)).toEqual(sentences);

      // By the keyboard to the day in question, and what was counted there.
      await page.locator('.bars a').nth(week.indexOf(date)).focus();
      await page.keyboard.press('Enter');
      const day = naiveDay(own, date, zone, MAX_RATE);
      if (day === null) throw new Error('no readings were made');
      const tiles = [
        rateText(day.restingRate, locale),
        rateText(day.mean, locale),
        rateText(day.min, locale, 0),
        rateText(day.max, locale, 0),
        minutesText(day.minutes),
        minutesText(day.longestGapMinutes),
      ];
      await expect.poll(() => tilesOf(page)).toEqual(tiles);
      const address = page.url();
      expect(new URLSearchParams(new URL(address).hash.slice(1)).get('from')?.slice(0, 10)).toBe(date);
      await page.reload();
      await expect.poll(() => tilesOf(page)).toEqual(tiles);
      expect(page.url()).toBe(address);
      // Of itself a browser may say an older name.
      const note = await page.locator('#days-note').textContent();
      if (zone !== browserZone) expect(note).toContain(` ${zone},`);
      // The chart's summary is of the same day.
      await settled(page);
      const summary = await page.locator('#summary dd').allTextContents();
      expect(summary.slice(0, 3)).toEqual([
        rateText(day.mean, locale),
        rateText(day.min, locale, 0),
        rateText(day.max, locale, 0),
      ]);
      expect(summary[3]?.replace(/\D/g, '')).toBe(String(day.count));
      const zones = await page.locator('#zones tbody td:nth-child(3)').allTextContents();
      expect(zones).toEqual([...day.zones].reverse().map(minutesText));

      // The API itself.
      const question = new URLSearchParams({
        start: week[0] ?? '',
        end: date,
        time_zone: zone,
        max_heart_rate: `${MAX_RATE}`,
      });
      const answer = await fetch(`${url}/users/${encodeURIComponent(userId)}/days?${question}`);
      const { days } = (await answer.json()) as { days: Record<string, unknown>[] };
      expect(
        days.map((one) => [one.date, one.count, one.mean, one.resting_rate, one.minutes, one.longest_gap_minutes]),
      ).toEqual(
        expected
          .filter((one) => one !== null && one.date < date)
          .map((one) => [one?.date, one?.count, one?.mean, one?.restingRate, one?.minutes, one?.longestGapMinutes]),
      );

      // Half an hour from where the clocks are set on: an hour that comes twice is told by its offset, also after a reload.
      const fromMs = changeOf(date, zone) ?? day.startMs + DAY_MS / 2;
      const inIt = own.filter(
        ({ timestampMs }) => timestampMs >= fromMs && timestampMs < fromMs + 30 * MINUTE_MS,
      ).length;
      const [from, to] = [fromMs, fromMs + 30 * MINUTE_MS].map((ms) => new Date(ms).toISOString());
      await page.goto(viewUrl(url, { user: userId, range: 'custom', from: from ?? '', to: to ?? '' }));
      for (const id of ['next', 'previous']) {
        await settled(page);
        await page.locator(`#${id}`).click();
      }
      const readingsOf = async () => (await page.locator('#summary dd').nth(3).textContent())?.replace(/\D/g, '');
      await settled(page);
      expect(await readingsOf()).toBe(String(inIt));
      const written = new URLSearchParams(new URL(page.url()).hash.slice(1)).get('from') ?? '';
      expect([written, Date.parse(written)]).toEqual([expect.stringMatching(/[+-]\d\d:\d\d$/), fromMs]);
      await page.reload();
      await settled(page);
      expect(await readingsOf()).toBe(String(inIt));
      await finish();
    },
    30_000,
  );
});

describe('weeks, months and years', () => {
  it('a year is a calendar of resting rates or means, by keys too, and leads to its days', async () => {
    const { url } = shared;
    const { page, finish } = await openPage(browser, url, { bypassCSP: true });
    await page.goto(viewUrl(url, { user: 'ana', range: 'year', from: '2024-06-01T00:00' }));
    const cells = page.locator('.cells > a');
    await expect.poll(() => cells.count()).toBe(366);
    expect(await page.locator('.cells > .empty-day').count()).toBe(366 - 40);
    await page.getByLabel('Coloured by').selectOption('mean');
    await expect.poll(() => page.url()).toContain('colour=mean');
    await settled(page);
    expect(await violations(page)).toEqual([]);
    await page.reload();
    await expect.poll(() => page.locator('.scale').textContent()).toMatch(/^\d+\.\d\d+\.\d bpm$/);
    expect(await page.getByLabel('Coloured by').inputValue()).toBe('mean');
    // One stop of Tab, which has readings; then a week on, and a day.
    await page.locator('.cells > a[tabindex="0"]').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    expect(await page.locator('.cells > a[tabindex="0"]').count()).toBe(1);
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('#chart-title').textContent()).toBe('ana, Tuesday, 23 January 2024');
    await finish();
  });

  it('compares a week with the one before, in words, and says so in the address', async () => {
    const { url } = shared;
    const { page, finish } = await openPage(browser, url, { bypassCSP: true });
    await page.goto(viewUrl(url, { user: 'ana', range: 'week', from: '2024-01-24T00:00' }));
    await page.getByLabel('Compare with').selectOption('before');
    await expect.poll(() => page.locator('.mark').count()).toBe(7);
    expect(page.url()).toContain('compare=before');
    // Of two devices at the same millisecond the strap counts, by its name.
    const own = [...new Map(readings('ana', 40, 60_000).map((reading) => [reading.timestampMs, reading])).values()];
    const [now = 0, before = 0] = ['2024-01-24', '2024-01-17'].map((date) => {
      const rates = weekOf(date).map((one) => naiveDay(own, one, 'UTC', 190)?.restingRate ?? Number.NaN);
      return Math.round((10 * rates.reduce((sum, rate) => sum + rate, 0)) / 7);
    });
    const difference =
      now === before
        ? 'the same'
        : `${(Math.abs(now - before) / 10).toFixed(1)} bpm ${now > before ? 'higher' : 'lower'}`;
    const cells = await page.locator('#comparison tbody tr').first().locator('td').allTextContents();
    expect(cells).toEqual([`${(now / 10).toFixed(1)} bpm`, `${(before / 10).toFixed(1)} bpm`, difference]);
    await page.reload();
    await expect.poll(() => page.locator('#comparison tbody tr').count()).toBe(4);
    expect(await violations(page)).toEqual([]);
    await page.getByLabel('Compare with').selectOption('year');
    await expect.poll(() => page.locator('.mark').count()).toBe(0);
    await expect.poll(() => page.locator('#comparison').textContent()).toContain('7 such days, and 0.');
    await finish();
  });

  it.each(['week', 'month', 'year'])('on a phone, the days of a %s are met with a thumb', async (range) => {
    const { url } = shared;
    const { page, finish } = await openPage(browser, url, { viewport: { width: 360, height: 740 }, bypassCSP: true });
    await page.goto(viewUrl(url, { user: 'ana', range, from: '2024-01-16T00:00' }));
    await expect.poll(() => page.locator('#days-body a').count()).toBeGreaterThan(6);
    await settled(page);
    for (const at of [0, 3, 6]) {
      const box = await page.locator('#days-body a').nth(at).boundingBox();
      expect(box?.height ?? 0).toBeGreaterThanOrEqual(44);
      expect(box?.width ?? 0).toBeGreaterThanOrEqual(40);
    }
    expect(await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth')).toBe(
      false,
    );
    expect(await violations(page)).toEqual([]);
    await finish();
  });
});
