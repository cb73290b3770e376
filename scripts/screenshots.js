// Makes docs/*.png for the README and the tour: the pages of a real server, with made-up readings, in Debian's Chromium.
// npm run screenshots
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compact, writePart } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { loadSettings } from 'hrm-core/settings';
import { serve } from 'hrm-server';
import { chromium } from 'playwright-core';

const DOCS = fileURLToPath(new URL('../docs/', import.meta.url));
const START_MS = Date.UTC(2024, 0, 1);
const DAYS = 31;
const DAY_MS = 86_400_000;

/** A month of a watch, and of a strap while there is exercise; the same each time. */
function readings() {
  const all = [];
  let wander = 0;
  for (let timestampMs = START_MS; timestampMs < START_MS + DAYS * DAY_MS; timestampMs += 10_000) {
    const hour = ((timestampMs - START_MS) % DAY_MS) / 3_600_000;
    const day = Math.floor((timestampMs - START_MS) / DAY_MS);
    wander = 0.97 * wander + 2.2 * Math.sin(timestampMs * 12.9898) * Math.sin(timestampMs / 7_919);
    // Off the wrist while it charges.
    if (hour >= 13 && hour < 13.6 + (day % 3) / 4) continue;
    const awake = hour > 6.8 && hour < 22.7 ? 15 + 5 * Math.sin(hour * 1.7) : 0;
    const isSport = day % 2 === 1 && hour > 17.6 && hour < 18.5;
    const sport = isSport ? 62 * Math.sin(((hour - 17.6) / 0.9) * Math.PI) ** 0.6 : 0;
    const heartRate = Math.round(54 + 4 * Math.sin(((hour - 9) / 12) * Math.PI) + awake + sport + wander);
    const reading = { userId: 'ana', timestampMs, receivedMs: timestampMs };
    all.push({ ...reading, deviceId: 'watch', heartRate });
    if (isSport) all.push({ ...reading, deviceId: 'chest_strap', heartRate: heartRate + 3 });
  }
  return all;
}

const directory = await mkdtemp(join(tmpdir(), 'hrm-screenshots-'));
const places = {
  dataDir: join(directory, 'data'),
  queueDir: join(directory, 'queue'),
  keysFile: join(directory, 'keys'),
};
const storage = await openDirectoryStorage({ directory: places.dataDir });
await writePart({ storage }, readings());
await compact({ storage }, { all: true, sweepAfterMs: 0 });
await storage.close();
const settings = loadSettings({ flags: { ...places, port: '0', logLevel: 'silent' } });
const service = await serve(settings, { parts: ['api', 'consumer', 'compacter'] });
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });

async function picture(name, address, options, [selector, text]) {
  const context = await browser.newContext({ timezoneId: 'UTC', locale: 'en-GB', ...options });
  const page = await context.newPage();
  await page.goto(`${service.url}${address}`);
  await page.locator(selector).filter({ hasText: text }).waitFor({ timeout: 20_000 });
  await page.locator('#app:not([aria-busy])').waitFor();
  await page.screenshot({ path: join(DOCS, name) });
  await context.close();
}

const hasZones = ['#zones', 'min'];
const day = '/#user=ana&range=day&from=2024-01-16T00:00';
const wide = { viewport: { width: 1200, height: 860 } };
const tall = { viewport: { width: 1200, height: 1130 }, colorScheme: 'light' };
await picture('dashboard-light.png', `${day}&device=chest_strap`, tall, hasZones);
await picture(
  'dashboard-dark.png',
  '/#user=ana&range=month&from=2024-01-01T00:00',
  { ...wide, colorScheme: 'dark' },
  hasZones,
);
await picture('dashboard-phone.png', day, { viewport: { width: 360, height: 780 }, colorScheme: 'light' }, hasZones);
await picture('system.png', '/status', { ...wide, colorScheme: 'light' }, ['#files', 'Compacted']);

await browser.close();
await service.close();
await rm(directory, { recursive: true });
