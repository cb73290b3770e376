import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, queryArgs, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

const QUICK = { HRM_PORT: '0', HRM_BATCH_MAX_AGE_MS: '50' };

async function post(url: string, heartRate: number, device: string): Promise<void> {
  const response = await fetch(`${url}/metrics/heart-rate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      user_id: 'Ana & Bo/ü',
      device_id: device,
      timestamp: '2024-01-15T10:00:00Z',
      heart_rate: heartRate,
    }),
  });
  expect(response.status).toBe(202);
}

describe('hrm serve', () => {
  it('stores what is posted, and hrm query prints the very body of the GET', async () => {
    const server = sandbox.start(['serve'], { ...QUICK, HRM_DEVICE_PRIORITY: '{"watch":1}' });
    const url = await server.firstLine();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    await post(url, 70, 'a strap');
    await post(url, 81, 'watch');
    const range = 'start=2024-01-15T00:00:00Z&end=2024-01-17T00:00:00Z';
    const get = `${url}/metrics/heart-rate?user_id=${encodeURIComponent('Ana & Bo/ü')}&${range}`;
    let body = '';
    for (const deadline = Date.now() + 30_000; Date.now() < deadline; await sleep(20)) {
      body = await (await fetch(get)).text();
      if (body.includes('81')) break;
    }
    expect(JSON.parse(body)).toEqual({
      user_id: 'Ana & Bo/ü',
      data: [{ timestamp: '2024-01-15T10:00:00Z', heart_rate: 81, min: 81, max: 81, count: 1, device_ids: ['watch'] }],
      count: 1,
    });
    const { code, stdout } = await sandbox.run(queryArgs('Ana & Bo/ü', '--json', '--device-priority', '{"watch":1}'));
    expect({ code, stdout }).toEqual({ code: 0, stdout: body });
    server.child.kill('SIGTERM');
    expect(await server.finished).toMatchObject({ code: 0, stdout: `${url}\n` });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'stops cleanly at %s: what it accepted is stored or still queued',
    async (name) => {
      const server = sandbox.start(['serve'], { ...QUICK, HRM_BATCH_MAX_AGE_MS: '86400000' });
      await post(await server.firstLine(), 72, 'watch');
      server.child.kill(name);
      expect((await server.finished).code).toBe(0);
      const { stdout } = await sandbox.run(['drain', '--json']);
      expect(JSON.parse(stdout)).toMatchObject({ claimed: 1, stored: 1, left: 0 });
    },
  );

  it('says its URL and parts as one JSON line', async () => {
    const server = sandbox.start(['serve', '--json', '--only', 'api', '--port', '0']);
    const line = JSON.parse(await server.firstLine());
    expect(line).toEqual({ url: expect.stringMatching(/^http:/), parts: ['api'] });
    expect((await fetch(`${line.url}/health`)).status).toBe(200);
    server.child.kill('SIGTERM');
    expect((await server.finished).code).toBe(0);
  });

  it('runs parts: without the API it listens nowhere and says which parts run', async () => {
    const server = sandbox.start(['serve', '--only', 'compacter', '--only', 'consumer']);
    expect(await server.firstLine()).toBe('running without the API: consumer, compacter');
    server.child.kill('SIGINT');
    expect((await server.finished).code).toBe(0);
  });

  it('stores with a consumer in one process what the API took in another', async () => {
    const api = sandbox.start(['serve', '--only', 'api'], QUICK);
    const consumer = sandbox.start(['serve', '--only', 'consumer'], QUICK);
    await consumer.firstLine();
    await post(await api.firstLine(), 72, 'watch');
    let count = 0;
    for (const deadline = Date.now() + 30_000; count === 0 && Date.now() < deadline; ) {
      count = JSON.parse((await sandbox.run(queryArgs('Ana & Bo/ü', '--json'))).stdout).count;
    }
    expect(count).toBe(1);
    for (const { child, finished } of [api, consumer]) {
      child.kill('SIGTERM');
      expect((await finished).code).toBe(0);
    }
  });

  it('ends at once at a second signal, with the code of that signal', async () => {
    for (const [name, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const server = sandbox.start(['serve'], QUICK);
      const url = await server.firstLine();
      // A request that never ends keeps the server from stopping by itself for seconds.
      const { port, hostname } = new URL(url);
      const socket = await openUpload(hostname, Number(port));
      server.child.kill(name);
      await sleep(200);
      expect(server.child.exitCode).toBeNull();
      const toldMs = Date.now();
      server.child.kill(name);
      expect((await server.finished).code).toBe(code);
      expect(Date.now() - toldMs).toBeLessThan(9_000);
      socket.destroy();
    }
  });

  it('ends with 3 when its port is taken, and names it', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };
    const { code, stdout, stderr } = await sandbox.runProcess(['serve', '--port', String(port), '--json']);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    const { error } = JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
    expect(error).toMatchObject({ kind: 'unavailable', message: expect.stringContaining(String(port)) });
    holder.close();
  });

  it('refuses to listen beyond this machine without being told so', async () => {
    const { code, stderr } = await sandbox.runProcess(['serve', '--host', '0.0.0.0']);
    expect(code).toBe(2);
    expect(stderr).toContain('--host is 0.0.0.0');
    expect(stderr).toContain('HRM_ALLOW_ANONYMOUS');
    expect(stderr).not.toContain('HRM_HOST');
    expect((await sandbox.runProcess(['serve'], { env: { HRM_HOST: '0.0.0.0' } })).stderr).toContain(
      'HRM_HOST is 0.0.0.0',
    );
  });

  it('refuses wrong settings, naming setting, value and what is allowed', async () => {
    const { code, stderr } = await sandbox.runProcess(['serve'], { env: { HRM_PORT: 'eighty' } });
    expect(code).toBe(2);
    expect(stderr).toContain('HRM_PORT is "eighty": it must be an integer from 0 to 65535');
  });
});

async function openUpload(host: string, port: number) {
  const { connect } = await import('node:net');
  const socket = connect(port, host);
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  socket.write(
    `POST /metrics/heart-rate HTTP/1.1\r\nHost: ${host}:${port}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
  );
  await sleep(100);
  return socket;
}
