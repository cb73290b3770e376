/**
 * Answers that are cut, over HTTP/1.0 too, where the end of the connection is the end of the answer: nobody takes one for whole. The
 * cases are all the ways in which this server ends a connection in the middle of an answer, and the end that a client can check
 * where the server had no say, since it was killed.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { HrmError, type Reading, writePart } from 'hrm-core';
import { createClient } from 'hrm-core/client';
import { expect, onTestFinished, test, vi } from 'vitest';
import { connectRaw, startTest, type TestOptions, until } from './support.js';

const DAYS = 20;
const START_MS = Date.UTC(2024, 0, 1);
const ALL = { userId: 'ana', start: new Date(START_MS), end: new Date(START_MS + DAYS * 86_400_000) };
const TARGET = `/metrics/heart-rate?user_id=ana&start=2024-01-01T00:00:00Z&end=2024-01-21T00:00:00Z`;

/** What happens when the twelfth day is about to be read, in the middle of the answer. */
interface Middle {
  reached: () => Promise<void> | void;
}

/** A service with a minute's reading each minute of 20 days. */
async function start(options: TestOptions = {}) {
  const middle: Middle = { reached: () => undefined };
  const started = await startTest({
    ...options,
    wrapStorage: (storage) => ({
      ...storage,
      // Of a day that is remembered no snapshot is taken.
      state: async () => null,
      async snapshot(...call) {
        const [{ date, directory }] = call;
        if (date === '20240112' && directory === 'ana') await middle.reached();
        return await storage.snapshot(...call);
      },
    }),
  });
  const readings: Reading[] = Array.from({ length: DAYS * 1_440 }, (_, i) => ({
    userId: 'ana',
    deviceId: 'watch',
    timestampMs: START_MS + i * 60_000,
    heartRate: 60 + ((i * i) % 90),
    receivedMs: START_MS,
  }));
  await writePart({ storage: started.storage }, readings);
  return { ...started, middle };
}

/** The storage fails there. */
function fail(middle: Middle): void {
  middle.reached = () => {
    throw new HrmError('no disk', { kind: 'unavailable', code: 'storage_unavailable' });
  };
}

/** The storage hangs there. @returns when it does. */
function hang(middle: Middle): Promise<void> {
  return new Promise((resolve) => {
    middle.reached = async () => {
      resolve();
      await new Promise(() => undefined);
    };
  });
}

/**
 * How the server ends each of its connections from now on. It is not left to a client here to say so: libuv takes a reset behind bytes that
 * it has not read yet for an end in order. Others do not.
 */
function watchEnds(port: number): readonly ('destroy' | 'reset')[] {
  const ends: ('destroy' | 'reset')[] = [];
  const ofServer = (socket: Socket) => socket.localPort === port;
  const { destroy, resetAndDestroy } = Socket.prototype;
  const destroySpy = vi.spyOn(Socket.prototype, 'destroy');
  destroySpy.mockImplementation(function end(this: Socket, error?: Error) {
    if (ofServer(this) && !this.destroyed) ends.push('destroy');
    return destroy.call(this, error);
  });
  const resetSpy = vi.spyOn(Socket.prototype, 'resetAndDestroy');
  resetSpy.mockImplementation(function reset(this: Socket) {
    if (ofServer(this)) ends.push('reset');
    return resetAndDestroy.call(this);
  });
  onTestFinished(() => {
    destroySpy.mockRestore();
    resetSpy.mockRestore();
  });
  return ends;
}

interface Taken {
  readonly head: string;
  readonly body: Buffer;
  /** `end`: in order; else the code of the error. */
  readonly how: string;
}

