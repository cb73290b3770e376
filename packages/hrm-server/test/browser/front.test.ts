import { writePart } from 'hrm-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTest } from '../support.js';
import { launch, openPage, readings, viewUrl, violations } from './browser.js';
import { startFront } from './front.js';

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const HEALTH = { status: 'degraded', checks: { service: 'healthy', queue: 'nobody consumes', storage: 'healthy' } };
const SYSTEM = {
  health: HEALTH,
  queue: { readings: 1_234, claimed_readings: 500, dead_letters: 2, oldest_age_ms: 7_260_000, high_water: 5_000_000 },
  files: {
    files: 34,
    bytes: 1_572_864,
    partitions: 12,
    compacted_files: 10,
    shared_parts: 1,
    most_files_of_a_day: 7,
    without_rollup: 0,
    users: 3,
    days: 4,
    first_date: '20240115',
    last_date: '20240118',
    counted_at: '2026-03-12T10:00:00Z',
  },
  queue_history: [
    { at: '2026-03-12T09:58:00Z', readings: 9_876, claimed_readings: 0, dead_letters: 0, oldest_age_ms: null },
    { at: '2026-03-12T09:59:00Z', readings: 10, claimed_readings: 0, dead_letters: 2, oldest_age_ms: 1_000 },
  ],
  dead_letters: {
    counted: 2,
    reasons: [{ code: 'not_json', count: 2, oldest_at: '2026-03-12T09:58:30Z', newest_at: '2026-03-12T09:58:40Z' }],
    counted_at: '2026-03-12T09:59:00Z',
  },
  processes: {
    processes: [
      {
        ...{ parts: ['api', 'consumer'], version: '9.9.9', host: 'here', pid: 17, state: 'running', answers: true },
        ...{ started_at: '2026-03-12T08:00:00Z', last_seen_at: '2026-03-12T09:59:50Z' },
      },
      {
        ...{ parts: ['compacter'], version: '9.9.8', host: 'there', pid: 4, state: 'gone', answers: false },
        ...{ started_at: '2026-03-12T07:00:00Z', last_seen_at: '2026-03-12T09:55:00Z' },
      },
    ],
    left_off: 3,
    looked_at: '2026-03-12T10:00:00Z',
  },
  alerts: { open: 5, untold: 0, failed: 1, counted_at: '2026-03-12T10:00:00Z' },
  compaction: null,
  space: [{ place: 'storage', free_bytes: 5 * 1024 ** 3, total_bytes: 20 * 1024 ** 3 }],
  process: { version: '9.9.9', parts: ['api', 'consumer'], started_at: '2026-03-12T08:00:00Z' },
};

/** What is there once the page's pause between two looks is over. */
async function afterPause<T>(page: Page, look: () => T | Promise<T>): Promise<T> {
  await page.clock.fastForward(5_000);
  return await look();
}

