import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { compact, writePart } from 'hrm-core';
import { createKey } from 'hrm-core/keys';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { post, startShared, startTest, type TestService, temporaryDirectory, wireReading } from '../support.js';
import { launch, openPage, readings, viewUrl, violations } from './browser.js';

let browser: Browser;
/** Has three days of readings; for tests that only look. */
let shared: Awaited<ReturnType<typeof startShared>>;
beforeAll(async () => {
  [browser, shared] = await Promise.all([launch(), startShared()]);
  await fill(shared);
});
afterAll(() => Promise.all([browser.close(), shared.end()]));

const DAY = { user: 'ana', range: 'day', from: '2024-01-16T00:00' };

async function fill({ storage }: TestService, days = 3, everyMs = 10_000): Promise<void> {
  await writePart({ storage }, readings('ana', days, everyMs));
  await compact({ storage }, { all: true });
}

async function startWithReadings(options: Parameters<typeof startTest>[0] = {}) {
  const service = await startTest(options);
  await fill(service, 3, 60_000);
  return service;
}

describe('the dashboard', () => {
  it('shows a day: a user is entered, chart, devices, summary, zones and table are there', async () => {
    const { url } = shared;
    const { page, finish } = await openPage(browser, url);
    await page.goto(url);
    await page.getByRole('combobox', { name: 'User' }).fill('ana');
    await page.getByLabel('From', { exact: true }).fill('2024-01-16T00:00');
    await page.getByLabel('To, not included').fill('2024-01-17T00:00');
    // What is typed is meant, whatever control is used.
    await expect.poll(() => page.locator('#chart-title').textContent()).toContain('ana, 16 Jan');
    await expect.poll(() => page.locator('#summary').textContent()).toMatch(/8,2\d\d/);
    expect(await page.locator('#chart canvas').count()).toBeGreaterThan(0);
    expect(page.url()).toContain('#user=ana');
    await page.getByRole('checkbox', { name: 'chest_strap' }).check();
    await expect.poll(() => page.url()).toContain('device=chest_strap');
    await expect.poll(() => page.locator('#zones').textContent()).toMatch(/Moderate.*min/);
    await page.getByText('As a table').click();
    await expect.poll(() => page.locator('#table-body tr').count()).toBeGreaterThan(100);
    await finish();
  });

  it('draws no line over a gap', async () => {
    const { url } = shared;
    const { page, finish } = await openPage(browser, url);
    await page.goto(viewUrl(url, { ...DAY, range: 'custom', from: '2024-01-16T12:00', to: '2024-01-16T15:00' }));
    await expect.poll(() => page.locator('#chart-title').textContent()).toContain('ana');
    await page.locator('#chart').focus();
    // To 13:30, where there are no readings.
    await page.keyboard.press('Home');
    for (let i = 0; i < 9; i += 1) await page.keyboard.press('PageDown');
    expect(await page.locator('#readout').textContent()).toMatch(/13:3\d.*no readings/);
    await finish();
  });

  it('shows a year within a second or so, and a month, and a day of it by the keyboard alone', async () => {
    const service = await startTest();
    await fill(service, 120, 900_000);
    const { url } = service;
    const { page, finish } = await openPage(browser, url);
    await page.goto(url);
    await page.keyboard.press('Tab');
    for (let i = 0; i < 20 && !(await page.evaluate("document.activeElement?.id === 'user'")); i += 1)
      await page.keyboard.press('Tab');
    await page.keyboard.type('ana');
    await page.keyboard.press('Enter');
    await page.goto(viewUrl(url, { user: 'ana', range: 'year', from: '2024-06-01T00:00' }));
    await expect.poll(() => page.locator('#chart-title').textContent()).toContain('2024');
    await expect.poll(() => page.locator('#summary').textContent()).toMatch(/Readings1\d,\d{3}/);
    await page.locator('#chart').focus();
    await page.keyboard.press('Home');
    for (let i = 0; i < 10; i += 1) await page.keyboard.press('ArrowRight');
    for (let i = 0; i < 5; i += 1) await page.keyboard.press('PageDown');
    expect(await page.locator('#readout').textContent()).toMatch(/bpm/);
    await page.keyboard.press('Enter');
    await expect.poll(() => page.url()).toContain('range=month');
    await expect.poll(() => page.locator('#chart-title').textContent()).toContain('Mar');
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.url()).toContain('range=day');
    await finish();
  });

  it('shows readings as they are accepted', async () => {
    const { url } = await startWithReadings({ parts: ['api', 'consumer'], flags: { batchMaxAgeMs: '100' } });
    const { page, finish } = await openPage(browser, url);
    await page.goto(viewUrl(url, { user: 'ana', range: 'day' }));
    await page.getByRole('button', { name: 'Live' }).click();
    await expect.poll(() => page.locator('#now').textContent()).toMatch(/days ago|Listening/);
    let heartRate = 90;
    const heard = async () => {
      heartRate += 1;
      const reading = wireReading({ timestamp: new Date().toISOString(), heart_rate: heartRate });
      expect((await post(`${url}/metrics/heart-rate`, reading)).status).toBe(202);
      return await page.locator('#now').textContent();
    };
    await expect.poll(heard, { interval: 500 }).toMatch(/^9\d bpm now, watch/);
    await expect.poll(() => page.locator('#announcer').textContent()).toMatch(/9\d beats a minute, watch/);
    await expect.poll(() => page.locator('#summary').textContent()).toMatch(/bpm/);
    await finish();
  });

  it.each([
    [
      'holds nonsense',
      "for (const area of [sessionStorage, localStorage]) for (const item of ['hrm-users', 'hrm-max-rate']) area.setItem(item, '{')",
    ],
    [
      'holds other values',
      "sessionStorage.setItem('hrm-users', '{\"a\":1}'); localStorage.setItem('hrm-max-rate', '[]')",
    ],
    [
      'is blocked',
      "for (const area of ['sessionStorage', 'localStorage']) Object.defineProperty(window, area, { get() { throw new DOMException('no', 'SecurityError') } })",
    ],
    ['is full', "Storage.prototype.setItem = () => { throw new DOMException('no', 'QuotaExceededError') }"],
  ])('works where the storage of the browser %s', async (_, script) => {
    const { url } = shared;
    const { page, finish } = await openPage(browser, url);
    await page.addInitScript(script);
    await page.goto(viewUrl(url, DAY));
    await expect.poll(() => page.locator('#summary').textContent()).toMatch(/bpm/);
    await page.getByRole('combobox', { name: 'User' }).fill('nobody');
    await page.keyboard.press('Enter');
    await page.getByText('No readings in this range.').waitFor();
    await finish();
  });

  it('asks for a key where one is needed, keeps it out of every address, and says what it may not', async () => {
    const keysFile = join(await temporaryDirectory(), 'keys.json');
    const input = { name: 'of ana', scopes: ['query'] as const, expiresMs: null };
    const { token } = await createKey(keysFile, { ...input, userIds: ['ana'] });
    const { url } = await startWithReadings({ keysFile });
    const { page, finish } = await openPage(browser, url, {}, token);
    await page.goto(viewUrl(url, DAY));
    // The first of them cannot be sent as one.
    for (const wrong of ['hrm wröng', 'hrm_wrong']) {
      const field = page.getByRole('textbox', { name: 'API key' });
      await field.fill(wrong);
      await page.keyboard.press('Enter');
      // It is asked for again.
      await expect.poll(() => field.inputValue()).toBe('');
      await page.getByRole('alert').getByText('There is no such API key, or it has ended.').waitFor();
      expect(await page.locator('#app').isVisible()).toBe(false);
    }
    await page.getByRole('textbox', { name: 'API key' }).fill(token);
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('#chart-title').textContent()).toContain('ana');
    await page.reload();
    await expect.poll(() => page.locator('#summary').textContent()).toMatch(/bpm/);
    await page.getByRole('combobox', { name: 'User' }).fill('ben');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('#message').textContent()).toMatch(/user/i);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await expect.poll(() => page.getByRole('textbox', { name: 'API key' }).isVisible()).toBe(true);
    expect(await page.evaluate('JSON.stringify(sessionStorage) + JSON.stringify(localStorage)')).not.toContain(token);
    await finish();
  });
});

