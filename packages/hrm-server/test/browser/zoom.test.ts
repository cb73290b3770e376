import { writePart } from 'hrm-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTest } from '../support.js';
import { launch, openPage, readings, viewUrl } from './browser.js';

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const DAY = { user: 'ana', range: 'day', from: '2024-01-15T00:00' };
const DAY_TITLE = 'ana, Monday, 15 January 2024';

async function openDay(options: Parameters<typeof openPage>[2] = {}) {
  const { url, storage } = await startTest();
  await writePart({ storage }, readings('ana', 1, 30_000));
  const watched = await openPage(browser, url, options);
  await watched.page.goto(viewUrl(url, DAY));
  await waitForTitle(watched.page, DAY_TITLE);
  return watched;
}

async function waitForTitle(page: Page, title: string): Promise<void> {
  await expect.poll(() => page.locator('#chart-title').textContent()).toBe(title);
  await expect.poll(() => page.locator('#app').getAttribute('aria-busy')).toBe(null);
}

/** Where the lines are, px. */
async function placeOf(page: Page) {
  await page.locator('#chart .u-over').scrollIntoViewIfNeeded();
  const box = await page.locator('#chart .u-over').boundingBox();
  if (box === null) throw new Error('no chart');
  return { ...box, middle: box.y + box.height / 2 };
}

async function drag(page: Page, fromShare: number, toShare: number): Promise<void> {
  const { x, width, middle } = await placeOf(page);
  await page.mouse.move(x + fromShare * width, middle);
  await page.mouse.down();
  await page.mouse.move(x + ((fromShare + toShare) / 2) * width, middle);
  await page.mouse.move(x + toShare * width, middle);
  await page.mouse.up();
}

function rangeOf(page: Page): { readonly fromMs: number; readonly lengthMs: number } {
  const said = new URLSearchParams(new URL(page.url()).hash.slice(1));
  const fromMs = Date.parse(said.get('from') ?? '');
  return { fromMs, lengthMs: Date.parse(said.get('to') ?? '') - fromMs };
}

describe('looking closer', () => {
  it('by dragging, down to some rows, and back the way that one came', async () => {
    const { page, finish } = await openDay();
    await drag(page, 0.5, 0.75);
    await expect.poll(() => page.url()).toContain('range=custom');
    await expect.poll(() => page.locator('#chart-title').textContent()).toMatch(/^ana, 15 Jan 2024, (12:0|11:5)\d to/);
    expect(await page.locator('#readout').textContent()).toBe('');
    const wide = rangeOf(page);
    expect(Math.abs(wide.lengthMs - 6 * 3_600_000)).toBeLessThan(15 * 60_000);
    // Nothing moves while the answer is on its way.
    await expect.poll(() => page.locator('#app').getAttribute('aria-busy')).toBe(null);
    await drag(page, 0.2, 0.206);
    await expect.poll(() => rangeOf(page).lengthMs).toBeLessThan(10 * 60_000);
    expect(rangeOf(page).lengthMs).toBeGreaterThanOrEqual(5 * 60_000);
    expect(rangeOf(page).fromMs % 60_000).toBe(0);
    await page.goBack();
    await expect.poll(() => rangeOf(page)).toEqual(wide);
    await page.goBack();
    await waitForTitle(page, DAY_TITLE);
    await page.goForward();
    await expect.poll(() => page.locator('#chart-title').textContent()).toMatch(/ to /);
    await finish();
  });

  it('by keys to an hour, and out by Escape, Backspace and a double click', async () => {
    const { page, finish } = await openDay();
    await page.locator('#chart').focus();
    await page.keyboard.press('End');
    expect(await page.locator('#readout').textContent()).toMatch(/23:59: .*bpm/);
    for (let i = 0; i < 12; i += 1) await page.keyboard.press('PageUp');
    await page.keyboard.press('Enter');
    await waitForTitle(page, 'ana, 15 Jan 2024, 21:29 to 15 Jan 2024, 22:29');
    expect(await page.locator('#readout').textContent()).toBe('');
    await page.keyboard.press('Escape');
    await waitForTitle(page, DAY_TITLE);
    await page.keyboard.press('Backspace');
    await waitForTitle(page, 'ana, January 2024');
    const { x, middle } = await placeOf(page);
    await page.mouse.dblclick(x + 100, middle);
    await waitForTitle(page, 'ana, 2024');
    await finish();
  });

  it('with a finger', async () => {
    const { page, finish } = await openDay({ viewport: { width: 360, height: 800 }, hasTouch: true, isMobile: true });
    const { x, width, middle: y } = await placeOf(page);
    const fingers = await page.context().newCDPSession(page);
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', share?: number) =>
      fingers.send('Input.dispatchTouchEvent', {
        type,
        touchPoints: share === undefined ? [] : [{ x: x + share * width, y }],
      });
    await touch('touchStart', 0.5);
    for (const share of [0.55, 0.6, 0.7, 0.75]) await touch('touchMove', share);
    await touch('touchEnd');
    await expect.poll(() => page.url()).toContain('range=custom');
    expect(Math.abs(rangeOf(page).lengthMs - 6 * 3_600_000)).toBeLessThan(30 * 60_000);
    await finish();
  });
});
