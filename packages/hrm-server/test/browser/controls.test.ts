import { compact, query, writePart } from 'hrm-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTest } from '../support.js';
import { launch, openPage, readings, viewUrl, violations } from './browser.js';

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const DAY = { user: 'ana', range: 'day', from: '2024-01-15T00:00' };

async function startWithDays(days: number, everyMs = 60_000) {
  const service = await startTest();
  await writePart({ storage: service.storage }, readings('ana', days, everyMs));
  await compact({ storage: service.storage }, { all: true });
  return service;
}

const textOf = (page: Page, id: string) => page.locator(`#${id}`).textContent();

describe('what the controls say is what is seen', () => {
  it('no line: no summary, no zones and no table of one; another line: its own', async () => {
    const { url } = await startWithDays(1);
    const { page, finish } = await openPage(browser, url);
    await page.goto(viewUrl(url, DAY));
    await expect.poll(() => textOf(page, 'summary')).toMatch(/bpm/);
    await page.getByText('As a table').click();
    await page.getByRole('checkbox', { name: 'All devices' }).uncheck();
    await page.getByText('No line is chosen.').waitFor();
    for (const id of ['summary', 'zones', 'table-body']) expect([id, await textOf(page, id)]).toEqual([id, '']);
    await page.getByRole('checkbox', { name: 'chest_strap' }).check();
    await expect.poll(() => textOf(page, 'summary-title')).toBe('Summary of chest_strap');
    // Two hours of it, in zones too.
    await expect.poll(() => textOf(page, 'summary')).toMatch(/Readings119$/);
    await expect.poll(() => textOf(page, 'zones')).toMatch(/Restbelow 95(1 h \d\d|\d\d) min$/);
    await finish();
  });

  it('each minute of one device, also when the page is loaded again', async () => {
    const { url, storage } = await startWithDays(1);
    // Some seconds from the watch's.
    const ring = { userId: 'ana', deviceId: 'ring', timestampMs: Date.UTC(2024, 0, 15, 12, 0, 7), heartRate: 99 };
    await writePart({ storage }, [{ ...ring, receivedMs: 0 }]);
    const { page, finish } = await openPage(browser, url);
    await page.goto(viewUrl(url, DAY));
    await expect.poll(() => textOf(page, 'summary')).toMatch(/bpm/);
    const countOf = async (resolve: 'reading' | 'device') => {
      const start = Date.UTC(2024, 0, 15);
      const rows = await query({ storage }, { userId: 'ana', start, end: start + 86_400_000, resolve });
      return rows.reduce((sum, { count }) => sum + count, 0).toLocaleString('en');
    };
    const [all, best] = [await countOf('reading'), await countOf('device')];
    expect(all).not.toBe(best);
    await expect.poll(() => textOf(page, 'summary')).toContain(`Readings${all}`);
    await page.getByLabel('Devices worn at once').selectOption('device');
    await expect.poll(() => textOf(page, 'summary')).toContain(`Readings${best}`);
    await page.reload();
    await expect.poll(() => textOf(page, 'summary')).toContain(`Readings${best}`);
    expect(await page.getByLabel('Devices worn at once').inputValue()).toBe('device');
    await finish();
  });

  it('all is said in Spanish where the browser speaks it: words, dates and numbers', async () => {
    const { url } = await startWithDays(1);
    const { page, finish } = await openPage(browser, url, { locale: 'es-ES' });
    await page.goto(viewUrl(url, DAY));
    await expect.poll(() => textOf(page, 'chart-title')).toBe('ana, lunes, 15 de enero de 2024');
    await expect.poll(() => textOf(page, 'summary')).toMatch(/^Media\d\d,\d lpmMínimo.*Lecturas1\.?\d{3}$/);
    await expect.poll(() => textOf(page, 'zones')).toContain('Moderado');
    await page.getByText('Como tabla').click();
    await expect.poll(() => textOf(page, 'table-body')).toMatch(/filas 1 a 100 de 1\.?\d{3}/);
    expect(await page.evaluate('document.documentElement.lang')).toBe('es');
    await page.goto(viewUrl(url, { ...DAY, user: 'nobody' }));
    await page.reload();
    await expect
      .poll(() => textOf(page, 'nothing'))
      .toBe('No hay lecturas de este usuario. Para tenerlas: Añadir archivos, Sensor en vivo');
    await page.goto(`${url}/status`);
    await expect.poll(() => textOf(page, 'files')).toContain('Archivos compactados');
    expect(await page.title()).toBe('Sistema');
    await finish();
  });

  it('no click on a line is lost while answers are on their way', async () => {
    const { url } = await startWithDays(1);
    const { page, finish } = await openPage(browser, url);
    await page.goto(viewUrl(url, DAY));
    await expect.poll(() => textOf(page, 'summary')).toMatch(/bpm/);
    await page.route('**/metrics/heart-rate**', async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 150));
      await route.continue();
    });
    const names = ['All devices', 'chest_strap', 'watch'];
    const boxes = names.map((name) => page.getByRole('checkbox', { name }));
    const isOn = [true, false, false];
    // A hand's press takes about as long as an answer: what is pressed must be there when it is let go.
    for (const at of [1, 2, 0, 1, 1, 2, 0, 2, 1, 0, 0, 2]) {
      const { x = 0, y = 0, width = 0, height = 0 } = (await boxes[at]?.boundingBox()) ?? {};
      await page.mouse.move(x + width / 2, y + height / 2);
      await page.mouse.down();
      await page.waitForTimeout(100);
      await page.mouse.up();
      isOn[at] = isOn[at] !== true;
    }
    expect(await Promise.all(boxes.map((box) => box.isChecked()))).toEqual(isOn);
    const said = new URLSearchParams(new URL(page.url()).hash.slice(1));
    expect(said.getAll('device')).toEqual(names.filter((_, at) => at > 0 && isOn[at]));
    expect(said.get('merged') !== 'no').toBe(isOn[0]);
    await finish();
  });

  it('an empty range leads to the last reading, and a user who has none is told, with the space in the id', async () => {
    const { url } = await startWithDays(2);
    const { page, finish } = await openPage(browser, url);
    await page.goto(viewUrl(url, { user: 'ana', range: 'month', from: '2025-05-01T00:00' }));
    await page.getByText('No readings in this range.').waitFor();
    await page.getByText('The last reading of this user is of 16 Jan 2024, 23:59.').waitFor();
    await page.getByRole('button', { name: 'Go there' }).click();
    await expect.poll(() => textOf(page, 'chart-title')).toBe('ana, January 2024');
    await expect.poll(() => textOf(page, 'summary')).toMatch(/bpm/);
    expect(await page.locator('#nothing').isVisible()).toBe(false);
    await page.getByRole('combobox', { name: 'User' }).fill('ana ');
    await page.keyboard.press('Enter');
    await page
      .getByText('There is no reading of this user. The id begins or ends with a space: is “ana” meant?')
      .waitFor();
    await page.goBack();
    await expect.poll(() => textOf(page, 'chart-title')).toBe('ana, January 2024');
    expect(await page.getByRole('combobox', { name: 'User' }).inputValue()).toBe('ana');
    await finish();
  });

  it('a user whom no path can name is seen by the rows alone', async () => {
    const { url, storage } = await startTest();
    await writePart({ storage }, readings('..', 1, 600_000));
    const { page, finish } = await openPage(browser, url);
    await page.goto(viewUrl(url, { ...DAY, user: '..' }));
    await expect.poll(() => textOf(page, 'chart-title')).toMatch(/^\.\., Monday/);
    await page.getByRole('checkbox', { name: 'chest_strap' }).check();
    await page.getByRole('checkbox', { name: 'All devices' }).uncheck();
    await expect.poll(() => textOf(page, 'summary-title')).toBe('Summary of chest_strap');
    await finish();
  });

  it('a maximum heart rate that is none becomes the nearest that is one', async () => {
    const { url } = await startWithDays(1);
    const { page, finish } = await openPage(browser, url);
    await page.goto(viewUrl(url, DAY));
    await expect.poll(() => textOf(page, 'zones')).toContain('from 171');
    const field = page.getByRole('spinbutton', { name: 'Maximum heart rate' });
    for (const [typed, kept, zone] of [
      ['50', '100', 'from 90'],
      ['999', '230', 'from 207'],
      ['', '230', 'from 207'],
    ] as const) {
      await field.fill(typed);
      await field.press('Enter');
      await expect.poll(() => field.inputValue()).toBe(kept);
      expect(await textOf(page, 'zones')).toContain(zone);
    }
    await finish();
  });

  it.each([
    ['Europe/Madrid', '2023-12-31T23:00:00.000Z', '2024-12-31T23:00:00.000Z', /^15 Jan 2024: .*1320 readings$/],
    ['America/Los_Angeles', '2024-01-01T08:00:00.000Z', '2025-01-01T08:00:00.000Z', /^14 Jan 2024: .*480 readings$/],
  ] as const)('a year has the days of %s', async (timezoneId, start, end, first) => {
    const { url } = await startWithDays(3);
    const { page, finish } = await openPage(browser, url, { timezoneId });
    const asked = page.waitForRequest(/interval=1d/);
    await page.goto(viewUrl(url, { user: 'ana', range: 'year', from: '2024-06-01T00:00' }));
    const { searchParams } = new URL((await asked).url());
    expect([searchParams.get('start'), searchParams.get('end')]).toEqual([start, end]);
    await expect.poll(() => textOf(page, 'chart-note')).toMatch(/a point is 1 day,.*times in /);
    await page.locator('#chart').focus();
    await page.keyboard.press('Home');
    expect(await textOf(page, 'readout')).toMatch(first);
    await page.keyboard.press('Enter');
    await expect.poll(() => textOf(page, 'chart-title')).toBe('ana, January 2024');
    await finish();
  });

  it('the way past the controls leaves the address as it is', async () => {
    const { url } = await startWithDays(1);
    const { page, finish } = await openPage(browser, url);
    await page.goto(viewUrl(url, DAY));
    await expect.poll(() => textOf(page, 'summary')).toMatch(/bpm/);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('content');
    expect(page.url()).toContain('user=ana');
    await finish();
  });

  it('on a phone the heart comes first, and dates are behind a button', async () => {
    const { url } = await startWithDays(1);
    const { page, finish } = await openPage(browser, url, { viewport: { width: 360, height: 740 }, bypassCSP: true });
    await page.goto(viewUrl(url, DAY));
    await expect.poll(() => textOf(page, 'summary')).toMatch(/bpm/);
    const box = await page.locator('#chart').boundingBox();
    expect((box?.y ?? 999) + (box?.height ?? 999)).toBeLessThan(740);
    expect(await page.getByLabel('From', { exact: true }).isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Dates and detail' }).click();
    expect(await page.getByLabel('From', { exact: true }).isVisible()).toBe(true);
    expect(await violations(page)).toEqual([]);
    await finish();
  });
});
