/** What each device has of a range, against plain counting. */
import { compact, query, type Reading, writePart } from 'hrm-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startShared } from '../support.js';
import { launch, openPage, readings, viewUrl, violations } from './browser.js';

let browser: Browser;
let shared: Awaited<ReturnType<typeof startShared>>;
let all: readonly Reading[];
beforeAll(async () => {
  [browser, shared] = await Promise.all([launch(), startShared()]);
  // The strap's come some seconds after the watch's: no two of them are at one instant.
  all = readings('ana', 10, 30_000).map((reading) =>
    reading.deviceId === 'watch' ? reading : { ...reading, timestampMs: reading.timestampMs + 7_000 },
  );
  await writePart({ storage: shared.storage }, all);
  await compact({ storage: shared.storage }, { all: true });
});
afterAll(() => Promise.all([browser.close(), shared.end()]));

const rowsOf = (page: Page) =>
  page
    .locator('#by-device-body tbody tr')
    .evaluateAll((rows) =>
      rows.map((row) => [...row.querySelectorAll('th, td')].map((cell) => cell.textContent ?? '')),
    );

/** Readings, mean, minimum and maximum of a device within a range. */
function figuresOf(deviceId: string, fromMs: number, toMs: number): readonly string[] {
  const own = all.filter(
    (reading) => reading.deviceId === deviceId && reading.timestampMs >= fromMs && reading.timestampMs < toMs,
  );
  const rates = own.map(({ heartRate }) => heartRate);
  const mean = Math.round((100 * rates.reduce((sum, rate) => sum + rate, 0)) / rates.length) / 100;
  const [least, most] = [rates.reduce((a, b) => Math.min(a, b)), rates.reduce((a, b) => Math.max(a, b))];
  return [own.length.toLocaleString('en'), mean.toFixed(1), `${least}`, `${most}`];
}

const DAY_MS = 86_400_000;
const FROM_MS = Date.UTC(2024, 0, 15);

describe('by device', () => {
  it.each([
    [
      'day',
      FROM_MS,
      FROM_MS + DAY_MS,
      ['15 Jan 2024, 00:00', '15 Jan 2024, 23:59', '15 Jan 2024, 17:00', '15 Jan 2024, 18:59'],
    ],
    [
      'week',
      FROM_MS,
      FROM_MS + 7 * DAY_MS,
      ['15 Jan 2024, 00:00', '21 Jan 2024, 23:00', '15 Jan 2024, 17:00', '21 Jan 2024, 18:00'],
    ],
  ] as const)('a %s: figures, first and last, and whose the minutes are', async (range, fromMs, toMs, times) => {
    const { url, storage } = shared;
    const { page, finish } = await openPage(browser, url, { bypassCSP: true });
    let asked = 0;
    page.on('request', (request) => {
      if (request.url().includes('resolve=device')) asked += 1;
    });
    await page.goto(viewUrl(url, { user: 'ana', range, from: '2024-01-15T00:00' }));
    await expect.poll(() => page.locator('#zones').textContent()).toContain('min');
    expect(asked).toBe(0);
    await page.getByText('By device').click();
    await expect.poll(() => rowsOf(page)).toHaveLength(2);
    const minutes = await query({ storage }, { userId: 'ana', start: fromMs, end: toMs, resolve: 'device' });
    const expected = ['chest_strap', 'watch'].map((deviceId, at) => {
      const [readingCount, ...rates] = figuresOf(deviceId, fromMs, toMs);
      const own = minutes.filter(({ deviceIds }) => deviceIds.includes(deviceId)).length;
      const length = `${Math.floor(own / 60)} h ${String(own % 60).padStart(2, '0')} min`;
      const share = `${Math.round((100 * own) / minutes.length)}%`;
      const [first, last] = at === 0 ? times.slice(2) : times;
      return [deviceId, readingCount, length, share, first, last, ...rates];
    });
    expect(await rowsOf(page)).toEqual(expected);
    expect(await violations(page)).toEqual([]);
    await finish();
  });

  it('a year has no minutes, another range its own devices, and another user nothing of this one', async () => {
    const { url } = shared;
    const look = { viewport: { width: 360, height: 740 }, locale: 'es-ES', bypassCSP: true };
    const { page, finish } = await openPage(browser, url, look);
    await page.goto(viewUrl(url, { user: 'ana', range: 'year', from: '2024-01-01T00:00' }));
    await page.getByText('Por dispositivo').click();
    await expect.poll(() => rowsOf(page)).toHaveLength(2);
    expect((await rowsOf(page)).map((cells) => cells.slice(2, 6))).toEqual([
      ['–', '–', '15 ene 2024', '24 ene 2024'],
      ['–', '–', '15 ene 2024', '24 ene 2024'],
    ]);
    expect(await page.locator('#by-device-body').textContent()).toContain(
      'En más de 62 días no se distinguen los minutos.',
    );
    expect(await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth')).toBe(
      false,
    );
    expect(await violations(page)).toEqual([]);
    await page.goto(viewUrl(url, { user: 'ana', range: 'custom', from: '2024-01-16T02:00', to: '2024-01-16T03:00' }));
    await expect.poll(async () => (await rowsOf(page)).map(([name]) => name)).toEqual(['watch']);
    await page.locator('#user').fill('nobody');
    await page.keyboard.press('Enter');
    await page.getByText('No hay lecturas de este usuario.').waitFor();
    await expect.poll(() => rowsOf(page)).toEqual([]);
    await finish();
  });
});
