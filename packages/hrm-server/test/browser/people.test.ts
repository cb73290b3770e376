import { writePart } from 'hrm-core';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTest } from '../support.js';
import { launch, openPage, violations } from './browser.js';

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const reading = (userId: string, timestampMs: number) => {
  return { userId, deviceId: 'watch', timestampMs, heartRate: 72, receivedMs: timestampMs };
};

describe('the first page', () => {
  it('lists users, finds them, and leads to the day of the newest reading', async () => {
    const { url, storage } = await startTest();
    const nowMs = Date.now();
    const users = Array.from({ length: 60 }, (_, i) => `user ${String(i).padStart(2, '0')}`);
    await writePart(
      { storage },
      users.map((userId) => reading(userId, nowMs - 125_000)),
    );
    await writePart({ storage }, [reading('<b>old</b>', Date.UTC(2024, 0, 15, 12))]);
    const { page, finish } = await openPage(browser, url, { bypassCSP: true });
    await page.goto(url);
    const rows = page.locator('#people-list > li');
    await expect.poll(() => rows.count()).toBe(50);
    expect(await rows.nth(1).textContent()).toMatch(/^user 0072 bpm, [23] min ago$/);
    expect(await violations(page)).toEqual([]);
    await page.getByRole('button', { name: 'More users' }).click();
    await expect.poll(() => rows.count()).toBe(61);
    expect(await page.evaluate('document.activeElement.textContent')).toBe('user 49');
    await page.getByLabel('Search, by a part of the id').fill('OLD');
    await expect.poll(() => rows.allTextContents()).toHaveLength(1);
    await page.getByRole('link', { name: '<b>old</b>' }).click();
    await expect.poll(() => page.locator('#chart-title').textContent()).toBe('<b>old</b>, Monday, 15 January 2024');
    expect(await page.locator('#people').isVisible()).toBe(false);
    await page.goBack();
    await expect.poll(() => rows.count()).toBe(1);
    await page.getByLabel('Search, by a part of the id').fill('zoe');
    await page.getByText('No user with such an id has readings.').waitFor();
    await finish();
  });

  it('says what to do where nothing is stored, in Spanish too, and looks further back when it is told to', async () => {
    const { url, storage } = await startTest();
    const { page, finish } = await openPage(browser, url, { locale: 'es-ES', bypassCSP: true });
    await page.goto(url);
    await expect
      .poll(() => page.locator('#people-note').textContent())
      .toMatch(/^Todavía no hay lecturas\. .*Añadir archivos, Sensor en vivo\. Para ver .*: hrm simulate --users 3/);
    expect(await violations(page)).toEqual([]);
    const days = Array.from({ length: 32 }, (_, day) => reading(day === 0 ? 'eva' : 'ana', day * 86_400_000));
    await writePart({ storage }, days);
    await page.reload();
    const names = page.locator('#people-list a');
    await expect.poll(() => names.allTextContents()).toEqual(['ana']);
    await page.getByRole('button', { name: 'Buscar en todas las fechas' }).click();
    await expect.poll(() => names.allTextContents()).toEqual(['ana', 'eva']);
    await finish();
  });
});
