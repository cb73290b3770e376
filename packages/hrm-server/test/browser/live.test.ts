import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compact, writePart } from 'hrm-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { post, startTest, temporaryDirectory, wireReading } from '../support.js';
import { launch, openPage, readings, viewUrl, violations } from './browser.js';
import { startFront } from './front.js';

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const HOUR_MS = 3_600_000;

/** An hour before and after now, live: whatever time it is, no day ends in it. */
function aroundNow(url: string): string {
  const at = (ms: number) => new Date(ms).toISOString().slice(0, 16);
  const [from, to] = [at(Date.now() - HOUR_MS), at(Date.now() + HOUR_MS)];
  return viewUrl(url, { user: 'ana', range: 'custom', from, to, live: 'yes' });
}

async function accept(url: string, heartRate: number): Promise<void> {
  const reading = wireReading({ timestamp: new Date().toISOString(), heart_rate: heartRate });
  expect((await post(`${url}/metrics/heart-rate`, reading)).status).toBe(202);
}

const textOf = (page: Page, id: string) => page.locator(`#${id}`).textContent();

describe('the live view', () => {
  it.each(['connection', 'server'] as const)(
    'goes on when the %s is back: what was accepted meanwhile appears, and nothing twice',
    async (what) => {
      // Nothing is stored, so that all that is seen was heard.
      const first = await startTest({ live: { retryMs: 100 } });
      let isDown = false;
      const front = await startFront(first.url, () => (isDown ? { bytes: 0 } : null));
      const { page, finish } = await openPage(browser, front.url);
      await page.goto(aroundNow(front.url));
      await expect.poll(() => textOf(page, 'now')).toBe('Listening…');
      await accept(first.url, 91);
      await expect.poll(() => textOf(page, 'summary')).toMatch(/Readings1$/);
      isDown = true;
      front.breakAll();
      await expect.poll(() => textOf(page, 'now')).toContain('Connection lost');
      let { url } = first;
      if (what === 'server') {
        await first.service.close();
        const { dataDir, queueDir } = first.settings;
        ({ url } = await startTest({ live: { retryMs: 100 }, flags: { dataDir, queueDir } }));
        front.handTo(url);
      }
      await accept(url, 92);
      await accept(url, 93);
      isDown = false;
      await expect.poll(() => textOf(page, 'now')).toMatch(/^93 bpm now/);
      await expect.poll(() => textOf(page, 'summary')).toMatch(/^Mean92.0 bpm.*Readings3$/);
      await accept(url, 94);
      await expect.poll(() => textOf(page, 'summary')).toMatch(/^Mean92.5 bpm.*Readings4$/);
      await finish();
    },
  );

  it('says how old the newest reading is, and lets no late one be it', async () => {
    const { url } = await startTest();
    const { page, finish } = await openPage(browser, url);
    await page.goto(aroundNow(url));
    await expect.poll(() => textOf(page, 'now')).toBe('Listening…');
    const at = (agoMs: number) => new Date(Date.now() - agoMs).toISOString();
    const send = (agoMs: number, heartRate: number) =>
      post(`${url}/metrics/heart-rate`, wireReading({ timestamp: at(agoMs), heart_rate: heartRate }));
    await send(50 * HOUR_MS, 54);
    await expect.poll(() => textOf(page, 'now')).toMatch(/^54 bpm 2 days ago, watch, \d+ \w+ \d{4}/);
    await send(HOUR_MS + 90_000, 55);
    await expect.poll(() => textOf(page, 'now')).toMatch(/^55 bpm 1 h 01 min ago, watch, \d\d:\d\d:\d\d$/);
    await send(0, 66);
    await expect.poll(() => textOf(page, 'now')).toMatch(/^66 bpm now/);
    await send(HOUR_MS / 2, 77);
    await expect.poll(() => textOf(page, 'summary')).toMatch(/Readings2$/);
    expect(await textOf(page, 'now')).toMatch(/^66 bpm now/);
    await finish();
  });

  it('shows an alert while it is open, to who comes later too, and none of another user', async () => {
    const rules = join(await temporaryDirectory(), 'rules.json');
    await writeFile(rules, '{"version":1,"rules":[{"name":"fast","kind":"above","bpm":120,"minutes":2}]}');
    const flags = { alertsFile: rules, batchMaxAgeMs: '100' };
    const { url } = await startTest({ parts: ['api', 'consumer'], flags });
    const { page, finish } = await openPage(browser, url, { bypassCSP: true });
    const send = async (rate: number, ...ago: number[]) => {
      const body = ago.map((minutes) => {
        const timestamp = new Date(Date.now() - minutes * 60_000).toISOString();
        return wireReading({ timestamp, heart_rate: rate });
      });
      expect((await post(`${url}/metrics/heart-rate/batch`, body)).status).toBe(202);
    };
    await page.goto(aroundNow(url));
    await expect.poll(() => textOf(page, 'now')).toBe('Listening…');
    expect(await page.locator('#alerts').isVisible()).toBe(false);
    await send(150, 6, 5, 4);
    const said = /^Alert “fast”: above its limit, since \d\d:\d\d:\d\d$/;
    await expect.poll(() => textOf(page, 'alerts')).toMatch(said);
    expect(await page.locator('#alerts').getAttribute('role')).toBe('status');
    expect(await violations(page)).toEqual([]);
    await page.reload();
    await expect.poll(() => textOf(page, 'alerts')).toMatch(said);
    // Side by side with another user, each has their own.
    const wall = await openPage(browser, url, { locale: 'es-ES' });
    await wall.page.goto(`${url}/live#user=ana&user=ben`);
    await expect
      .poll(() => wall.page.locator('.tile .alerts').allTextContents())
      .toEqual([expect.stringMatching(/^Alerta «fast»: .*, desde \d\d?:\d\d:\d\d$/), '']);
    await page.locator('#user').fill('ben');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('#alerts').isVisible()).toBe(false);
    await page.goBack();
    await expect.poll(() => textOf(page, 'alerts')).toMatch(said);
    await send(60, 3);
    await expect.poll(() => page.locator('#alerts').isVisible()).toBe(false);
    await expect.poll(() => wall.page.locator('.tile .alerts').first().textContent()).toBe('');
    await wall.finish();
    await finish();
  });

  it('lets a part be chosen while readings come in', async () => {
    const { url } = await startTest();
    const { page, finish } = await openPage(browser, url);
    await page.goto(aroundNow(url));
    await expect.poll(() => textOf(page, 'now')).toBe('Listening…');
    await page.locator('#chart').scrollIntoViewIfNeeded();
    const box = await page.locator('#chart .u-over').boundingBox();
    const { x = 0, y = 0, width = 0 } = box ?? {};
    await page.mouse.move(x + 0.25 * width, y + 50);
    await page.mouse.down();
    await page.mouse.move(x + 0.5 * width, y + 50);
    await accept(url, 91);
    await expect.poll(() => textOf(page, 'summary')).toMatch(/Readings1$/);
    await page.mouse.move(x + 0.75 * width, y + 50);
    const before = page.url();
    await page.mouse.up();
    await expect.poll(() => page.url()).not.toBe(before);
    const said = new URLSearchParams(new URL(page.url()).hash.slice(1));
    const lengthMs = Date.parse(said.get('to') ?? '') - Date.parse(said.get('from') ?? '');
    expect(Math.abs(lengthMs - HOUR_MS)).toBeLessThan(5 * 60_000);
    await finish();
  });

  it('counts no reading of now into another day', async () => {
    const { url, storage } = await startTest();
    await writePart({ storage }, readings('ana', 1));
    await compact({ storage }, { all: true });
    const { page, finish } = await openPage(browser, url);
    await page.goto(viewUrl(url, { user: 'ana', range: 'day', from: '2024-01-15T00:00', live: 'yes' }));
    await expect.poll(() => textOf(page, 'summary')).toMatch(/Readings8,\d{3}$/);
    await expect.poll(() => textOf(page, 'now')).not.toContain('Connecting');
    const before = await textOf(page, 'summary');
    // The next drawing has another one.
    await page.evaluate("document.querySelector('#chart canvas').id = 'old'");
    await accept(url, 199);
    await expect.poll(() => page.locator('#old').count()).toBe(0);
    expect(await textOf(page, 'now')).toMatch(/^199 bpm now/);
    expect(await textOf(page, 'summary')).toBe(before);
    await finish();
  });

  it('goes on to the new day at midnight, and stays in another day', async () => {
    const { url } = await startTest();
    const { page, finish } = await openPage(browser, url);
    await page.clock.install({ time: '2024-01-16T23:59:45Z' });
    await page.goto(viewUrl(url, { user: 'ana', range: 'day', live: 'yes' }));
    await expect.poll(() => textOf(page, 'chart-title')).toBe('ana, Tuesday, 16 January 2024');
    await page.clock.fastForward(40_000);
    await expect.poll(() => textOf(page, 'chart-title')).toBe('ana, Wednesday, 17 January 2024');
    expect(page.url()).toContain('from=2024-01-17T00');
    await page.getByRole('button', { name: 'Previous' }).click();
    await expect.poll(() => textOf(page, 'chart-title')).toBe('ana, Tuesday, 16 January 2024');
    const asked = page.waitForRequest(/metrics\/heart-rate\?.*start=/);
    await page.clock.fastForward(40_000);
    expect((await asked).url()).toContain('start=2024-01-16');
    await finish();
  });
});
