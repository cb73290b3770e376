/** The page of a live device, with a strap that is made up: the browser, the server and what lies between are real. */
import { join } from 'node:path';
import { createKey } from 'hrm-core/keys';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTest, temporaryDirectory } from '../support.js';
import { launch, openPage, violations } from './browser.js';
import { startFront } from './front.js';

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** In the place of the browser's Bluetooth: a strap that sends what a test tells it to. */
const FAKE_STRAP = `
  const characteristic = Object.assign(new EventTarget(), { startNotifications: async () => undefined });
  const server = {
    connect: async () => {
      if (strap.isAway) throw new DOMException('out of reach', 'NetworkError');
      return server;
    },
    disconnect: () => strap.device.dispatchEvent(new Event('gattserverdisconnected')),
    getPrimaryService: async (service) => {
      if (service !== 0x180d) throw new DOMException('no such service', 'NotFoundError');
      return { getCharacteristic: async (id) => (id === 0x2a37 ? characteristic : undefined) };
    },
  };
  globalThis.strap = {
    isAway: false,
    device: Object.assign(new EventTarget(), { name: 'Polar  H10 1234ABCD', gatt: server }),
    send(...bytes) {
      characteristic.value = new DataView(Uint8Array.from(bytes).buffer);
      characteristic.dispatchEvent(new Event('characteristicvaluechanged'));
    },
  };
  Object.defineProperty(navigator, 'bluetooth', {
    value: { getAvailability: async () => true, requestDevice: async () => strap.device },
  });
`;

const textOf = (page: Page, id: string) => page.locator(`#${id}`).textContent();

/** With contact, in one byte. */
const send = (page: Page, rate: number) => page.evaluate(`strap.send(0x06, ${rate})`);

async function connectAs(page: Page, user: string): Promise<void> {
  await page.getByRole('combobox', { name: 'User' }).fill(user);
  await page.getByRole('button', { name: 'Connect a strap' }).click();
  await expect.poll(() => textOf(page, 'status')).toBe('Connected.');
}

async function openWithStrap(url: string, options: Parameters<typeof openPage>[2] = {}) {
  const watched = await openPage(browser, url, options);
  await watched.page.addInitScript(FAKE_STRAP);
  await watched.page.goto(`${url}/live-device`);
  return watched;
}

/** Heart rates of the device, as the API counts them, once they are stored. */
async function storedCount(url: string, device: string): Promise<number> {
  const from = new Date(Date.now() - 3_600_000).toISOString();
  const to = new Date(Date.now() + 3_600_000).toISOString();
  const query = new URLSearchParams({ user_id: 'ana', device_id: device, start: from, end: to });
  const { data } = (await (await fetch(`${url}/metrics/heart-rate?${query}`)).json()) as {
    data: readonly { count: number }[];
  };
  return data.reduce((sum, { count }) => sum + count, 0);
}

