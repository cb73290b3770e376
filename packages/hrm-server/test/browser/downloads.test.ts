/** What is downloaded, byte by byte: it is what the API itself answers, or a whole picture. */
import { readFile } from 'node:fs/promises';
import { crc32, inflateSync } from 'node:zlib';
import { compact, writePart } from 'hrm-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startShared } from '../support.js';
import { launch, openPage, readings, viewUrl } from './browser.js';

let browser: Browser;
let shared: Awaited<ReturnType<typeof startShared>>;
beforeAll(async () => {
  [browser, shared] = await Promise.all([launch(), startShared()]);
  const all = readings('ana', 2, 60_000);
  const odd = all.filter((_, at) => at % 500 === 0).map((reading) => ({ ...reading, deviceId: 'a "b", c' }));
  await writePart({ storage: shared.storage }, [...all, ...odd]);
  await compact({ storage: shared.storage }, { all: true });
});
afterAll(() => Promise.all([browser.close(), shared.end()]));

const DAY = { user: 'ana', range: 'day', from: '2024-01-16T00:00' };

async function openDay(options: Parameters<typeof openPage>[2] = {}, also: Record<string, string> = {}) {
  const { url } = shared;
  const watched = await openPage(browser, url, options);
  await watched.page.goto(viewUrl(url, { ...DAY, ...also }));
  await expect.poll(() => watched.page.locator('#zones').textContent()).toContain('min');
  return watched;
}

async function download(page: Page, name: string): Promise<{ readonly name: string; readonly bytes: Buffer }> {
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name }).click()]);
  return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
}

/** What the API answers. */
async function answerOf(path: string, accept: string): Promise<Buffer> {
  const response = await fetch(shared.url + path, { headers: { Accept: accept } });
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

/** The chunks of a PNG, each proved by its checksum. */
function chunksOf(png: Buffer): readonly { readonly type: string; readonly data: Buffer }[] {
  expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  const chunks = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const body = png.subarray(at + 4, at + 8 + length);
    expect(png.readUInt32BE(at + 8 + length)).toBe(crc32(body));
    chunks.push({ type: body.toString('latin1', 0, 4), data: body.subarray(4) });
    at += 12 + length;
  }
  return chunks;
}

describe('what is shown, as a file', () => {
  it.each(['UTC', 'Asia/Kathmandu'])('rows as CSV are those of the API, in %s', async (timezoneId) => {
    const { page, finish } = await openDay({ timezoneId });
    const { name, bytes } = await download(page, 'Rows as CSV');
    const startMs = Date.UTC(2024, 0, 16) - (timezoneId === 'UTC' ? 0 : 345 * 60_000);
    const [start, end] = [startMs, startMs + 86_400_000].map((ms) => new Date(ms).toISOString());
    const question = new URLSearchParams({ user_id: 'ana', start: start ?? '', end: end ?? '', interval: '1m' });
    const expected = await answerOf(`/metrics/heart-rate?${question}`, 'text/csv');
    expect(name).toBe('heart-rate-2024-01-16.csv');
    expect(bytes.toString()).toBe(expected.toString());
    expect(bytes.toString()).toContain(String.raw`"[""a \""b\"", c""]"`);
    await finish();
  });

  it.each([null, 'chest_strap'])('readings as Parquet are those of the API, of the device %s', async (device) => {
    const { page, finish } = await openDay({}, device === null ? {} : { device, merged: 'no' });
    const { name, bytes } = await download(page, 'Readings as Parquet');
    const range = { user_id: 'ana', start: '2024-01-16T00:00:00Z', end: '2024-01-17T00:00:00Z' };
    const question = new URLSearchParams({ ...range, ...(device !== null && { device_id: device }) });
    const expected = await answerOf(`/metrics/heart-rate/readings?${question}`, 'application/vnd.apache.parquet');
    expect(name).toBe('heart-rate-2024-01-16.parquet');
    expect([bytes.toString('latin1', 0, 4), bytes.toString('latin1', bytes.length - 4)]).toEqual(['PAR1', 'PAR1']);
    expect(bytes.equals(expected)).toBe(true);
    await finish();
  });

  it.each(['light', 'dark'] as const)(
    'the chart as a picture has its size, a title and lines, in %s',
    async (colorScheme) => {
      const { page, finish } = await openDay({ colorScheme, deviceScaleFactor: 2 });
      const { name, bytes } = await download(page, 'Chart as a picture');
      expect(name).toBe('heart-rate-2024-01-16.png');
      const chunks = chunksOf(bytes);
      expect([chunks[0]?.type, chunks.at(-1)?.type]).toEqual(['IHDR', 'IEND']);
      const [width = 0, height = 0] = [0, 4].map((at) => chunks[0]?.data.readUInt32BE(at));
      const canvas = await page.evaluate(
        "[document.querySelector('#chart canvas').width, document.querySelector('#chart canvas').height]",
      );
      expect(canvas).toEqual([width, height - 88]);
      const pixels = inflateSync(Buffer.concat(chunks.flatMap(({ type, data }) => (type === 'IDAT' ? [data] : []))));
      // Four bytes a pixel, and one a line; what is drawn has colours.
      expect(pixels.length).toBe(height * (4 * width + 1));
      expect(new Set(pixels).size).toBeGreaterThan(50);
      await finish();
    },
  );

  it('nothing is downloaded where nothing is shown', async () => {
    const { page, finish } = await openDay();
    const downloads: string[] = [];
    page.on('download', (file) => downloads.push(file.suggestedFilename()));
    await page.getByRole('checkbox', { name: 'All devices' }).uncheck();
    await page.getByText('No line is chosen.').waitFor();
    await page.getByRole('button', { name: 'Rows as CSV' }).click();
    await page.getByRole('checkbox', { name: 'watch' }).check();
    await expect.poll(() => page.locator('#summary-title').textContent()).toBe('Summary of watch');
    expect(await download(page, 'Rows as CSV')).toMatchObject({ name: 'heart-rate-2024-01-16.csv' });
    expect(downloads).toHaveLength(1);
    await finish();
  });
});