describe('the pages before a server that answers', () => {
  it.each(['light', 'dark'] as const)(
    'all of /system: queue, files, compaction and process, in %s',
    async (colorScheme) => {
      const { url: real } = await startTest();
      let looks = 0;
      const { url } = await startFront(real, (path) => {
        if (path === '/health') return { status: 200, body: HEALTH };
        if (path !== '/system') return null;
        looks += 1;
        return { status: 200, body: SYSTEM };
      });
      const look = { colorScheme, viewport: { width: 360, height: 800 }, bypassCSP: true };
      const { page, finish } = await openPage(browser, url, look);
      await page.clock.install();
      await page.goto(`${url}/status`);
      await page.getByText('Degraded').waitFor();
      for (const text of [
        'nobody consumes',
        '1,234',
        '1.6 MB',
        'Nothing known yet',
        '5.4 GB',
        '2 h 01 min',
        '2024-01-15',
        'api, consumer',
        'here, 17 (answers here)',
        'silent: last heard 5 min ago',
        '3 more are not shown.',
        'not_json',
        'hrm dlq list',
        'hrm alerts retry',
      ]) {
        await page.getByText(text, { exact: text !== '3 more are not shown.' }).waitFor();
      }
      // What the server remembers of before the page was opened.
      expect(await page.locator('#most-readings').textContent()).toMatch(/^9,876 at most; more .* 5,000,000/);
      expect(await page.locator('#queue canvas').count()).toBe(4);
      expect(await violations(page)).toEqual([]);
      await expect.poll(() => afterPause(page, () => looks)).toBeGreaterThan(1);
      await finish();
    },
  );

  it.each([
    [429, 'rate_limited', 'Too many requests with this API key: try again in 7 s.'],
    [503, 'queue_unavailable', 'The service cannot answer now: try again in 7 s.'],
  ])('%i, and says what to do', async (status, code, said) => {
    const { url: real } = await startTest();
    let isRefusing = true;
    const { url } = await startFront(real, (path) => {
      if (path !== '/metrics/heart-rate' || !isRefusing) return null;
      return { status, headers: { 'Retry-After': '7' }, body: { code, detail: 'no' } };
    });
    const { page, finish } = await openPage(browser, url);
    await page.goto(`${url}/#user=ana`);
    await page.getByRole('alert').getByText(said).waitFor();
    isRefusing = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('No readings in this range.').waitFor();
    expect(await page.locator('#message').isVisible()).toBe(false);
    await finish();
  });

  it.each([
    [{ status: 403, body: { code: 'foreign_user', detail: 'no' } }, 'This API key may not see this user.', false],
    [{ status: 503, body: { code: 'storage_unavailable', detail: 'no' } }, 'The service cannot answer now', true],
    [{ bytes: 5_000 }, 'The server cannot be reached, or the connection broke: is it running?', true],
    [{ bytes: 0 }, 'The server cannot be reached, or the connection broke: is it running?', true],
  ])('nothing of the user before is left: %o', async (answer, said, canRetry) => {
    const { url: real, storage } = await startTest();
    await writePart({ storage }, [...readings('ana', 1), ...readings('ben', 1)]);
    let isBroken = false;
    const { url } = await startFront(real, (path) => (isBroken && path === '/metrics/heart-rate' ? answer : null));
    const { page, finish } = await openPage(browser, url);
    await page.goto(viewUrl(url, { user: 'ana', range: 'day', from: '2024-01-15T00:00' }));
    await page.getByText('As a table').click();
    await expect.poll(() => page.locator('#zones').textContent()).toContain('Light');
    await page.locator('#chart').focus();
    await page.keyboard.press('Home');
    isBroken = true;
    await page.getByRole('combobox', { name: 'User' }).fill('ben');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText(said).waitFor();
    expect(await page.locator('#chart-title').textContent()).toBe('ben');
    for (const id of ['summary', 'zones', 'table-body', 'readout', 'chart', 'chart-note'])
      expect([id, await page.locator(`#${id}`).textContent()]).toEqual([id, '']);
    expect(await page.locator('#devices input').count()).toBe(0);
    isBroken = false;
    const retry = page.getByRole('button', { name: 'Try again' });
    expect(await retry.count()).toBe(canRetry ? 1 : 0);
    if (canRetry) {
      await retry.click();
      await expect.poll(() => page.locator('#summary').textContent()).toMatch(/bpm/);
      expect(await page.locator('#chart-title').textContent()).toMatch(/^ben, Monday/);
    }
    await finish();
  });

  it('a server that looks long, and answers a client one question about users at a time, is never asked two', async () => {
    const { url, storage } = await startTest();
    await writePart({ storage }, readings('ana', 2, 60_000));
    const { page, finish } = await openPage(browser, url);
    let looking = 0;
    await page.route(/\/users(?:\?|\/ana\/(?:days|devices|latest))/, async (route) => {
      if (looking > 0) {
        await route.fulfill({
          status: 503,
          contentType: 'application/json',
          body: '{"code":"too_busy","detail":"no"}',
        });
        return;
      }
      looking += 1;
      await new Promise((resolve) => setTimeout(resolve, 300));
      looking -= 1;
      // Who went away meanwhile is not answered.
      await route.continue().catch(() => undefined);
    });
    await page.goto(
      viewUrl(url, { user: 'ana', range: 'week', from: '2024-01-15T00:00', compare: 'before', live: 'yes' }),
    );
    await expect.poll(() => page.locator('.bars a').count()).toBe(7);
    await expect.poll(() => page.locator('#comparison').textContent()).toContain('2 such days, and 0.');
    await expect.poll(() => page.locator('#summary').textContent()).toMatch(/bpm/);
    expect(await page.locator('#message').isVisible()).toBe(false);
    await finish();
  });

  it('what is refused is told, also where other answers come later', async () => {
    const { url, storage } = await startTest();
    await writePart({ storage }, readings('ana', 1, 60_000));
    const { page, finish } = await openPage(browser, url);
    await page.route('**/users/ana/days?**', (route) =>
      route.fulfill({ status: 503, contentType: 'application/json', body: '{"code":"too_busy","detail":"no"}' }),
    );
    await page.route('**/metrics/heart-rate?**', async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      await route.continue().catch(() => undefined);
    });
    await page.goto(viewUrl(url, { user: 'ana', range: 'day', from: '2024-01-15T00:00' }));
    const message = page.getByRole('alert').getByText('The service cannot answer now');
    await message.waitFor();
    await page.waitForTimeout(1_500);
    expect(await message.isVisible()).toBe(true);
    expect(await page.locator('#chart-title').textContent()).toBe('ana');
    await page.unroute('**/users/ana/days?**');
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect.poll(() => page.locator('#chart-title').textContent()).toMatch(/^ana, Monday/);
    await expect.poll(() => page.locator('.figures dd').count()).toBe(6);
    expect(await page.locator('#message').isVisible()).toBe(false);
    await finish();
  });

  it('a server that is down is not healthy any more, and is again when it is back', async () => {
    const { url: real } = await startTest();
    let isDown = false;
    const front = await startFront(real, () => (isDown ? { bytes: 0 } : null));
    const { page, finish } = await openPage(browser, front.url);
    await page.clock.install();
    await page.goto(`${front.url}/status`);
    await expect.poll(() => page.locator('#health').textContent()).toContain('Healthy');
    isDown = true;
    front.breakAll();
    const health = () => afterPause(page, () => page.locator('#health').textContent());
    await expect.poll(health).toBe('? Unknown');
    expect(await page.locator('#health').getAttribute('class')).toBe('health muted');
    expect(await page.locator('#as-of').textContent()).toMatch(/^last seen \d\d:\d\d:\d\d/);
    expect(await page.locator('#details').getAttribute('class')).toContain('stale');
    isDown = false;
    await expect.poll(health).toContain('Healthy');
    await expect.poll(() => page.locator('.stale').count()).toBe(0);
    await finish();
  });
});