/** Asks as HTTP/1.0 does, and takes what comes. @param take - what to do with each piece that came. */
async function ask10(
  port: number,
  headers: readonly string[] = [],
  take: (socket: Socket, bytes: number) => void = () => undefined,
): Promise<Taken> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  let how = 'closed';
  let bytes = 0;
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    bytes += chunk.length;
    take(socket, bytes);
  });
  socket.on('end', () => {
    how = 'end';
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    how = String(error.code);
  });
  socket.write([`GET ${TARGET} HTTP/1.0`, 'Host: localhost', ...headers, '', ''].join('\r\n'));
  await once(socket, 'close').catch(() => undefined);
  const all = Buffer.concat(chunks);
  const at = all.indexOf('\r\n\r\n');
  return { head: all.subarray(0, at).toString(), body: all.subarray(at + 4), how };
}

/** A proxy that speaks HTTP/1.0 to a server, and passes on what comes with an end in order, as for a server that was killed. */
async function proxy10(port: number, maxBytes: number): Promise<string> {
  const server = createServer((client) => {
    client.once('data', (request) => {
      const upstream = connect(port, '127.0.0.1');
      let left = maxBytes;
      upstream.write(request.toString('latin1').replace('HTTP/1.1\r\n', 'HTTP/1.0\r\n'), 'latin1');
      upstream.on('data', (chunk) => {
        client.write(chunk.subarray(0, left));
        left -= Math.min(left, chunk.length);
        if (left > 0) return;
        upstream.destroy();
        client.end();
      });
      upstream.on('end', () => client.end());
      upstream.on('error', () => client.resetAndDestroy());
    });
    client.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function readAll(url: string, send: typeof fetch = fetch): Promise<number> {
  let rows = 0;
  for await (const _ of createClient({ url, retries: 0, fetch: send }).query(ALL)) rows += 1;
  return rows;
}

test.each(['application/json', 'application/x-ndjson', 'text/csv'])(
  'an answer over HTTP/1.0 that the storage stops in the middle is reset: %s',
  async (accept) => {
    const { port, middle } = await start();
    const ends = watchEnds(port);
    const whole = await ask10(port, [`Accept: ${accept}`]);
    expect([whole.how, ends]).toEqual(['end', ['destroy']]);
    expect(whole.head).toMatch(/^HTTP\/1.1 200 /);
    expect(whole.head).not.toMatch(/content-length|transfer-encoding/i);
    fail(middle);
    for (const [nth, packing] of ['identity', 'gzip'].entries()) {
      const { body } = await ask10(port, [`Accept: ${accept}`, `Accept-Encoding: ${packing}`]);
      expect(ends[1 + 2 * nth]).toBe('reset');
      expect(body.length).toBeLessThan(whole.body.length);
    }
  },
);

test('so is one that stalls, and one whose client sends nonsense', async () => {
  const stalled = await start({ limits: { silentMs: 300 } });
  void hang(stalled.middle);
  expect((await ask10(stalled.port)).how).toBe('ECONNRESET');
  const odd = await start();
  const ends = watchEnds(odd.port);
  const hanging = hang(odd.middle);
  await ask10(odd.port, [], (socket) => void hanging.then(() => socket.write('NONSENSE\0\r\n\r\n')));
  expect(ends[0]).toBe('reset');
});

/** Connections without a request are ended after 200 ms. */
const IMPATIENT = { keepAliveMs: 100, headersMs: 100, checkEveryMs: 20 };

test('one that is made slowly, behind another on its connection, is no end of a connection without a request', async () => {
  const { port, middle } = await start({ limits: IMPATIENT });
  let reached = 0;
  middle.reached = async () => {
    reached += 1;
    if (reached === 2) await sleep(5 * (IMPATIENT.keepAliveMs + IMPATIENT.headersMs));
  };
  const { socket, closed } = await connectRaw(port);
  const head = `GET ${TARGET} HTTP/1.1\r\nHost: localhost\r\n`;
  socket.write(`${head}\r\n${head}Connection: close\r\n\r\n`);
  const answers = await closed;
  expect(answers.match(/HTTP\/1\.1 200 /g)).toHaveLength(2);
  expect(answers.endsWith('\r\n0\r\n\r\n')).toBe(true);
  expect(reached).toBe(2);
});

test('so is one of many on a connection of which its client takes nothing', async () => {
  const { port } = await start({ limits: { ...IMPATIENT, stalledMs: 1_000 } });
  const ends = watchEnds(port);
  const { socket, received } = await connectRaw(port);
  const request = `GET ${TARGET} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  // The first is over, and the others are more than what sockets hold.
  socket.write(request.repeat(20));
  await until(() => received().includes('\r\n0\r\n\r\n'), 'the first is there');
  socket.pause();
  await until(() => ends.length > 0, 'the connection ends');
  expect(ends[0]).toBe('reset');
});

test('so is one that a server which stops waits for no longer', async () => {
  const { port, service, middle } = await start({ limits: { closeMs: 200 } });
  const ends = watchEnds(port);
  const hanging = hang(middle);
  const asked = ask10(port);
  await hanging;
  // What hangs in the storage is waited for elsewhere.
  void service.close();
  await asked;
  expect(ends[0]).toBe('reset');
});

test('an end that counts the rows is written where Accept asks for it, and nowhere else', async () => {
  const { port, url } = await start();
  const plain = await ask10(port, ['Accept: application/x-ndjson']);
  const counted = await ask10(port, ['Accept: application/x-ndjson; end=count, text/csv;q=0.1']);
  expect(counted.head).toMatch(/content-type: application\/x-ndjson; end=count\r\n/i);
  expect(counted.body.toString()).toBe(`${plain.body}{"end":true,"count":${DAYS * 1_440}}\n`);
  const csv = await ask10(port, ['Accept: text/csv']);
  const countedCsv = await ask10(port, ['Accept: text/csv;END="count"', 'Accept-Encoding: gzip']);
  expect(countedCsv.head).toMatch(/content-type: text\/csv; charset=utf-8; end=count\r\n/i);
  expect(gunzipSync(countedCsv.body).toString()).toBe(`${csv.body}end,,,,${DAYS * 1_440},\r\n`);
  const json = await ask10(port, ['Accept: application/json; end=count']);
  expect(json.head).toMatch(/content-type: application\/json\r\n/i);
  const tags = [plain, counted, csv, countedCsv, json].map(({ head }) => /etag: (\S+)/i.exec(head)?.[1]);
  expect(new Set(tags).size).toBe(5);
  const empty = await fetch(`${url}${TARGET.replace('ana', 'nobody')}`, {
    headers: { Accept: 'application/x-ndjson;end=count' },
  });
  expect(await empty.text()).toBe('{"end":true,"count":0}\n');
});

test('the client ends without an error with all of the rows alone, wherever and however the answer is cut', async () => {
  const { port, middle } = await start();
  const { head, body } = await ask10(port, ['Accept: application/x-ndjson; end=count']);
  const bytes = head.length + 4 + body.length;
  expect(await readAll(await proxy10(port, Number.POSITIVE_INFINITY))).toBe(DAYS * 1_440);
  const lineEnd = head.length + 4 + body.indexOf('\n', body.length >> 1) + 1;
  const lastLine = bytes - '{"end":true,"count":28800}\n'.length;
  // The head differs by the address of the proxy and an id, of the same length; packed, no cut would be at a line.
  const unpacked: typeof fetch = (input, init) =>
    fetch(input, { ...init, headers: { ...(init?.headers as object), 'Accept-Encoding': 'identity' } });
  const cut = { kind: 'unavailable' };
  for (const at of [head.length + 4, lineEnd, lineEnd + 7, lastLine, bytes - 1]) {
    await expect(readAll(await proxy10(port, at), unpacked)).rejects.toMatchObject(cut);
  }
  await expect(readAll(await proxy10(port, 100_000))).rejects.toMatchObject(cut);
  fail(middle);
  await expect(readAll(await proxy10(port, Number.POSITIVE_INFINITY))).rejects.toMatchObject(cut);
});
