/** Connections have bounds: how many, of whom, for how long without a request; and refusals arrive. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { connectRaw, exchangeRaw, makeKeys, startTest, until, wireReading } from './support.js';

const SINGLE = '/metrics/heart-rate';
const ALIVE = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n';
const LAST = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

function head(path: string, length: number, more = ''): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n${more}\r\n`;
}

describe('connections', () => {
  test('of one address are half of all at most, and one that ends makes room', async () => {
    const { port, log } = await startTest({ limits: { maxConnections: 8 } });
    const held = await Promise.all(Array.from({ length: 4 }, () => connectRaw(port)));
    const refused = await connectRaw(port);
    expect(await refused.closed).toBe('');
    await until(() => log.some((line) => line.includes('connections are refused')), 'the log says so');
    // Of another address, where the system has one: all of 127.0.0.0/8 is this machine, on Linux.
    if (process.platform === 'linux') {
      const other = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
      other.write(LAST);
      const [answer] = await once(other, 'data');
      expect(String(answer)).toContain('200 OK');
    }
    held[0]?.socket.destroy();
    await until(async () => (await exchangeRaw(port, LAST)).includes('200 OK'), 'there is room again');
  });

  test('are never more than half of the files that the process may open beside its own', async () => {
    const { countAllowed } = await import('../src/http/connections/connection-bounds.js');
    expect(countAllowed({ maxConnections: 5 })).toBe(5);
    const allowed = countAllowed({ maxConnections: Number.MAX_SAFE_INTEGER });
    const { userLimits } = process.report.getReport() as unknown as { readonly userLimits: UserLimits };
    const { open_files: files } = userLimits;
    if (files.soft !== 'unlimited' && process.platform === 'linux')
      expect(allowed).toBe(Math.floor((files.soft - 40) / 2));
    expect(countAllowed({ maxConnections: 100 }, 64)).toBe(12);
    const refused = { code: 'too_few_files', message: expect.stringContaining('ulimit -n') };
    expect(() => countAllowed({ maxConnections: 100 }, 63)).toThrow(expect.objectContaining(refused));
  });

  test('that send blank lines, and no request, are cut all the same', async () => {
    const { port } = await startTest({ limits: { keepAliveMs: 200, headersMs: 200, checkEveryMs: 20 } });
    for (const first of ['', ALIVE]) {
      const { socket, closed } = await connectRaw(port);
      socket.write(first);
      const timer = setInterval(() => socket.write('\r\n'), 50);
      await closed;
      clearInterval(timer);
    }
  });

  test('with a request are not: one that takes longer is answered', async () => {
    const { port } = await startTest({
      limits: { keepAliveMs: 100, headersMs: 100, checkEveryMs: 20 },
      wrapQueue: (queue) => ({
        ...queue,
        async push(elements, options) {
          await new Promise((resolve) => setTimeout(resolve, 600));
          await queue.push(elements, options);
        },
      }),
    });
    const body = JSON.stringify(wireReading());
    expect(await exchangeRaw(port, head(SINGLE, body.length, 'Connection: close\r\n') + body)).toContain(' 202 ');
  });
});

interface UserLimits {
  readonly open_files: { readonly soft: number | 'unlimited' };
}

describe('HEAD', () => {
  test('has the headers of GET, its length among them', async () => {
    const { keysFile, headers } = await makeKeys(1);
    for (const { url, key } of [
      { url: (await startTest()).url, key: {} },
      { url: (await startTest({ keysFile })).url, key: headers[0] ?? {} },
    ]) {
      for (const path of [
        '/health/live',
        '/openapi.json',
        '/docs',
        '/status',
        '/session',
        '/users/ana/devices',
        '/metrics/heart-rate?user_id=ana&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z',
        '/metrics/heart-rate',
        '/nothing',
        '/users/../x',
      ]) {
        const ask = async (method: string) => {
          const answer = await fetch(url + path, { method, headers: { ...key, 'Accept-Encoding': 'identity' } });
          const text = await answer.text();
          const told = Object.fromEntries([...answer.headers].filter(([name]) => !CHANGING.includes(name)));
          return { status: answer.status, told, length: text.length };
        };
        const [byGet, byHead] = [await ask('GET'), await ask('HEAD')];
        expect({ path, ...byHead }).toEqual({ path, ...byGet, length: 0 });
        expect(byHead.told['content-length']).toBeDefined();
      }
    }
  });
});

/** Headers that no two answers have alike, or that are the connection's: some clients end theirs after a HEAD. */
const CHANGING = ['x-request-id', 'date', 'ratelimit', 'connection', 'keep-alive'];

describe('a body that will be refused', () => {
  test.each([
    ['413', '/metrics/heart-rate/batch', 100_000_000, ''],
    ['413', SINGLE, 100_000, ''],
    ['415', SINGLE, 100, 'Content-Encoding: br\r\n'],
    ['404', '/nothing', 100, ''],
    ['405', '/health', 100, ''],
  ])('is not asked for: %s at %s', async (status, path, length, more) => {
    const { port } = await startTest();
    const asking = head(path, length, `${more}Expect: 100-continue\r\n`);
    const { socket, received, closed } = await connectRaw(port);
    socket.write(asking);
    const answer = await closed;
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(received().match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  test('is asked for once where it will be read', async () => {
    const { port } = await startTest();
    const body = JSON.stringify(wireReading());
    const { socket, received, closed } = await connectRaw(port);
    socket.write(head(SINGLE, body.length, 'Expect: 100-continue\r\n'));
    await until(() => received().includes('100 Continue\r\n\r\n'), 'it may go on');
    socket.write(`${body}${LAST}`);
    expect((await closed).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 100', 'HTTP/1.1 202', 'HTTP/1.1 200']);
  });

  test.each([
    ['keep-alive', '/metrics/heart-rate/batch', '413', ''],
    ['close', '/metrics/heart-rate/batch', '413', ''],
    ['close', SINGLE, '415', 'Content-Encoding: br\r\n'],
    ['close', '/nothing', '404', ''],
  ])('is heard to its end, so that its sender gets the answer: %s, %s', async (connection, path, status, more) => {
    // On a busy machine what is sent may come late.
    const { port } = await startTest({ limits: { lingerMs: 120_000 } });
    // More than a batch may have; read at 8 MiB a second.
    const length = 20_000_000;
    const { socket, received, closed } = await connectRaw(port);
    // The server may have ended its side long before all is sent.
    socket.removeAllListeners('end');
    let error: unknown = null;
    socket.on('error', (cause) => {
      error = cause;
    });
    socket.write(head(path, length, `${more}Connection: ${connection}\r\n`));
    // As a client that reads nothing before it has sent all.
    await until(() => received().includes('}'), 'it is refused');
    for (let sent = 0; sent < length; sent += 1_000_000) {
      await new Promise((resolve) => socket.write(Buffer.alloc(1_000_000, 0x20), resolve));
      // Longer than it takes to close a connection.
      if (sent === 5_000_000) await new Promise((resolve) => setTimeout(resolve, 700));
    }
    expect(received()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    if (connection === 'keep-alive') socket.write(LAST);
    socket.end();
    const answers = (await closed).match(/HTTP\/1\.1 \d+/g);
    expect(answers).toEqual([`HTTP/1.1 ${status}`, ...(connection === 'keep-alive' ? ['HTTP/1.1 200'] : [])]);
    expect(error).toBeNull();
  });
});
