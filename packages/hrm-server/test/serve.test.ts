import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { HrmError, isHrmError } from 'hrm-core';
import { openQueue } from 'hrm-core/open';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type ServicePart, serve } from '../src/index.js';
import { filesBelow, post, startTest, testSettings, until, wireReading, withoutHealth } from './support.js';

const SINGLE = '/metrics/heart-rate';
const log = pino({ level: 'silent' });

/** What a promise is rejected with. */
async function errorOf(promise: Promise<unknown>): Promise<{ kind: string; code: string; message: string }> {
  const error = await promise.then(
    () => new Error('it was not rejected'),
    (reason: unknown) => reason,
  );
  if (!isHrmError(error)) throw error;
  return { kind: error.kind, code: error.code, message: error.message };
}

/** Takes a free port until the test is over. */
async function occupyPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('serve', () => {
  test('runs the whole path: a reading that got 202 is in the answers, and compacted', async () => {
    const settings = await testSettings({ batchMaxAgeMs: '20', compactEveryMs: '50', sweepAfterMs: '0' });
    const service = await serve(settings, { parts: ['api', 'consumer', 'compacter'], log });
    onTestFinished(() => service.close());
    expect(service.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await post(service.url + SINGLE, wireReading())).status).toBe(202);
    const query = 'user_id=ana&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';
    async function count(): Promise<number> {
      const response = await fetch(`${service.url}${SINGLE}?${query}`);
      return ((await response.json()) as { count: number }).count;
    }
    await until(async () => (await count()) === 1, 'the reading is in the answers');
    async function parquetFiles(): Promise<string[]> {
      return (await filesBelow(settings.dataDir)).filter((name) => name.endsWith('.parquet'));
    }
    await until(
      async () => (await parquetFiles()).join() === 'compacted.parquet',
      'it is compacted and the part swept',
    );
    expect(await count()).toBe(1);
    await service.close();
    await service.close();
    await expect(fetch(`${service.url}/health`)).rejects.toThrow();
  });

  test('starts again where it stopped: what was queued is stored by the next', async () => {
    const settings = await testSettings({ batchMaxAgeMs: '0' });
    const api = await serve(settings, { parts: ['api'], log });
    expect((await post(api.url + SINGLE, wireReading())).status).toBe(202);
    await api.close();
    const consumer = await serve(settings, { parts: ['consumer'], log });
    onTestFinished(() => consumer.close());
    expect(consumer.url).toBeNull();
    await until(
      async () => (await filesBelow(settings.dataDir)).some((name) => name.endsWith('.parquet')),
      'it is stored',
    );
    await consumer.close();
    const queue = await openQueue(settings);
    expect(await queue.depth()).toMatchObject({ readings: 0, claimedReadings: 0, deadLetters: 0 });
    await queue.close();
  });

  test.each<[ServicePart[], boolean]>([
    [['compacter'], false],
    [['consumer'], true],
    [['api'], true],
  ])('opens the drivers that %s needs and no other', async (parts, needsQueue) => {
    const settings = await testSettings();
    const service = await serve(settings, { parts, log });
    await service.close();
    const queueFiles = await filesBelow(settings.queueDir).catch(() => null);
    expect(queueFiles !== null).toBe(needsQueue);
  });

  test('says which port is in use and what to do, and leaves nothing open', async () => {
    const port = await occupyPort();
    const settings = await testSettings({ port: String(port) });
    const error = await errorOf(serve(settings, { parts: ['api', 'consumer', 'compacter'], log }));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'port_in_use' });
    expect(error.message).toMatch(new RegExp(`port ${port} .*HRM_PORT`));
    const service = await serve({ ...settings, port: 0 }, { parts: ['api'], log });
    await service.close();
  });

  test('does not listen beyond this machine unless that is said to be meant', async () => {
    for (const host of ['0.0.0.0', '::', '192.168.1.5', 'example.org', '127.0.0.1.example.org']) {
      const settings = await testSettings({ host });
      const error = await errorOf(serve(settings, { parts: ['api'], log }));
      expect([host, error.kind, error.code]).toEqual([host, 'invalid', 'invalid_settings']);
      expect(error.message).toContain('HRM_ALLOW_ANONYMOUS=true');
      const consumer = await serve(settings, { parts: ['consumer'], log });
      await consumer.close();
    }
    const settings = await testSettings({ host: '0.0.0.0', allowAnonymous: 'true' });
    const service = await serve(settings, { parts: ['api'], log });
    onTestFinished(() => service.close());
    expect(service.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await fetch(`${service.url}/health`)).status).toBe(200);
  });

  test.each(['localhost', '127.0.0.2', '127.0.0.1'])('listens on %s without more ado', async (host) => {
    const service = await serve(await testSettings({ host }), { parts: ['api'], log });
    onTestFinished(() => service.close());
    expect((await fetch(`${service.url}/health`)).status).toBe(200);
  });

  test('refuses addresses that are not of this machine, and no parts at all', async () => {
    const foreign = await testSettings({ host: '203.0.113.7', allowAnonymous: 'true' });
    expect(await errorOf(serve(foreign, { parts: ['api'], log }))).toMatchObject({
      kind: 'invalid',
      code: 'cannot_listen',
    });
    expect(await errorOf(serve(await testSettings(), { parts: [], log }))).toMatchObject({ kind: 'invalid' });
  });

  test('outlives steps that fail, and tells when a loop has ended all the same', async () => {
    let isLogBroken = false;
    let waits = 0;
    const { service } = await startTest({
      parts: ['consumer'],
      onLog() {
        // A loop that cannot say what happened has no way to go on.
        if (isLogBroken) throw new Error('the log is broken');
      },
      wrapQueue: (queue) => ({
        ...queue,
        wait() {
          waits += 1;
          return Promise.reject(new TypeError('a defect'));
        },
      }),
    });
    let failure: unknown = null;
    service.failed.catch((error: unknown) => {
      failure = error;
    });
    await until(() => waits >= 3, 'it has tried again');
    expect(failure).toBeNull();
    isLogBroken = true;
    await until(() => failure !== null, 'the failure is told');
    expect(failure).toMatchObject({ kind: 'internal', code: 'part_ended' });
  });
});

