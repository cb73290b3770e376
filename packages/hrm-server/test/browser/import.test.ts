/** The page to add files, with files as devices and services give them: what it stores is what `hrm import` stores. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { importFiles, listFiles } from 'hrm-core/import';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MADE_UP_EXPORTS } from '../../../hrm-core/test/support/made-up-exports.js';
import { writeTar } from '../../../hrm-core/test/support/tar-writer.js';
import { fitSeconds, writeFit } from '../../../hrm-core/test/support/write-fit.js';
import { writeZip } from '../../../hrm-core/test/support/zip-writer.js';
import { startTest, temporaryDirectory } from '../support.js';
import { launch, openPage, violations } from './browser.js';
import { startFront } from './front.js';

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

interface TestFile {
  readonly name: string;
  readonly content: Uint8Array;
}

const textOf = (page: Page, id: string) => page.locator(`#${id}`).textContent();

/** Drops files on the page, as a hand does. */
async function drop(page: Page, files: readonly TestFile[]): Promise<void> {
  const sent = files.map(({ name, content }) => ({ name, base64: Buffer.from(content).toString('base64') }));
  await page.evaluate(`{
    const dataTransfer = new DataTransfer();
    for (const { name, base64 } of ${JSON.stringify(sent)}) {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      dataTransfer.items.add(new File([bytes], name));
    }
    const event = new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true });
    document.querySelector('#drop').dispatchEvent(event);
  }`);
}

const DAY_MS = Date.UTC(2024, 0, 15);

/** An hour of a watch: a reading a second, some without contact. */
function fitFile(): Uint8Array {
  const id = {
    message: 0,
    fields: [
      [0, 1, 4],
      [1, 2, 1],
      [2, 2, 3415],
      [3, 4, 42],
    ] as const,
  };
  const records = Array.from({ length: 3_600 }, (_, i) => ({
    message: 20,
    fields: [
      [253, 4, fitSeconds(DAY_MS + i * 1_000)],
      [3, 1, i % 100 === 0 ? 0 : 60 + (i % 90)],
    ] as const,
  }));
  return writeFit([id, ...records]);
}

/** Fitbit's export: a value each 5 s. */
function fitbitCsv(count: number): Uint8Array {
  const rows = Array.from({ length: count }, (_, i) => {
    const at = new Date(DAY_MS + i * 5_000).toISOString().replace('.000', '');
    return `${at},${60 + (i % 90)}.0\n`;
  });
  return Buffer.from(`timestamp,beats per minute\n${rows.join('')}`);
}

function madeUp(format: string): Uint8Array {
  return Buffer.from(MADE_UP_EXPORTS.find((one) => one.format === format)?.content ?? '');
}

const FILES: readonly TestFile[] = [
  { name: 'run.fit', content: fitFile() },
  { name: 'heart_rate_2024-01-15.csv.gz', content: gzipSync(fitbitCsv(500)) },
  {
    name: 'export.zip',
    content: writeZip([
      { name: 'Takeout/heart_rate-2019-04-22.json', content: madeUp('fitbit-takeout') },
      { name: 'Takeout/readme.txt', content: 'nothing of a heart' },
      { name: 'inner.zip', content: writeZip([{ name: 'oura.csv', content: madeUp('oura-csv') }]) },
    ]),
  },
  { name: 'api.json', content: madeUp('fitbit-api') },
];

/** All that is stored of ana, minute by minute and device by device. */
async function stored(url: string): Promise<unknown> {
  const range = { user_id: 'ana', start: '2015-01-01T00:00:00Z', end: '2025-01-01T00:00:00Z' };
  const rows = await (await fetch(`${url}/metrics/heart-rate?${new URLSearchParams(range)}`)).json();
  return { rows, devices: await (await fetch(`${url}/users/ana/devices`)).json() };
}

async function openImport(url: string, options: Parameters<typeof openPage>[2] = {}) {
  const watched = await openPage(browser, url, options);
  await watched.page.goto(`${url}/import`);
  await expect.poll(() => watched.page.locator('#choose').isVisible()).toBe(true);
  return watched;
}

const STORING = { parts: ['api', 'consumer'] as const, flags: { batchMaxAgeMs: '100' } };

