/**
 * One key sends as much as it can, and what another notices of it: its turn, its share of memory and queue, and refusals that cost
 * nothing.
 */
import { writePart } from 'hrm-core';
import { describe, expect, test } from 'vitest';
import { MAX_BATCH_BYTES, MAX_HELD_BYTES, MAX_LONG_ANSWERS } from '../src/limits.js';
import {
  type Bearer,
  connectRaw,
  gate,
  makeKeys,
  post,
  type RawConnection,
  startTest,
  until,
  wireReading,
} from './support.js';

const SINGLE = '/metrics/heart-rate';
const BATCH = '/metrics/heart-rate/batch';
const DAY = `${SINGLE}?user_id=ana&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z`;

/** The client sends its body when it is told to. */
const ASKING = 'Expect: 100-continue\r\nConnection: close\r\n';

function batchOf(length: number): unknown[] {
  return Array.from({ length }, (_, i) => wireReading({ device_id: `watch ${i}` }));
}

async function startWithTwo(flags: Record<string, string> = {}) {
  const { keysFile, headers } = await makeKeys(2);
  const [busy, other] = headers as [Bearer, Bearer];
  return { ...(await startTest({ keysFile, flags })), busy, other };
}

/** The head of a POST whose body is still to come. */
async function beginBatch(port: number, key: Bearer, length: number, more = ''): Promise<RawConnection> {
  const connection = await connectRaw(port);
  const head = `POST ${BATCH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n`;
  connection.socket.write(`${head}Authorization: ${key.Authorization}\r\n${more}\r\n`);
  return connection;
}

