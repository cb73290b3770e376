/** Whose clocks the pages go by: those of the zone that is set for a user, or the browser's. */
import { compact, type Reading, setUserSettings, writePart } from 'hrm-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTest } from '../support.js';
import { launch, openPage, viewUrl, violations } from './browser.js';

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const HOUR_MS = 3_600_000;
/** Noon of a Tuesday by UTC: in Kiritimati, 14 hours ahead, it is Wednesday. */
const NOON_MS = Date.UTC(2024, 0, 16, 12);

/** A reading a minute, by the hour of UTC: 60 bpm and as many more as hours have gone by since midnight. */
function hourly(userId: string): readonly Reading[] {
  return Array.from({ length: 72 * 60 }, (_, i) => {
    const timestampMs = NOON_MS - 36 * HOUR_MS + i * 60_000;
    const heartRate = 60 + new Date(timestampMs).getUTCHours();
    return { userId, deviceId: 'watch', timestampMs, heartRate, receivedMs: timestampMs };
  });
}

async function startWithZones() {
  const { url, storage } = await startTest();
  await writePart({ storage }, [...hourly('ana'), ...hourly('kiri')]);
  await setUserSettings({ storage }, 'kiri', { timeZone: 'Pacific/Kiritimati' });
  await compact({ storage }, { all: true });
  return { url, storage };
}

const textOf = (page: Page, id: string) => page.locator(`#${id}`).textContent();
const zoneChoice = (page: Page) => page.locator('#zone option').allTextContents();