describe('the page to add files', () => {
  it('lets the server read what a browser cannot, and asks for a zone that it needs', async () => {
    const service = await startTest(STORING);
    const { page, finish } = await openImport(service.url);
    const line = JSON.stringify({
      user_id: 'ana',
      device_id: 'strap',
      timestamp: '2024-01-15T10:00:00Z',
      heart_rate: 72,
    });
    const zoneless = 'device_id,timestamp,heart_rate\nband,2024-01-15 12:00:00,80\n';
    await drop(page, [
      { name: 'rows.ndjson', content: Buffer.from(`${line}\n`) },
      { name: 'all.tar.gz', content: gzipSync(writeTar([{ name: 'table.csv', content: zoneless }])) },
      { name: 'photo.jpg', content: Uint8Array.of(0xff, 0xd8, 0xff) },
    ]);
    await expect
      .poll(() => textOf(page, 'files'))
      .toMatch(/rows\.ndjson is not for browsers.*all\.tar\.gz is not for browsers/);
    expect(await textOf(page, 'files')).toContain('photo.jpg is of no known format');
    expect(service.accessLog.filter((entry) => entry.includes('/imports'))).toEqual([]);
    await page.getByLabel('Whose readings they are').fill('ana');
    await page.getByRole('button', { name: 'Send the files' }).click();
    await expect.poll(() => textOf(page, 'message')).toContain('Say where they were taken');
    await page.getByLabel('Time zone of times without one').fill('Europe/Madrid');
    await page.getByRole('button', { name: 'Look again with this time zone' }).click();
    await page.getByRole('button', { name: 'Send the files' }).click();
    await expect.poll(() => textOf(page, 'done-text')).toContain('accepted 2 readings');
    expect(await textOf(page, 'files')).toContain('all.tar.gz/table.csv');
    await expect
      .poll(() => stored(service.url), { timeout: 10_000 })
      .toMatchObject({
        devices: {
          devices: [{ device_id: 'band', first: { timestamp: '2024-01-15T11:00:00Z' } }, { device_id: 'strap' }],
        },
      });
    await finish();
  });

  it('tells what is in files, and stores what hrm import stores', async () => {
    const [byPage, byImport] = [await startTest(STORING), await startTest(STORING)];
    const { page, finish } = await openImport(byPage.url);
    await drop(page, FILES);
    await expect.poll(() => textOf(page, 'message')).toContain('Say where they were taken');
    expect(await page.getByLabel('Time zone of times without one').inputValue()).toBe('UTC');
    await page.getByLabel('Time zone of times without one').fill('Europe/Madrid');
    await page.getByRole('button', { name: 'Look again with this time zone' }).click();
    await expect.poll(() => textOf(page, 'files')).toContain('api.json Fitbit');
    expect(await textOf(page, 'total')).toMatch(/Files4.*Files of no known format1/);
    expect(await textOf(page, 'files')).toMatch(/run\.fit .*FIT.*: 3,564 readings, .*no skin contact: 36/);
    expect(await textOf(page, 'files')).toContain('export.zip/inner.zip/oura.csv');
    // Nothing has left the page.
    expect(byPage.accessLog.filter((line) => line.includes('/batch'))).toEqual([]);
    await page.getByLabel('Whose readings they are').fill('ana');
    await page.getByRole('button', { name: /^Send the readings/ }).click();
    await expect.poll(() => textOf(page, 'done-text')).toContain('The server has accepted');

    const directory = join(await temporaryDirectory(), 'files');
    await mkdir(directory);
    for (const { name, content } of FILES) await writeFile(join(directory, name), content);
    const files = await listFiles(['.'], directory);
    const results = await importFiles({ queue: byImport.queue }, files, {
      cwd: directory,
      user: 'ana',
      timeZone: 'Europe/Madrid',
    });
    const count = results.reduce((sum, { enqueued }) => sum + enqueued, 0);
    expect(count).toBeGreaterThan(4_000);
    expect(await textOf(page, 'done-text')).toContain(`accepted ${count.toLocaleString('en')} readings`);
    // The consumers have taken all, once the two are alike and have all devices.
    await expect.poll(() => stored(byImport.url), { timeout: 10_000 }).toMatchObject({ devices: { count: 3 } });
    await expect
      .poll(async () => JSON.stringify(await stored(byPage.url)), { timeout: 10_000 })
      .toBe(JSON.stringify(await stored(byImport.url)));
    await page.getByRole('link', { name: 'See the last day of them' }).click();
    await expect.poll(() => textOf(page, 'summary')).toMatch(/Readings[1-9]/);
    await finish();
  });

  it('goes on where it was stopped, and waits for a server that is away', async () => {
    const { url } = await startTest(STORING);
    let [isDown, batches] = [false, 0];
    const front = await startFront(url, (path) => {
      if (!path.endsWith('/batch')) return null;
      if (isDown) return { bytes: 0 };
      batches += 1;
      isDown = batches === 1;
      return null;
    });
    const { page, finish } = await openImport(front.url);
    await page.getByLabel('Whose readings they are').fill('ana');
    await drop(page, [{ name: 'heart_rate_2024-01-15.csv', content: fitbitCsv(120_000) }]);
    await page.getByRole('button', { name: 'Send the readings (120,000)' }).click();
    await expect
      .poll(() => textOf(page, 'message'), { timeout: 20_000 })
      .toContain('The server does not take readings now');
    expect(await textOf(page, 'progress-text')).toContain('50,000 of 120,000 readings accepted');
    await page.getByRole('button', { name: 'Stop' }).click();
    isDown = false;
    await page.getByRole('button', { name: 'Go on after 50,000 readings' }).click();
    await expect.poll(() => textOf(page, 'done-text'), { timeout: 20_000 }).toContain('accepted 120,000 readings');
    expect(batches).toBe(3);
    await expect
      .poll(async () => {
        const range = { user_id: 'ana', start: '2024-01-01T00:00:00Z', end: '2024-02-01T00:00:00Z', interval: '1d' };
        const { data } = (await (await fetch(`${url}/metrics/heart-rate?${new URLSearchParams(range)}`)).json()) as {
          data: readonly { count: number }[];
        };
        return data.reduce((sum, { count }) => sum + count, 0);
      })
      .toBe(120_000);
    await finish();
  });

  it('tells of files that cannot be read, and of those that nobody knows', async () => {
    const { url } = await startTest();
    const { page, finish } = await openImport(url);
    const zip = writeZip([
      { name: 'a.csv', content: fitbitCsv(5) },
      { name: '../b.csv', content: fitbitCsv(5) },
    ]);
    await drop(page, [
      { name: 'letter.txt', content: Buffer.from('Dear reader') },
      { name: 'two.zip', content: zip },
      { name: 'cut.fit', content: fitFile().subarray(0, 2_000) },
    ]);
    await expect.poll(() => page.getByRole('button', { name: /^Send the readings/ }).isVisible()).toBe(true);
    const files = (await textOf(page, 'files')) ?? '';
    expect(files).toContain('letter.txt is of no known format.');
    expect(files).toContain('two.zip/../b.csv its name leads out of the archive');
    expect(files).toMatch(/cut\.fit .*byte/);
    await finish();
  });

  it('never says that it has sent a file that was changed meanwhile', async () => {
    const { url } = await startTest();
    const { page, finish } = await openImport(url);
    const path = join(await temporaryDirectory(), 'heart_rate_2024-01-15.csv');
    await writeFile(path, fitbitCsv(100));
    await page.locator('#file').setInputFiles(path);
    await page.getByLabel('Whose readings they are').fill('ana');
    await expect.poll(() => page.getByRole('button', { name: 'Send the readings (100)' }).isVisible()).toBe(true);
    await writeFile(path, fitbitCsv(200));
    await page.getByRole('button', { name: 'Send the readings (100)' }).click();
    await expect.poll(() => textOf(page, 'message')).toContain('is not what it was at the first look');
    expect(await page.locator('#done').isVisible()).toBe(false);
    await finish();
  });

  it.each([{}, { colorScheme: 'dark', viewport: { width: 360, height: 740 }, locale: 'es-ES' }] as const)(
    'nothing that axe knows is wrong: %j',
    async (look) => {
      const { url } = await startTest();
      const { page, finish } = await openImport(url, { ...look, bypassCSP: true });
      await page
        .locator('#file')
        .setInputFiles(FILES.map(({ name, content }) => ({ name, mimeType: '', buffer: Buffer.from(content) })));
      await expect.poll(() => textOf(page, 'files')).toContain('oura.csv');
      if ('locale' in look) expect(await textOf(page, 'total')).toMatch(/Lecturas\d/);
      expect(await violations(page)).toEqual([]);
      const isSideways = 'document.documentElement.scrollWidth > document.documentElement.clientWidth';
      expect(await page.evaluate(isSideways)).toBe(false);
      await finish();
    },
  );
});
