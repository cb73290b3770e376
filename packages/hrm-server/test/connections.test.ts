import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { Worker } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import type { Queue } from 'hrm-core';
import { openQueue } from 'hrm-core/open';
import type { Settings } from 'hrm-core/settings';
import { describe, expect, onTestFinished, test } from 'vitest';
import { MAX_PIPELINED_REQUESTS } from '../src/limits.js';
import { connectRaw, exchangeRaw, gate, post, startTest, until, wireReading } from './support.js';

const SINGLE = '/metrics/heart-rate';

function head(bytes: number, more = ''): string {
  return `POST ${SINGLE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n${more}\r\n`;
}

/** Whether nobody listens; whoever connected before is let in. */
async function isRefused(port: number): Promise<boolean> {
  try {
    (await connectRaw(port)).socket.destroy();
    return false;
  } catch (error) {
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    return true;
  }
}

/** A queue that takes nothing before the gate opens. */
function slowQueue(queue: Queue, opened: Promise<void>, onPush: () => void): Queue {
  return {
    ...queue,
    async push(elements, options) {
      onPush();
      await opened;
      await queue.push(elements, options);
    },
  };
}

describe('slow and silent clients', () => {
  test('lose their connection: headers or a body that do not come in time are 408', async () => {
    const { port, url, queue } = await startTest({ limits: { headersMs: 300, requestMs: 600, checkEveryMs: 50 } });
    const body = JSON.stringify(wireReading());
    for (const sent of [
      'POST /metrics/heart-rate HTTP/1.1\r\nHost: local',
      head(body.length),
      head(body.length) + body.slice(0, -1),
    ]) {
      const { socket, closed } = await connectRaw(port);
      socket.write(sent);
      const answer = await closed;
      expect(answer).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/);
      expect(answer).toContain('"code":"request_timeout"');
    }
    const dripping = await connectRaw(port);
    dripping.socket.write(head(body.length));
    const timer = setInterval(() => dripping.socket.write(' '), 50);
    expect(await dripping.closed).toMatch(/^HTTP\/1.1 408 /);
    clearInterval(timer);
    expect((await queue.depth()).readings).toBe(0);
    expect((await post(url + SINGLE, wireReading())).status).toBe(202);
  });

  test('do not keep others from being served', async () => {
    const { port, url } = await startTest();
    for (let i = 0; i < 200; i += 1) {
      const { socket } = await connectRaw(port);
      socket.write(i % 2 === 0 ? 'GET /hea' : head(100));
    }
    expect((await post(url + SINGLE, wireReading())).status).toBe(202);
  });

  test('that keep a connection for later are not cut after five seconds, as Node would', async () => {
    const { url } = await startTest();
    const response = await post(url + SINGLE, wireReading());
    expect(response.headers.get('keep-alive')).toBe('timeout=75');
  });

  test('may send requests one behind the other on one connection', async () => {
    const { port, queue } = await startTest();
    const { socket, closed } = await connectRaw(port);
    const body = JSON.stringify(wireReading());
    const bad = JSON.stringify(wireReading({ heart_rate: 1 }));
    socket.write(head(body.length) + body + head(bad.length) + bad + head(body.length, 'Connection: close\r\n') + body);
    expect((await closed).match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 202', 'HTTP/1.1 400', 'HTTP/1.1 202']);
    expect((await queue.depth()).readings).toBe(2);
  });

  test('have such requests handled one at a time; where they pile up those within the bound are answered, and one is refused', async () => {
    const { opened, open } = gate();
    let pushes = 0;
    const { port, url } = await startTest({
      wrapQueue: (queue) =>
        slowQueue(queue, opened, () => {
          pushes += 1;
        }),
    });
    const body = JSON.stringify(wireReading());
    const some = await connectRaw(port);
    some.socket.write((head(body.length) + body).repeat(50) + head(body.length, 'Connection: close\r\n') + body);
    const many = await connectRaw(port);
    many.socket.write((head(body.length) + body).repeat(5_000));
    await until(() => pushes >= 2, 'both are at their first');
    // Neither the one that is cut nor the other has more than one under way.
    expect(pushes).toBeLessThanOrEqual(2);
    open();
    expect((await some.closed).match(/HTTP\/1.1 202/g)).toHaveLength(51);
    const statuses = (await many.closed).match(/HTTP\/1.1 \d+/g);
    expect(statuses).toEqual([...Array(MAX_PIPELINED_REQUESTS + 1).fill('HTTP/1.1 202'), 'HTTP/1.1 503']);
    expect(many.received()).toMatch(/\r\nconnection: close\r\n[\s\S]*"code":"too_busy"[^}]*}$/i);
    expect(pushes).toBeLessThanOrEqual(52 + MAX_PIPELINED_REQUESTS);
    expect((await post(url + SINGLE, wireReading())).status).toBe(202);
  });

  test('that ask for much and read nothing cost little', async () => {
    const { port } = await startTest();
    const before = process.memoryUsage().rss;
    const request = 'GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(90);
    const connections = await Promise.all(Array.from({ length: 50 }, () => connectRaw(port)));
    for (const { socket } of connections) {
      socket.pause();
      socket.write(request);
    }
    // All of them together would be 4,500 answers of about 100 KB.
    expect(
      await exchangeRaw(port, 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'),
    ).toContain('alive');
    expect(process.memoryUsage().rss - before).toBeLessThan(150e6);
  });
});