describe('the zone that is shown', () => {
  it('is the user’s, is said, and the browser’s can be chosen by hand; the address and a reload keep that', async () => {
    const { url } = await startWithZones();
    const { page, finish } = await openPage(browser, url, { timezoneId: 'America/New_York', bypassCSP: true });
    await page.goto(viewUrl(url, { user: 'kiri', range: 'day', from: '2024-01-16T00:00' }));
    await expect.poll(() => textOf(page, 'chart-note')).toContain('times in Pacific/Kiritimati, GMT+14');
    expect(await zoneChoice(page)).toEqual(['Pacific/Kiritimati (user)', 'America/New_York (browser)']);
    expect(await textOf(page, 'days-note')).toContain('Days of Pacific/Kiritimati,');
    expect(await page.locator('#from').inputValue()).toBe('2024-01-16T00:00');
    // The day begins at ten o’clock of UTC; what the cursor stands on is told by its clocks.
    await page.locator('#chart').focus();
    await page.keyboard.press('Home');
    expect(await textOf(page, 'readout')).toMatch(/^16 Jan 2024, 00:00: 70\.0 bpm/);
    await page.getByText('As a table').click();
    await expect.poll(() => page.locator('#table-body tbody th').first().textContent()).toBe('16 Jan 2024, 00:00');

    await page.getByLabel('Time zone').first().selectOption('browser');
    await expect.poll(() => textOf(page, 'chart-note')).toContain('times in America/New_York, GMT-5');
    expect(await textOf(page, 'chart-title')).toBe('kiri, Tuesday, 16 January 2024');
    expect(page.url()).toContain('zone=browser');
    for (const isReload of [false, true]) {
      if (isReload) await page.reload();
      await expect.poll(() => page.locator('#app').getAttribute('aria-busy')).toBe(null);
      await page.locator('#chart').focus();
      await page.keyboard.press('Home');
      expect(await textOf(page, 'readout')).toMatch(/^16 Jan 2024, 00:00: 65\.0 bpm/);
    }
    await page.getByLabel('Time zone').first().selectOption('user');
    await expect.poll(() => textOf(page, 'chart-note')).toContain('times in Pacific/Kiritimati');
    expect(page.url()).not.toContain('zone=');
    expect(await violations(page)).toEqual([]);
    await finish();
  });

  it('a part of a day is named by its instants, and is the same by all clocks', async () => {
    const { url } = await startWithZones();
    const { page, finish } = await openPage(browser, url, { timezoneId: 'America/New_York' });
    const [from, to] = [0, 2].map((hours) => new Date(NOON_MS + hours * HOUR_MS).toISOString());
    await page.goto(viewUrl(url, { user: 'kiri', range: 'custom', from: from ?? '', to: to ?? '' }));
    await expect.poll(() => textOf(page, 'chart-title')).toBe('kiri, 17 Jan 2024, 02:00 to 17 Jan 2024, 04:00');
    await page.getByLabel('To, not included').fill('2024-01-17T03:00');
    await expect.poll(() => page.url()).toContain(encodeURIComponent('2024-01-17T03:00+14:00'));
    await expect.poll(() => textOf(page, 'summary')).toMatch(/^Mean72.0 bpm.*Readings60$/);
    await page.getByLabel('Time zone').first().selectOption('browser');
    await expect.poll(() => textOf(page, 'chart-title')).toBe('kiri, 16 Jan 2024, 07:00 to 16 Jan 2024, 08:00');
    await expect.poll(() => textOf(page, 'summary')).toMatch(/^Mean72.0 bpm.*Readings60$/);
    expect(page.url()).toContain(encodeURIComponent('2024-01-16T07:00-05:00'));
    await finish();
  });

  it('today is the user’s day, from the list of users, from one user to another, and after a reload of yesterday', async () => {
    const { url } = await startWithZones();
    const { page, finish } = await openPage(browser, url, { timezoneId: 'America/New_York' });
    // In New York it is Tuesday.
    await page.clock.install({ time: NOON_MS });
    await page.goto(viewUrl(url, { user: 'ana' }));
    await expect.poll(() => textOf(page, 'chart-title')).toBe('ana, Tuesday, 16 January 2024');
    expect(await zoneChoice(page)).toEqual(['America/New_York (browser)']);
    await page.getByRole('combobox', { name: 'User' }).fill('kiri');
    await page.keyboard.press('Enter');
    await expect.poll(() => textOf(page, 'chart-title')).toBe('kiri, Wednesday, 17 January 2024');
    await expect.poll(() => page.url()).toContain('from=2024-01-17T00');
    await page.goBack();
    await expect.poll(() => textOf(page, 'chart-title')).toBe('ana, Tuesday, 16 January 2024');
    await page.goForward();
    await expect.poll(() => textOf(page, 'chart-title')).toBe('kiri, Wednesday, 17 January 2024');
    await page.getByRole('button', { name: 'Previous' }).click();
    await expect.poll(() => textOf(page, 'chart-title')).toBe('kiri, Tuesday, 16 January 2024');
    await page.reload();
    await expect.poll(() => textOf(page, 'chart-title')).toBe('kiri, Tuesday, 16 January 2024');
    // Without a range the address means today.
    await page.goto(viewUrl(url, { user: 'kiri', range: 'week' }));
    await expect.poll(() => textOf(page, 'chart-title')).toMatch(/^kiri, 15\s?–\s?21 January 2024$/);
    await page.goto(viewUrl(url, {}));
    await page.locator('#people-list').getByRole('link', { name: 'kiri' }).click();
    // The newest reading is of noon on Wednesday by UTC.
    await expect.poll(() => textOf(page, 'chart-title')).toBe('kiri, Thursday, 18 January 2024');
    await finish();
  });

  it('becomes another one as soon as it is set for the user', async () => {
    const { url, storage } = await startWithZones();
    const { page, finish } = await openPage(browser, url, { locale: 'es-ES', timezoneId: 'Europe/Madrid' });
    await page.goto(viewUrl(url, { user: 'ana', range: 'month', from: '2024-01-01T00:00' }));
    await expect.poll(() => textOf(page, 'chart-note')).toContain('horas de Europe/Madrid, GMT+1');
    await setUserSettings({ storage }, 'ana', { timeZone: 'Asia/Kathmandu' });
    await page.reload();
    await expect.poll(() => textOf(page, 'chart-note')).toContain('horas de Asia/Kathmandu, GMT+5:45');
    expect(await zoneChoice(page)).toEqual(['Asia/Kathmandu (usuario)', 'Europe/Madrid (navegador)']);
    await finish();
  });
});