describe('the page of a live device', () => {
  it('shows a heart, and sends it to the live view and to the API', async () => {
    const { url } = await startTest({ parts: ['api', 'consumer'], flags: { batchMaxAgeMs: '100' } });
    const { page, finish } = await openWithStrap(url);
    await connectAs(page, 'ana');
    expect(await textOf(page, 'device-title')).toBe('ana, Polar H10 1234ABCD');
    const opened = page.waitForEvent('popup');
    await page.getByRole('link', { name: 'See it in the live view' }).click();
    const live = await opened;
    await expect.poll(() => textOf(live, 'now')).toBe('Listening…');
    await send(page, 71);
    expect(await textOf(page, 'rate')).toBe('71');
    await expect.poll(() => textOf(live, 'now')).toMatch(/^71 bpm now, Polar H10 1234ABCD/);
    // In two bytes, with energy and two intervals.
    await page.evaluate('strap.send(0x1f, 143, 0, 1, 0, 0, 2, 0, 3)');
    await expect.poll(() => textOf(live, 'now')).toMatch(/^143 bpm now/);
    await expect.poll(() => textOf(page, 'facts')).toBe('Readings accepted2Readings that wait here0');
    await expect.poll(() => storedCount(url, 'Polar H10 1234ABCD')).toBe(2);
    await finish();
  });

  it('sends nothing that is no heart rate, and says why', async () => {
    const { url } = await startTest();
    const { page, finish } = await openWithStrap(url);
    await connectAs(page, 'ana');
    await send(page, 80);
    await page.evaluate('strap.send(0x04, 80)');
    expect(await textOf(page, 'rate')).toBe('–');
    expect(await textOf(page, 'status')).toContain('does not touch the skin');
    for (const bytes of ['', '0x06', '0x06, 0', '0x06, 255', '0x07, 1, 1']) await page.evaluate(`strap.send(${bytes})`);
    await expect.poll(() => textOf(page, 'facts')).toMatch(/accepted1.*wait here0.*no heart rate6$/);
    await finish();
  });

  it('keeps readings while the server is away, and a strap that was out of reach', async () => {
    const { url } = await startTest({ parts: ['api', 'consumer'], flags: { batchMaxAgeMs: '100' } });
    let isDown = false;
    const front = await startFront(url, () => (isDown ? { bytes: 0 } : null));
    const { page, finish } = await openWithStrap(front.url);
    await connectAs(page, 'ana');
    isDown = true;
    front.breakAll();
    for (const rate of [81, 82, 83]) await send(page, rate);
    await expect.poll(() => textOf(page, 'message')).toContain('The server does not take readings now');
    expect(await textOf(page, 'facts')).toMatch(/wait here3$/);
    await page.evaluate('strap.isAway = true; strap.device.gatt.disconnect()');
    await expect.poll(() => textOf(page, 'status')).toContain('trying again');
    isDown = false;
    await expect
      .poll(() => textOf(page, 'facts'), { timeout: 20_000 })
      .toBe('Readings accepted3Readings that wait here0');
    expect(await page.locator('#message').isVisible()).toBe(false);
    await page.evaluate('strap.isAway = false');
    await expect.poll(() => textOf(page, 'status'), { timeout: 10_000 }).toBe('Connected.');
    await send(page, 84);
    await expect.poll(() => storedCount(url, 'Polar H10 1234ABCD')).toBe(4);
    await page.getByRole('button', { name: 'Disconnect' }).click();
    await expect.poll(() => textOf(page, 'status')).toBe('Disconnected.');
    await finish();
  });

  it('says that it loses readings when a day of them waits', async () => {
    const { url } = await startTest();
    let isDown = false;
    const front = await startFront(url, () => (isDown ? { bytes: 0 } : null));
    const { page, finish } = await openWithStrap(front.url);
    await connectAs(page, 'ana');
    isDown = true;
    await page.evaluate('for (let i = 0; i < 86_403; i += 1) strap.send(0x06, 80)');
    expect(await textOf(page, 'message')).toBe(
      'More than 86,400 readings wait: newer ones are lost until the server takes some.',
    );
    expect(await textOf(page, 'facts')).toMatch(/wait here86,400Readings lost3$/);
    await finish();
  });

  it('tells a refusal of the server', async () => {
    const { url } = await startTest();
    const refusal = { status: 403, body: { status: 403, code: 'foreign_user', title: 'Forbidden', detail: 'no' } };
    const front = await startFront(url, (path) => (path.endsWith('/batch') ? refusal : null));
    const { page, finish } = await openWithStrap(front.url);
    await connectAs(page, 'ana');
    await send(page, 80);
    await expect.poll(() => textOf(page, 'message')).toContain('The server refuses the readings: ');
    await expect.poll(() => textOf(page, 'facts')).toMatch(/wait here0Readings lost1$/);
    await finish();
  });

  it('speaks Spanish where the browser does, or where somebody chose it', async () => {
    const { url } = await startTest();
    const { page, finish } = await openWithStrap(url, { locale: 'es-AR' });
    await expect.poll(() => page.getByRole('button', { name: 'Conectar un sensor' }).isVisible()).toBe(true);
    expect(await page.evaluate('document.documentElement.lang')).toBe('es');
    await page.getByRole('combobox', { name: 'Idioma' }).selectOption('English');
    await expect.poll(() => page.getByRole('button', { name: 'Connect a strap' }).isVisible()).toBe(true);
    expect(await page.evaluate('document.documentElement.lang')).toBe('en');
    await finish();
  });

  it('asks for a key that may send', async () => {
    const keysFile = join(await temporaryDirectory(), 'keys.json');
    const { token } = await createKey(keysFile, { name: 'k', scopes: ['query'], userIds: null, expiresMs: null });
    const { url } = await startTest({ keysFile });
    const { page, finish } = await openWithStrap(url);
    await page.getByRole('textbox', { name: 'API key' }).fill(token);
    await page.keyboard.press('Enter');
    await expect.poll(() => textOf(page, 'message')).toContain('it lacks the scope ingest');
    expect(await page.getByRole('button', { name: 'Connect a strap' }).isVisible()).toBe(false);
    await finish();
  });

  it.each([{}, { colorScheme: 'dark', viewport: { width: 360, height: 740 } }] as const)(
    'nothing that axe knows is wrong, with Bluetooth or without: %j',
    async (look) => {
      const { url } = await startTest();
      const without = await openPage(browser, url, { ...look, bypassCSP: true });
      await without.page.addInitScript("Object.defineProperty(navigator, 'bluetooth', { value: undefined })");
      await without.page.goto(`${url}/live-device`);
      await expect.poll(() => textOf(without.page, 'missing')).toContain('Safari and Firefox cannot');
      expect(await violations(without.page)).toEqual([]);
      await without.finish();
      const { page, finish } = await openWithStrap(url, { ...look, bypassCSP: true });
      await connectAs(page, 'ana');
      await send(page, 80);
      expect(await violations(page)).toEqual([]);
      const isSideways = 'document.documentElement.scrollWidth > document.documentElement.clientWidth';
      expect(await page.evaluate(isSideways)).toBe(false);
      await finish();
    },
  );
});