describe('heads that others may read otherwise', () => {
  test.each([
    ['Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}', 400, 'bad_request'],
    ['Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n', 501, 'unsupported_transfer_encoding'],
    ['Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 501, 'unsupported_transfer_encoding'],
    ['Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n', 400, 'not_json'],
  ])('are refused: %j', async (rest, status, code) => {
    const { port } = await startTest();
    const start = `POST ${SINGLE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n`;
    const answer = await exchangeRaw(port, start + rest);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*"code":"${code}"`));
  });
});

describe('a body that stops coming', () => {
  test('holds no more than what came of it, and is 408 after ten seconds; a slow one is not', async () => {
    const { port, url, queue } = await startTest();
    const bomb = gzipSync(Buffer.alloc(16 * 1024 * 1024, 0x20));
    const packed = `POST ${SINGLE}/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n`;
    const silent = [];
    // Unpacked they come to more than may be held at once.
    for (let i = 0; i < 20; i += 1) {
      const connection = await connectRaw(port);
      connection.socket.write(`${packed}Content-Length: ${bomb.length + 1}\r\n\r\n`);
      await new Promise((resolve) => connection.socket.write(bomb, resolve));
      silent.push(connection);
    }
    const body = JSON.stringify(wireReading());
    const slow = await connectRaw(port);
    slow.socket.write(head(body.length + 100, 'Connection: close\r\n'));
    const timer = setInterval(() => slow.socket.write(' '), 1_000);
    onTestFinished(() => clearInterval(timer));
    let accepted = 0;
    for (let i = 0; i < 10; i += 1) {
      expect((await post(`${url}${SINGLE}/batch`, [wireReading()])).status).toBe(202);
      accepted += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    for (const { closed } of silent) {
      const answer = await closed;
      expect(answer).toMatch(/^HTTP\/1.1 408 /);
      expect(answer.toLowerCase()).toContain('\r\nconnection: close\r\n');
      expect(answer).toContain('"code":"request_timeout"');
    }
    expect(slow.received()).toBe('');
    clearInterval(timer);
    const sentBlanks = slow.socket.bytesWritten - head(body.length + 100, 'Connection: close\r\n').length;
    expect(sentBlanks).toBeGreaterThan(5);
    slow.socket.write(body.padEnd(body.length + 100 - sentBlanks));
    expect(await slow.closed).toMatch(/^HTTP\/1.1 202 /);
    expect((await queue.depth()).readings).toBe(accepted + 1);
  });
});

describe('closing', () => {
  test('answers the request in flight, whose reading is in the queue, and takes no other', async () => {
    const { opened, open } = gate();
    let pushes = 0;
    const { url, port, service, settings } = await startTest({
      wrapQueue: (queue) =>
        slowQueue(queue, opened, () => {
          pushes += 1;
        }),
    });
    const answers = [post(url + SINGLE, wireReading()), post(`${url}${SINGLE}/batch`, [wireReading(), wireReading()])];
    await until(() => pushes === 2, 'both are on their way into the queue');
    const closed = service.close();
    await until(() => isRefused(port), 'nobody is taken any more');
    open();
    for (const answer of answers) {
      const response = await answer;
      expect(response.status).toBe(202);
      expect(response.headers.get('connection')).toBe('close');
    }
    await closed;
    expect(service.close()).toBe(closed);
    const reopened = await openQueue(settings);
    expect((await reopened.depth()).readings).toBe(3);
    await reopened.close();
  });

  test('lets a body that is still coming arrive, and is not held up by connections without a request', async () => {
    const { port, service, settings } = await startTest();
    const body = JSON.stringify(wireReading());
    const agent = new Agent({ keepAlive: true });
    await new Promise((resolve, reject) => {
      request({ port, path: '/health', agent, headers: { Host: 'localhost' } })
        .on('response', (response) => response.resume().on('end', resolve))
        .on('error', reject)
        .end();
    });
    const silent = await connectRaw(port);
    const sending = await connectRaw(port);
    sending.socket.write(head(body.length) + body.slice(0, 10));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const closed = service.close();
    expect(await silent.closed).toBe('');
    await new Promise((resolve) => setTimeout(resolve, 100));
    const startMs = performance.now();
    sending.socket.write(body.slice(10));
    const answer = await sending.closed;
    expect(answer).toMatch(/^HTTP\/1.1 202 /);
    expect(answer.toLowerCase()).toContain('\r\nconnection: close\r\n');
    await closed;
    expect(performance.now() - startMs).toBeLessThan(9_000);
    agent.destroy();
    const reopened = await openQueue(settings);
    expect((await reopened.depth()).readings).toBe(1);
    await reopened.close();
  });

  test('ends at once when all connections are idle', async () => {
    const { url, service } = await startTest();
    for (let i = 0; i < 5; i += 1)
      await Promise.all(Array.from({ length: 5 }, () => post(url + SINGLE, wireReading())));
    const startMs = performance.now();
    await service.close();
    expect(performance.now() - startMs).toBeLessThan(9_000);
  });

  test('is not held up by a refused body that was still coming', async () => {
    const { port, service } = await startTest();
    const bytes = 1_000_000;
    const { socket, received, closed } = await connectRaw(port);
    socket.write(head(bytes));
    await until(() => received().includes('413'), 'it is refused');
    await until(() => received().includes('body_too_large'), 'the answer is whole');
    const startMs = performance.now();
    const serviceClosed = service.close();
    socket.write(Buffer.alloc(bytes));
    await serviceClosed;
    expect(performance.now() - startMs).toBeLessThan(9_000);
    await closed;
  });

  test('cuts what does not end in time', async () => {
    const { port, service } = await startTest({ limits: { closeMs: 200 } });
    const { socket, closed } = await connectRaw(port);
    socket.write(head(100));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await service.close();
    expect(await closed).toBe('');
  });

  test('gives the whole of an answer that has begun', async () => {
    const { url, port, service, storage } = await startTest();
    const { writePart } = await import('hrm-core');
    const startMs = Date.UTC(2023, 0, 1);
    const readings = Array.from({ length: 60 * 1440 }, (_, i) => {
      return { userId: 'ana', deviceId: 'watch', timestampMs: startMs + i * 60_000, heartRate: 60, receivedMs: 0 };
    });
    await writePart({ storage }, readings);
    const query = 'user_id=ana&start=2023-01-01T00:00:00Z&end=2024-01-01T00:00:00Z';
    const response = await fetch(`${url}${SINGLE}?${query}`);
    const closed = service.close();
    await until(() => isRefused(port), 'nobody is taken any more');
    expect(((await response.json()) as { count: number }).count).toBe(readings.length);
    await closed;
  });
});

describe('closing under load', () => {
  const body = JSON.stringify(wireReading());
  const request = head(body.length) + body;

  test('answers what has come but was never read', async () => {
    const { port, service, settings } = await startTest();
    const connections = await Promise.all(Array.from({ length: 100 }, () => connectRaw(port)));
    await new Promise((resolve) => setTimeout(resolve, 50));
    // In one turn: the requests are in the kernel, and the server has read nothing of any connection.
    for (const { socket } of connections) socket.write(request);
    const closed = service.close();
    for (const answer of await Promise.all(connections.map((connection) => connection.closed))) {
      expect(answer).toMatch(/^HTTP\/1.1 202 [\s\S]*\r\nconnection: close\r\n/i);
    }
    await closed;
    expect(await queuedCount(settings)).toBe(100);
  });

  test('answers connections that it has not even accepted, also when it was busy meanwhile', async () => {
    const { port, service, settings } = await startTest();
    // How many clients have sent their request.
    const cells = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(CLIENTS, { eval: true, workerData: { port, request, cells, count: 100 } });
    const answers = once(worker, 'message');
    await once(worker, 'online');
    // This thread serves nothing until all have sent.
    while (Atomics.load(cells, 0) < 100) Atomics.wait(cells, 0, Atomics.load(cells, 0), 10_000);
    const closed = service.close();
    expect(await answers).toEqual([Array(100).fill('HTTP/1.1 202')]);
    await closed;
    await worker.terminate();
    expect(await queuedCount(settings)).toBe(100);
  });

  test('cuts no keep-alive client that sends one request after the other', async () => {
    let resets = 0;
    let sent = 0;
    for (let round = 0; round < 5; round += 1) {
      const { port, service, settings } = await startTest();
      let accepted = 0;
      const clients = Array.from({ length: 20 }, async () => {
        const { socket, received, closed } = await connectRaw(port);
        let isClosed = false;
        socket.on('end', () => {
          isClosed = true;
        });
        for (let answers = 0; ; ) {
          socket.write(request);
          sent += 1;
          answers += 1;
          const hasAnswer = () =>
            received().split('HTTP/1.1 202').length > answers && received().endsWith('"accepted"}');
          while (!hasAnswer() && !isClosed && !socket.destroyed) await new Promise((resolve) => setImmediate(resolve));
          if (!hasAnswer()) {
            resets += 1;
            return;
          }
          accepted += 1;
          if (/connection: close/i.test(received())) {
            await closed;
            return;
          }
        }
      });
      await until(() => accepted >= 40 + round * 13, 'they are at it');
      await service.close();
      await Promise.all(clients);
      expect(await queuedCount(settings)).toBe(accepted);
    }
    console.log(`closing under load: ${sent} requests sent, ${resets} cut`);
    expect(resets).toBe(0);
  });
});

/** A thread of clients: each sends its request as soon as it is connected, and tells the status when it is closed. */
const CLIENTS = `
  const { connect } = require('node:net');
  const { parentPort, workerData } = require('node:worker_threads');
  const { port, request, cells, count } = workerData;
  function exchange() {
    return new Promise((resolve) => {
      let answer = '';
      const socket = connect({ host: '127.0.0.1', port });
      socket.on('connect', () => socket.write(request, () => {
        Atomics.add(cells, 0, 1);
        Atomics.notify(cells, 0);
      }));
      socket.on('data', (chunk) => { answer += chunk; });
      socket.on('error', (error) => { answer += error.code + ' '; });
      socket.on('close', () => resolve(answer.slice(0, 12)));
    });
  }
  Promise.all(Array.from({ length: count }, exchange)).then((answers) => parentPort.postMessage(answers));
`;

async function queuedCount(settings: Settings): Promise<number> {
  const queue = await openQueue(settings);
  const { readings } = await queue.depth();
  await queue.close();
  return readings;
}