describe('one key that sends much', () => {
  test('waits for itself: a reading and a day of another are answered before most of what came before them', async () => {
    const { url, busy, other, storage } = await startWithTwo();
    const reading = { userId: 'ana', deviceId: 'watch', heartRate: 60, receivedMs: 0 };
    const minutes = Array.from({ length: 1_440 }, (_, i) => ({ ...reading, timestampMs: Date.UTC(2024, 0, 15, 0, i) }));
    await writePart({ storage }, minutes);
    const body = JSON.stringify(batchOf(2_000));
    let answered = 0;
    const batches = Array.from({ length: 80 }, async () => {
      expect((await post(url + BATCH, body, busy)).status).toBe(202);
      answered += 1;
    });
    await until(() => answered > 0, 'the batches are there');
    expect((await post(url + SINGLE, wireReading(), other)).status).toBe(202);
    expect(answered).toBeLessThan(40);
    expect((await fetch(url + DAY, { headers: other })).status).toBe(200);
    expect(answered).toBeLessThan(70);
    await Promise.all(batches);
  });

  test('has a quarter of the memory for bodies, and what finds no room is refused before it is sent', async () => {
    const { url, port, busy, other } = await startWithTwo();
    const held = MAX_BATCH_BYTES - 1;
    const filling = await Promise.all(
      Array.from({ length: MAX_HELD_BYTES / 4 / MAX_BATCH_BYTES }, () => beginBatch(port, busy, held + 1)),
    );
    const spaces = Buffer.alloc(held, ' ');
    await Promise.all(
      filling.map(({ socket }) => new Promise<void>((resolve) => socket.write(spaces, () => resolve()))),
    );
    const body = JSON.stringify(batchOf(1_000));
    // Who asks first holds nothing of the share meanwhile.
    const ask = async () => {
      const { socket, received, closed } = await beginBatch(port, busy, body.length, ASKING);
      await Promise.race([closed, until(() => received().includes(' 100 '), 'it may go on')]);
      socket.destroy();
      return received();
    };
    let answer = '';
    await until(async () => {
      answer = await ask();
      return !answer.includes(' 100 ');
    }, 'the share is used up');
    expect(answer).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nretry-after: \d+\r\n[\s\S]*"code":"too_busy"/i);
    expect((await post(url + BATCH, body, busy)).status).toBe(503);
    expect((await post(url + BATCH, body, other)).status).toBe(202);
    // A reading has a budget of its own.
    expect((await post(url + SINGLE, wireReading(), busy)).status).toBe(202);
    for (const { socket } of filling) socket.destroy();
    await until(async () => (await post(url + BATCH, body, busy)).status === 202, 'there is room again');
  });

  test('is refused by the heads alone what its bodies under way leave no room for, before a byte of them has come', async () => {
    const { url, port, busy, other } = await startWithTwo();
    const fitting = MAX_HELD_BYTES / 4 / MAX_BATCH_BYTES;
    const announced = await Promise.all(
      Array.from({ length: 5 * fitting }, () => beginBatch(port, busy, MAX_BATCH_BYTES)),
    );
    const refused = () => announced.filter(({ received }) => received().includes('"code":"too_busy"')).length;
    await until(() => refused() === 4 * fitting, 'all but a share are refused');
    // It is its own room: it may never come.
    expect((await post(url + BATCH, batchOf(10), busy)).status).toBe(503);
    expect((await post(url + BATCH, batchOf(10), other)).status).toBe(202);
    for (const { socket } of announced) socket.destroy();
    await until(async () => (await post(url + BATCH, batchOf(10), busy)).status === 202, 'there is room again');
  });

  test('is refused long answers by their questions, before anything is read for them', async () => {
    const { opened, open } = gate();
    const { keysFile, headers } = await makeKeys(1);
    const [busy] = headers as [Bearer];
    const { url, storage } = await startTest({
      keysFile,
      wrapStorage: (real) => ({
        ...real,
        async versions(partition, options) {
          await opened;
          return await real.versions(partition, options);
        },
      }),
    });
    const reading = { userId: 'ana', deviceId: 'watch', heartRate: 60, receivedMs: 0 };
    await writePart({ storage }, [{ ...reading, timestampMs: Date.UTC(2024, 0, 15) }]);
    const ask = (query: string) => fetch(`${url}${SINGLE}?user_id=ana&${query}`, { headers: busy });
    const year = 'start=2024-01-01T00:00:00Z&end=2024-12-31T00:00:00Z';
    const statuses: number[] = [];
    const questions = Array.from({ length: 3 * (MAX_LONG_ANSWERS / 4) }, async () => {
      statuses.push((await ask(year)).status);
    });
    await until(() => statuses.length === 2 * (MAX_LONG_ANSWERS / 4), 'all but a share are refused');
    expect(new Set(statuses)).toEqual(new Set([503]));
    open();
    await Promise.all(questions);
    expect(statuses.filter((status) => status === 200)).toHaveLength(MAX_LONG_ANSWERS / 4);
    // A place is free again as soon as an answer turns out to be short.
    expect((await ask(year)).status).toBe(200);
  });

  test('does not fill the last part of the queue, and hears so before it sends', async () => {
    const { url, port, busy, other, queue } = await startWithTwo({ queueHighWater: '1600' });
    const batch = batchOf(50);
    for (let i = 0; i < 28; i += 1) expect((await post(url + BATCH, batch, busy)).status).toBe(202);
    await until(async () => (await post(url + BATCH, batch, busy)).status === 503, 'its share is used up');
    expect((await queue.depth()).readings).toBeLessThanOrEqual(1_450);
    const refused = await beginBatch(port, busy, 1_000, ASKING);
    expect(await refused.closed).toMatch(/^HTTP\/1\.1 503 [\s\S]*"code":"queue_full"/);
    expect((await post(url + SINGLE, wireReading(), busy)).status).toBe(503);
    expect((await post(url + BATCH, batch, other)).status).toBe(202);
    expect((await post(url + SINGLE, wireReading(), other)).status).toBe(202);
    const claim = await queue.claim({ maxReadings: 1e6, maxBytes: 1e9, maxElements: 1e6, leaseMs: 60_000 });
    await queue.ack(claim?.token ?? '');
    await until(async () => (await post(url + BATCH, batch, busy)).status === 202, 'it is taken again');
  });
});