describe('the system page', () => {
  it('shows health, queue, files, compaction and room, and what is wrong', async () => {
    const { url, queue } = await startWithReadings({ parts: ['api', 'compacter'], flags: { compactEveryMs: '100' } });
    await queue.push([{ bytes: Buffer.from(JSON.stringify(wireReading())), readings: 3 }]);
    const { page, finish } = await openPage(browser, url);
    await page.goto(`${url}/status`);
    await expect.poll(() => page.locator('#health').textContent()).toBe('✓ Healthy');
    await expect.poll(() => page.locator('#now-readings').textContent()).toBe('3');
    await expect.poll(() => page.locator('#files').textContent()).toContain('Compacted files');
    await expect.poll(() => page.locator('#compaction').textContent()).toContain('Failures');
    expect(await page.locator('#space').textContent()).toMatch(/[GT]B/);
    await finish();
  });
});

describe('for everybody', () => {
  const looks = [
    { colorScheme: 'light', viewport: { width: 1200, height: 800 } },
    { colorScheme: 'dark', viewport: { width: 1200, height: 800 } },
    { colorScheme: 'light', viewport: { width: 360, height: 740 } },
    { colorScheme: 'dark', viewport: { width: 360, height: 740 } },
  ] as const;

  it.each(looks)('nothing that axe knows is wrong: $colorScheme, $viewport.width px', async (look) => {
    const { url } = shared;
    // Axe is put into the page, which the page's own policy forbids.
    const { page, finish } = await openPage(browser, url, { ...look, bypassCSP: true });
    // Rows of a table are alike: axe takes its time for each.
    const hours = { ...DAY, range: 'custom', from: '2024-01-16T17:00', to: '2024-01-16T18:00' };
    await page.goto(viewUrl(url, { ...hours, device: 'watch' }));
    await expect.poll(() => page.locator('#zones').textContent()).toContain('Moderate');
    await page.getByText('As a table').click();
    expect(await violations(page)).toEqual([]);
    const isScrolledSideways = 'document.documentElement.scrollWidth > document.documentElement.clientWidth';
    expect(await page.evaluate(isScrolledSideways)).toBe(false);
    for (const path of ['/status', '/docs']) {
      await page.goto(url + path);
      expect(await page.getByRole('link', { name: 'Heart rate' }).getAttribute('href')).toBe('./');
      if (path === '/status')
        await expect.poll(() => page.locator('#files').textContent()).toContain('Compacted files');
      expect(await violations(page)).toEqual([]);
      expect({ path, isSideways: await page.evaluate(isScrolledSideways) }).toEqual({ path, isSideways: false });
    }
    await finish();
  });

  it('that somebody has to sign in is no hindrance either', async () => {
    const keysFile = join(await temporaryDirectory(), 'keys.json');
    await createKey(keysFile, { name: 'k', scopes: ['admin'], userIds: null, expiresMs: null });
    const { url } = await startTest({ keysFile });
    const { page, finish } = await openPage(browser, url, { bypassCSP: true });
    await page.goto(url);
    await expect.poll(() => page.getByRole('textbox', { name: 'API key' }).isVisible()).toBe(true);
    expect(await violations(page)).toEqual([]);
    await finish();
  });

  it('all files of the pages together take no more than 120 kB of a connection', async () => {
    const directory = fileURLToPath(new URL('../../dist/dashboard/', import.meta.url));
    const sizes = (await readdir(directory)).map(
      (name) => gzipSync(readFileSync(directory + name), { level: 9 }).byteLength,
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(120_000);
  });

  it('the pages hold to their policy, are kept by their tag, and are for GET and HEAD', async () => {
    const { url } = await startTest();
    const pages = ['/', '/live', '/status', '/live-device', '/import'];
    const assets = await readdir(fileURLToPath(new URL('../../dist/dashboard', import.meta.url)));
    const files = assets.filter((name) => !name.endsWith('.html')).map((name) => `/assets/${name}`);
    expect(files.length).toBeGreaterThan(pages.length);
    for (const path of [...pages, ...files]) {
      const response = await fetch(url + path);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'/);
      const etag = response.headers.get('etag') ?? '';
      expect((await fetch(url + path, { headers: { 'If-None-Match': etag } })).status).toBe(304);
      expect((await fetch(url + path, { method: 'POST' })).status).toBe(405);
      expect(await response.text()).not.toMatch(/https?:\/\/(?!www\.w3\.org|localhost:8000,)/);
    }
  });
});
