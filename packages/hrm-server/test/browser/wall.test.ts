/** The live view of several: what it shows is what was accepted, and what the API answers once that is stored. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomFrom, testSeed } from '../../../hrm-core/test/support/random.js';
import { post, startTest } from '../support.js';
import { launch, openPage, violations } from './browser.js';

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

interface Sent {
  readonly user_id: string;
  readonly device_id: string;
  readonly timestamp: string;
  readonly heart_rate: number;
}

function wallUrl(url: string, userIds: readonly string[]): string {
  return `${url}/live#${new URLSearchParams(userIds.map((userId): [string, string] => ['user', userId]))}`;
}

/** Of some minutes: out of order, late, and devices at the same millisecond. */
function inventReadings(userIds: readonly string[], next: () => number): Sent[] {
  const nowMs = Date.now();
  return Array.from({ length: 40 * userIds.length }, (_, i) => {
    // Minutes are left until the first are too old to be shown, also on a busy machine.
    const atMs = nowMs - Math.floor(next() * 120) * 1_000;
    const device = ['watch', 'ring', 'strap'][Math.floor(next() * 3)] ?? '';
    const user = userIds[i % userIds.length] ?? '';
    return {
      user_id: user,
      device_id: device,
      timestamp: new Date(atMs).toISOString(),
      heart_rate: 50 + Math.floor(next() * 100),
    };
  });
}

/** Of a device the greatest at a millisecond, of devices the one with the least name. */
function naive(sent: readonly Sent[], userId: string) {
  const best = new Map<string, Sent>();
  for (const one of sent.filter(({ user_id: user }) => user === userId)) {
    const other = best.get(one.timestamp);
    const isSame = other?.device_id === one.device_id;
    if (other === undefined || one.device_id < other.device_id || (isSame && one.heart_rate > other.heart_rate))
      best.set(one.timestamp, one);
  }
  const counting = [...best.values()].sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp));
  const rates = counting.map(({ heart_rate: rate }) => rate);
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  return { newest: counting.at(-1), count: rates.length, min: Math.min(...rates), max: Math.max(...rates), mean };
}

function stripText({ min, max, mean, count }: ReturnType<typeof naive>): string {
  const rounded = (Math.round(100 * mean) / 100).toLocaleString('en-GB', {
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
  });
  return `The last 5 minutes: ${min} to ${max} bpm, mean ${rounded}, readings: ${count}`;
}

async function seen(page: Page) {
  const [figures, ages, strips] = await Promise.all(
    ['.figure strong', '.age', '.strip-note'].map((part) => page.locator(`.tile ${part}`).allTextContents()),
  );
  return (figures ?? []).map((figure, i) => [figure, ages?.[i]?.split(', ')[1], strips?.[i]]);
}

describe('the live view of several', () => {
  it('shows what the API answers once it is stored, of more users than there are connections, also after a reload', async () => {
    const { url } = await startTest({ parts: ['api', 'consumer'], flags: { batchMaxAgeMs: '100' } });
    const next = randomFrom(testSeed());
    const userIds = ['ana', 'ben', 'cai', 'dee', 'eva', 'fay', 'gil'];
    const { page, finish } = await openPage(browser, url, { bypassCSP: true });
    await page.goto(wallUrl(url, userIds));
    await expect.poll(() => page.locator('.tile').count()).toBe(userIds.length);
    const sent = inventReadings(userIds, next);
    for (let at = 0; at < sent.length; at += 35) {
      const body = sent.slice(at, at + 35);
      expect((await post(`${url}/metrics/heart-rate/batch`, body)).status).toBe(202);
    }
    const expected = userIds.map((userId) => {
      const figures = naive(sent, userId);
      return [String(figures.newest?.heart_rate), figures.newest?.device_id, stripText(figures)];
    });
    await expect.poll(() => seen(page)).toEqual(expected);
    // What is stored is the same, for the API and for who comes anew.
    const start = new Date(Date.now() - 600_000).toISOString();
    const end = new Date(Date.now() + 60_000).toISOString();
    for (const userId of userIds) {
      const { count } = naive(sent, userId);
      const counted = async () => {
        const answer = await fetch(`${url}/metrics/heart-rate?${new URLSearchParams({ user_id: userId, start, end })}`);
        const { data } = (await answer.json()) as { data: { count: number }[] };
        return data.reduce((sum, row) => sum + row.count, 0);
      };
      await expect.poll(counted).toBe(count);
    }
    await page.reload();
    await expect.poll(() => seen(page)).toEqual(expected);
    expect(await violations(page)).toEqual([]);
    await finish();
  });

  it('adds users up to 12, removes them, keeps them in the address, and a late reading is not now', async () => {
    const { url } = await startTest({ parts: ['api', 'consumer'], flags: { batchMaxAgeMs: '100' } });
    const { page, finish } = await openPage(browser, url, { viewport: { width: 360, height: 740 }, bypassCSP: true });
    const send = (agoMs: number, rate: number) => {
      const timestamp = new Date(Date.now() - agoMs).toISOString();
      return post(`${url}/metrics/heart-rate`, { user_id: 'ana', device_id: 'watch', timestamp, heart_rate: rate });
    };
    await send(130_000, 61);
    await page.goto(`${url}/live`);
    await page.getByRole('combobox', { name: 'User' }).fill('ana');
    await page.getByRole('button', { name: 'Add' }).click();
    await expect.poll(() => page.locator('.age').textContent()).toMatch(/^2 min ago, watch, /);
    expect(await page.locator('.tile.old').count()).toBe(1);
    await send(0, 77);
    await expect.poll(() => page.locator('.age').textContent()).toMatch(/^now, watch, /);
    await send(100_000, 99);
    await expect
      .poll(() => page.locator('.strip-note').textContent())
      .toMatch(/^The last 5 minutes: 61 to 99 bpm.*readings: 3$/);
    expect(await page.locator('.figure strong').textContent()).toBe('77');
    const field = page.getByRole('combobox', { name: 'User' });
    for (let i = 0; i < 11; i += 1) {
      await field.fill(`user ${i}`);
      await field.press('Enter');
    }
    await expect.poll(() => page.locator('.tile').count()).toBe(12);
    expect(await page.getByRole('button', { name: 'Add' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Remove user 3' }).click();
    await page.reload();
    await expect.poll(() => page.locator('.tile').count()).toBe(11);
    expect(new URLSearchParams(new URL(page.url()).hash.slice(1)).getAll('user')).not.toContain('user 3');
    expect(await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth')).toBe(
      false,
    );
    expect(await violations(page)).toEqual([]);
    await finish();
  });
});
