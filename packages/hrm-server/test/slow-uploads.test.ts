/** Clients that begin to send a file and then say nothing. */
import { readdir } from 'node:fs/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { connectRaw, post, startTest, until } from './support.js';

afterEach(() => {
  vi.useRealTimers();
});

it('answers 408 to a silent upload once it may be silent no longer, and gives its place away', async () => {
  const service = await startTest();
  async function codeOfNext(): Promise<unknown> {
    const answer = await post(`${service.url}/imports?user_id=ana`, 'user_id,', { 'Content-Type': 'text/csv' });
    return ((await answer.json()) as { code: unknown }).code;
  }
  const realTimeout = setTimeout;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const head = 'POST /imports?user_id=ana HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/csv\r\n';
  const silent = await Promise.all(
    [0, 1].map(async () => {
      const connection = await connectRaw(service.port);
      connection.socket.write(`${head}Content-Length: 1000000\r\n\r\nuser_id,`);
      return connection;
    }),
  );
  const wait = () => new Promise((resolve) => realTimeout(resolve, 10));
  // Both of the client's places are taken.
  while ((await codeOfNext()) !== 'too_busy') await wait();
  await wait();
  await vi.advanceTimersByTimeAsync(9_000);
  await wait();
  expect(silent.map(({ received }) => received())).toEqual(['', '']);
  // The wait may begin late, on a busy machine: with its spool file.
  const answers = Promise.all(silent.map(({ closed }) => closed));
  let isOver = false;
  void answers.then(() => (isOver = true));
  while (!isOver) {
    await vi.advanceTimersByTimeAsync(1_500);
    await wait();
  }
  vi.useRealTimers();
  for (const answer of await answers) {
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('"code":"request_timeout"');
  }
  await until(async () => (await codeOfNext()) === 'not_imported', 'the places are free again');
  expect(await readdir(service.settings.spoolDir)).toEqual([]);
  expect((await service.queue.depth()).readings).toBe(0);
  expect(service.log.filter((line) => line.includes('"level":50'))).toEqual([]);
});
