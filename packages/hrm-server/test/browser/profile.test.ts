/** The form of what is set for a user: it is stored, all that is shown goes by it, and a fault is told by its field. */
import { compact, userSettings, writePart } from 'hrm-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTest } from '../support.js';
import { launch, openPage, readings, viewUrl, violations } from './browser.js';

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

async function openForm(options: Parameters<typeof openPage>[2] = {}) {
  const { url, storage } = await startTest();
  await writePart({ storage }, [...readings('ana', 1, 60_000), ...readings('ben', 1, 60_000)]);
  await compact({ storage }, { all: true });
  const watched = await openPage(browser, url, { bypassCSP: true, ...options });
  await watched.page.goto(viewUrl(url, { user: 'ana', range: 'day', from: '2024-01-15T00:00' }));
  await expect.poll(() => textOf(watched.page, 'zones')).toMatch(/min/);
  await watched.page.locator('#profile summary').click();
  return { ...watched, storage };
}

const textOf = (page: Page, id: string) => page.locator(`#${id}`).textContent();
const field = (page: Page, name: string) => page.locator(`#profile-${name}`);

async function save(page: Page): Promise<void> {
  await page.locator('#profile-form button').click();
}

describe('the settings of a user', () => {
  it('are stored, zones and devices go by them at once, and a reload shows them', async () => {
    const { page, finish, storage } = await openForm();
    await expect.poll(() => textOf(page, 'zones')).toContain('from 171');
    await field(page, 'maxHeartRate').fill('200');
    await field(page, 'restingRate').fill('50');
    await field(page, 'birthYear').fill('1986');
    await field(page, 'devices').fill('chest_strap\nwatch\n');
    await save(page);
    await expect.poll(() => textOf(page, 'profile-note')).toBe('Saved.');
    const stored = { birthYear: 1986, maxHeartRate: 200, restingRate: 50 };
    expect(await userSettings({ storage }, 'ana')).toEqual({ ...stored, devicePriority: { chest_strap: 1, watch: 2 } });
    // Nine tenths of the reserve between 50 and 200, above 50; the other maximum would be seen nowhere.
    await expect.poll(() => textOf(page, 'zones')).toContain('from 185');
    expect(await page.locator('#max-rate').isVisible()).toBe(false);
    await field(page, 'zones').fill('90, 110; 130 150 170');
    expect(await textOf(page, 'profile-note')).toBe('');
    await save(page);
    await expect.poll(() => textOf(page, 'zones')).toContain('from 170');
    await page.reload();
    await expect.poll(() => field(page, 'zones').inputValue()).toBe('90, 110, 130, 150, 170');
    expect(await field(page, 'devices').inputValue()).toBe('chest_strap\nwatch');
    expect(await field(page, 'birthYear').inputValue()).toBe('1986');
    // What is empty is not set.
    await page.locator('#profile summary').click();
    for (const name of ['zones', 'devices', 'birthYear', 'restingRate', 'maxHeartRate'])
      await field(page, name).fill('');
    await save(page);
    await expect.poll(() => textOf(page, 'profile-note')).toBe('Saved.');
    expect(await userSettings({ storage }, 'ana')).toEqual({});
    await expect.poll(() => textOf(page, 'zones')).toContain('from 171');
    expect(await violations(page)).toEqual([]);
    await finish();
  });

  it('a time zone that is set is that of the page at once, and the date stays', async () => {
    const { page, finish, storage } = await openForm({ timezoneId: 'Europe/Madrid' });
    await field(page, 'timeZone').fill(' America/New_York ');
    await save(page);
    await expect.poll(() => textOf(page, 'chart-note')).toContain('times in America/New_York, GMT-5');
    expect(await userSettings({ storage }, 'ana')).toEqual({ timeZone: 'America/New_York' });
    expect(await textOf(page, 'chart-title')).toBe('ana, Monday, 15 January 2024');
    await expect.poll(() => textOf(page, 'days-note')).toContain('Days of America/New_York,');
    // From midnight there, which is five o’clock by UTC, to the last reading.
    const counted = readings('ana', 1, 60_000).filter(({ timestampMs }) => timestampMs >= Date.UTC(2024, 0, 15, 5));
    const instants = new Set(counted.map(({ timestampMs }) => timestampMs)).size;
    await expect.poll(() => textOf(page, 'summary')).toMatch(new RegExp(`Readings${instants.toLocaleString('en')}$`));
    await finish();
  });

  it('a fault is told by its field, in the words of the server, and nothing is stored', async () => {
    const { page, finish, storage } = await openForm();
    await field(page, 'timeZone').fill('Moon/Tycho');
    await field(page, 'zones').fill('170 150 130 110 90');
    await save(page);
    await expect.poll(() => page.locator('#profile-note li').count()).toBeGreaterThan(1);
    expect((await page.locator('#profile-note li').allTextContents()).join()).toMatch(/^zones: .*,time_zone: /);
    expect(await userSettings({ storage }, 'ana')).toEqual({});
    await finish();
  });

  it('are another user’s where another is shown, in Spanish too', async () => {
    const { page, finish, storage } = await openForm({ locale: 'es-ES' });
    await field(page, 'maxHeartRate').fill('180');
    await save(page);
    await expect.poll(() => textOf(page, 'profile-note')).toBe('Guardado.');
    await page.locator('#user').fill('ben');
    await page.keyboard.press('Enter');
    await expect.poll(() => textOf(page, 'chart-title')).toBe('ben, lunes, 15 de enero de 2024');
    expect(await field(page, 'maxHeartRate').inputValue()).toBe('');
    expect(await userSettings({ storage }, 'ben')).toEqual({});
    await page.goBack();
    await expect.poll(() => field(page, 'maxHeartRate').inputValue()).toBe('180');
    await finish();
  });
});
