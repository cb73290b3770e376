/**
 * A real Chromium on the pages of a real server, which notes everything that a page must not do.
 */
import { join } from 'node:path';
import axe from 'axe-core';
import type { Reading } from 'hrm-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

const DAY_MS = 86_400_000;
/** A Monday. */
const START_MS = Date.UTC(2024, 0, 15);

/** Starts Debian's Chromium, which asks nobody anything by itself. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A page that is watched. */
export interface WatchedPage {
  readonly page: Page;
  /** Closes it, and says what it did that no page may. */
  finish(): Promise<void>;
}

/** @param secret - what may be in no address; a key. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
  secret?: string,
): Promise<WatchedPage> {
  const context = await browser.newContext({ timezoneId: 'UTC', locale: 'en-GB', ...options });
  const page = await context.newPage();
  const wrongs: string[] = [];
  // A refusal or a broken connection is told by the page; that the browser logs it, too, cannot be helped.
  page.on('console', (message) => {
    const isRefusal =
      /^Failed to load resource: (the server responded with a status of (400|401|403|422|429|503)|net::ERR_(CONNECTION|EMPTY|INCOMPLETE)_)/.test(
        message.text(),
      );
    if (['error', 'warning'].includes(message.type()) && !isRefusal) wrongs.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => wrongs.push(`error: ${error.message}`));
  page.on('request', (request) => {
    const address = request.url();
    if (new URL(address).origin !== new URL(url).origin && !address.startsWith('data:'))
      wrongs.push(`foreign: ${address}`);
    if (secret !== undefined && address.includes(secret)) wrongs.push('a key in an address');
  });
  page.on('framenavigated', () => {
    if (secret !== undefined && page.url().includes(secret)) wrongs.push('a key in the address of the page');
  });
  return {
    page,
    async finish() {
      await context.close();
      expect(wrongs).toEqual([]);
    },
  };
}

/** Everything that axe finds wrong with a page, as it is now. */
export async function violations(page: Page): Promise<readonly string[]> {
  // Into the page's own world past its policy, as the browser's tools are.
  await page.evaluate(axe.source);
  const results = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return results.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`,
  );
}

/** Believable readings of some days: a night, a day with an hour's gap, an hour of exercise that a strap saw, too. */
export function readings(userId: string, days: number, everyMs = 10_000): Reading[] {
  const all: Reading[] = [];
  for (let timestampMs = START_MS; timestampMs < START_MS + days * DAY_MS; timestampMs += everyMs) {
    const hour = ((timestampMs - START_MS) % DAY_MS) / 3_600_000;
    if (hour >= 13 && hour < 14) continue;
    const rest = 58 + 12 * Math.sin(((hour - 9) / 12) * Math.PI) + (hour > 7 && hour < 22 ? 14 : 0);
    const exercise = hour > 17.5 && hour < 18.5 ? 60 * Math.sin((hour - 17.5) * Math.PI) : 0;
    const heartRate = Math.round(
      rest + exercise + 4 * Math.sin(timestampMs / 77_000) + 3 * Math.sin(timestampMs / 13_000),
    );
    const reading = { userId, timestampMs, receivedMs: timestampMs };
    all.push({ ...reading, deviceId: 'watch', heartRate });
    if (hour > 17 && hour < 19) all.push({ ...reading, deviceId: 'chest_strap', heartRate: heartRate + 3 });
  }
  return all;
}

/** The address of a user's range. */
export function viewUrl(url: string, parameters: Record<string, string>): string {
  return `${join(url, '/').replace(':/', '://')}#${new URLSearchParams(parameters)}`;
}
