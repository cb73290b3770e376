import { hostname } from 'node:os';
import { describe, expect, test } from 'vitest';
import { createHostCheck } from '../src/http/host.js';
import { exchangeRaw, startTest, testSettings } from './support.js';

/** The status of a GET of /health with these header lines. */
async function statusWith(
  port: number,
  lines: readonly string[],
  target = '/health',
  version = '1.1',
): Promise<number> {
  const request = [`GET ${target} HTTP/${version}`, ...lines, 'Connection: close', '', ''].join('\r\n');
  const answer = await exchangeRaw(port, request);
  if (!answer.includes(' 200 ')) expect(answer.toLowerCase()).toContain('content-type: application/problem+json');
  return Number(answer.split(' ')[1]);
}

describe('the Host header', () => {
  test('must be a name of this server', async () => {
    const { port, queue } = await startTest({ flags: { allowedHosts: 'heart.example, Other.Example' } });
    for (const host of [
      'localhost',
      `localhost:${port}`,
      'LOCALHOST',
      'localhost.',
      '127.0.0.1',
      '127.0.0.1:1',
      '[::1]',
      '[::1]:8000',
      'heart.example',
      'HEART.example.:80',
      'other.example',
      'other.example:9000',
    ]) {
      expect([host, await statusWith(port, [`Host: ${host}`])]).toEqual([host, 200]);
    }
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      'localhost.evil.example',
      'evil-localhost',
      '127.0.0.1.evil.example',
      '127.0.0.2',
      '10.0.0.1',
      '0.0.0.0',
      '[::2]',
      '2130706433',
      '0x7f.1',
      hostname(),
      'sub.heart.example',
    ]) {
      expect([host, await statusWith(port, [`Host: ${host}`])]).toEqual([host, 421]);
    }
    for (const host of [
      'localhost@evil.example',
      'evil.example/localhost',
      'localhost:80:80',
      'localhost evil',
      '[::1',
      ']',
      '%6cocalhost',
      '',
      'localhost, evil.example',
      'localhost#',
      'localhost\\',
    ]) {
      expect([host, [400, 421].includes(await statusWith(port, [`Host: ${host}`]))]).toEqual([host, true]);
    }
    expect((await queue.depth()).readings).toBe(0);
  });

  test.each(['other.example:9000', 'https://other.example', 'heart.example,', 'heart.example,,other.example', ' '])(
    'is never compared with what is no name: HRM_ALLOWED_HOSTS=%j stops the start',
    async (allowedHosts) => {
      await expect(testSettings({ allowedHosts })).rejects.toThrow(/allowed-hosts is .* without scheme or port/);
    },
  );

  test('must be there, once', async () => {
    const { port } = await startTest();
    expect(await statusWith(port, [])).toBe(400);
    expect(await statusWith(port, [], '/health', '1.0')).toBe(400);
    expect(await statusWith(port, ['Host: localhost', 'Host: evil.example'])).toBe(400);
    expect(await statusWith(port, ['Host: evil.example', 'Host: localhost'])).toBe(400);
    expect(await statusWith(port, ['Host: localhost', 'Host: localhost'])).toBe(400);
  });

  test.each([
    ['is not there', []],
    ['is empty', ['Host:']],
    ['is blank', ['Host: \t ']],
    ['is there twice', ['Host: localhost', 'Host: localhost']],
    ['is there twice, once as none can be', ['Host: a@b', 'Host: localhost']],
    ['is there twice, once empty', ['Host:', 'Host: localhost']],
  ])('is bad_host where it %s, whatever is asked', async (_, lines) => {
    const { port } = await startTest();
    for (const target of ['GET /health', 'GET /nope', 'GET http://localhost/health', 'POST /metrics/heart-rate']) {
      const answer = await exchangeRaw(
        port,
        `${target} HTTP/1.1\r\n${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`,
      );
      expect([target, answer]).toEqual([target, expect.stringMatching(/^HTTP\/1.1 400 [\s\S]*"code":"bad_host"/)]);
      expect(answer).toMatch(/^x-request-id: /im);
    }
    const head = await exchangeRaw(port, `HEAD / HTTP/1.1\r\n${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`);
    expect(head).toMatch(/^HTTP\/1.1 400 /);
    expect(head.endsWith('\r\n\r\n')).toBe(true);
  });

  test('does not hide a foreign name in an absolute target, nor behind other headers', async () => {
    const { port } = await startTest();
    expect(await statusWith(port, ['Host: localhost'], 'http://localhost/health')).toBe(200);
    expect(await statusWith(port, ['Host: localhost'], 'http://evil.example/health')).toBe(421);
    expect(await statusWith(port, ['Host: evil.example'], 'http://localhost/health')).toBe(421);
    expect(await statusWith(port, ['Host: localhost'], 'http://localhost@evil.example/health')).toBe(421);
    expect(await statusWith(port, ['Host: evil.example', 'X-Forwarded-Host: localhost'])).toBe(421);
  });

  test('is checked before anything else is looked at', async () => {
    const { port, queue } = await startTest();
    const body = '{"user_id":"ana","device_id":"w","timestamp":"2024-01-15T10:00:00Z","heart_rate":72}';
    const head = `POST /metrics/heart-rate HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\nContent-Type: application/json\r\n`;
    const answer = await exchangeRaw(port, `${head}Content-Length: ${body.length}\r\n\r\n${body}`);
    expect(answer).toMatch(/^HTTP\/1.1 421 /);
    expect(answer).toContain('"code":"foreign_host"');
    expect(answer).not.toContain('evil');
    expect((await queue.depth()).readings).toBe(0);
    expect(await statusWith(port, ['Host: evil.example'], '/nope')).toBe(421);
  });
});

describe('a server on another address', () => {
  function isAllowed(host: string, header: string, allowedHosts: string[] = []): boolean {
    const incoming = { rawHeaders: ['Host', header], url: '/' };
    return createHostCheck({ host, allowedHosts })(incoming) === null;
  }

  test.each(['0.0.0.0', '::', '[::]'])(
    'that is every address (%s) goes by any IP address and the machine name',
    (host) => {
      for (const header of ['192.168.1.7:8000', '10.1.2.3', '[fe80::1]:8000', '127.0.0.1', 'localhost', hostname()]) {
        expect([header, isAllowed(host, header)]).toEqual([header, true]);
      }
      for (const header of ['evil.example', '999.1.1.1', '1.2.3.4.evil.example', '[fe80::1%25eth0]', 'a']) {
        expect([header, isAllowed(host, header)]).toEqual([header, false]);
      }
      expect(isAllowed(host, 'nas.home', ['nas.home'])).toBe(true);
    },
  );

  test('that is one address goes by that and the machine name', () => {
    for (const header of ['192.168.1.5:8000', hostname()]) expect(isAllowed('192.168.1.5', header)).toBe(true);
    for (const header of ['192.168.1.6', '127.0.0.1', 'localhost', 'evil.example']) {
      expect(isAllowed('192.168.1.5', header)).toBe(false);
    }
    expect(isAllowed('fd00::5', '[FD00:0::5]:8000')).toBe(true);
  });
});