describe('the log', () => {
  test('has neither values nor users, whatever happens', async () => {
    const { url, log: lines } = await startTest({
      parts: ['api', 'consumer', 'compacter'],
      flags: { batchMaxAgeMs: '0', compactEveryMs: '10' },
      wrapStorage: (storage) => {
        // What the drivers throw names files; what they should not throw might quote anything.
        const path = '/data/20240115/kept-secret';
        const errors = [
          new HrmError(`cannot publish ${path}`, {
            kind: 'unavailable',
            code: 'storage_unavailable',
            cause: new Error(path),
          }),
          Object.assign(new Error(`EIO: i/o error, open '${path}'`), { code: 'EIO' }),
          new SyntaxError('Unexpected token, "kept-secret" is not valid JSON'),
        ];
        return {
          ...storage,
          publish(...call) {
            const error = errors.shift();
            return error === undefined ? storage.publish(...call) : Promise.reject(error);
          },
        };
      },
    });
    await post(url + SINGLE, wireReading({ user_id: 'kept-secret', heart_rate: 131 }));
    await post(url + SINGLE, wireReading({ user_id: 'kept-secret', heart_rate: 231 }));
    await fetch(`${url}${SINGLE}?user_id=kept-secret&start=1&end=2`);
    await fetch(`${url}/kept-secret`);
    await until(() => lines.some((line) => line.includes('"parts":1')), 'it is stored');
    // Random digits may be any.
    const text = lines.map((line) => JSON.stringify({ ...JSON.parse(line), time: 0, pid: 0, requestId: '' })).join('');
    expect(text).toContain('storage_unavailable');
    expect(text).toContain('"system":"EIO"');
    for (const secret of ['kept-secret', '131', '231']) expect(text).not.toContain(secret);
  });

  test('goes to stderr, a JSON object a line, and stdout stays empty', async () => {
    const { dataDir, queueDir } = await testSettings();
    const program = `
      import { serve } from 'hrm-server';
      import { loadSettings } from 'hrm-core/settings';
      const flags = { dataDir: ${JSON.stringify(dataDir)}, queueDir: ${JSON.stringify(queueDir)}, port: '0' };
      const service = await serve(loadSettings({ flags }), { parts: ['api'] });
      await fetch(service.url + '/metrics/heart-rate');
      await service.close();
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { cwd: import.meta.dirname });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk) => out.push(chunk));
    child.stderr.on('data', (chunk) => err.push(chunk));
    const code = await new Promise((resolve) => child.on('close', resolve));
    const text = Buffer.concat(err).toString();
    expect(text).toMatch(/\}\n$/);
    const lines = withoutHealth(text.trimEnd().split('\n'));
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({ msg: 'starting', level: 30, parts: ['api'], dataDir, queueDir }),
      expect.objectContaining({ status: 400, level: 30 }),
    ]);
    expect(Buffer.concat(out).toString()).toBe('');
    expect(code).toBe(0);
  });
});
