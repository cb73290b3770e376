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

  it('draws the day of those users that are on the screen, a few at a time, and asks for no others', async () => {
    const { url, storage } = await startTest();
    const lastMs = Date.UTC(2024, 0, 15, 18);
    const users = Array.from({ length: 45 }, (_, i) => `user ${String(i).padStart(2, '0')}`);
    const day = (userId: string, at: number) => {
      return Array.from({ length: 48 }, (_, i) => ({
        ...reading(userId, lastMs - i * 1_800_000),
        heartRate: 60 + at + (i % 20),
      }));
    };
    await writePart({ storage }, users.flatMap(day));
    const { page, finish } = await openPage(browser, url, { viewport: { width: 360, height: 740 }, bypassCSP: true });
    const [asked, counts] = [[] as string[], { now: 0, most: 0 }];
    await page.route('**/metrics/heart-rate?**', async (route) => {
      asked.push(new URL(route.request().url()).searchParams.get('user_id') ?? '');
      counts.now += 1;
      counts.most = Math.max(counts.most, counts.now);
      await new Promise((resolve) => setTimeout(resolve, 50));
      counts.now -= 1;
      await route.continue();
    });
    await page.goto(url);
    const sparks = page.getByRole('img', { name: 'The 24 hours before' });
    await expect.poll(() => sparks.count()).toBeGreaterThan(4);
    await page.waitForTimeout(500);
    const seen = await sparks.count();
    expect([asked.length, counts.most]).toEqual([seen, 3]);
    expect(seen).toBeLessThan(20);
    expect(asked).toEqual(users.slice(0, seen));
    expect(await sparks.nth(2).getAttribute('aria-label')).toBe('The 24 hours before: 62 to 81 bpm');
    const hasLine = await page.evaluate(
      "const canvas = document.querySelector('#people-list canvas'); canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0)",
    );
    expect(hasLine).toBe(true);
    expect(await violations(page)).toEqual([]);
    // What is passed by quickly is not asked for; what is there then is.
    await page.locator('#people-list > li').last().scrollIntoViewIfNeeded();
    await expect.poll(() => asked.includes('user 44')).toBe(true);
    expect(new Set(asked).size).toBe(asked.length);
    await page.getByRole('link', { name: 'user 44' }).click();
    await expect.poll(() => page.locator('#chart-title').textContent()).toMatch(/^user 44, Monday/);
    await finish();
  });

  it('asks for no more days where the server refuses one', async () => {
    const { url, storage } = await startTest();
    const users = Array.from({ length: 12 }, (_, i) => `user ${i}`);
    await writePart(
      { storage },
      users.map((userId) => reading(userId, Date.UTC(2024, 0, 15, 18))),
    );
    const { page, finish } = await openPage(browser, url);
    let asked = 0;
    await page.route('**/metrics/heart-rate?**', async (route) => {
      asked += 1;
      await route.fulfill({
        status: 429,
        contentType: 'application/json',
        body: '{"code":"rate_limited","detail":"no"}',
      });
    });
    await page.goto(url);
    await expect.poll(() => page.locator('#people-list > li').count()).toBe(12);
    await expect.poll(() => asked).toBeGreaterThan(0);
    await page.waitForTimeout(500);
    expect(asked).toBeLessThanOrEqual(3);
    expect(await page.locator('#message').isVisible()).toBe(false);
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
