import { once } from 'node:events';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, ndjson, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

const HEALTHY = '{"status":"healthy","checks":{"service":"healthy","queue":"healthy","storage":"healthy"}}';

/** Queue and storage as a run of the system leaves them. */
async function makeBoth(): Promise<void> {
  const { code } = await sandbox.run(['import', '-'], { input: ndjson(3) });
  expect(code).toBe(0);
  expect((await sandbox.run(['drain', '--all'])).code).toBe(0);
}

async function files(): Promise<string[]> {
  return (await readdir(sandbox.directory, { recursive: true })).sort();
}

describe('hrm health', () => {
  it('says that all is well, as GET /health does, and leaves nothing', async () => {
    await makeBoth();
    const before = await files();
    expect(await sandbox.run(['health', '--json'])).toEqual({ code: 0, stdout: `${HEALTHY}\n`, stderr: '' });
    const { code, stdout, stderr } = await sandbox.run(['health']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe('status   healthy\nservice  healthy\nqueue    healthy\nstorage  healthy\n');
    expect(await files()).toEqual(before);
  });

  it('finds neither queue nor storage where none was made, says where it looked, and makes none', async () => {
    const { code, stdout, stderr } = await sandbox.run(['health']);
    expect(code).toBe(3);
    expect(stdout).toBe('status   unhealthy\nservice  healthy\nqueue    queue missing\nstorage  storage missing\n');
    expect(stderr).toContain(`There is no queue in ${sandbox.queueDir} (HRM_QUEUE_DIR)`);
    expect(stderr).toContain(`There are no data in ${sandbox.dataDir} (HRM_DATA_DIR)`);
    expect(stderr).not.toContain('    at ');
    expect(await files()).toEqual([]);
    // As an empty volume that was mounted in their place.
    await mkdir(sandbox.queueDir);
    await mkdir(sandbox.dataDir);
    await writeFile(join(sandbox.queueDir, 'queue.lmdb'), '');
    expect(JSON.parse((await sandbox.run(['health', '--json'])).stdout)).toEqual({
      status: 'unhealthy',
      checks: { service: 'healthy', queue: 'queue missing', storage: 'storage missing' },
    });
    expect(await files()).toEqual(['data', 'queue', 'queue/queue.lmdb']);
  });

  it('tells the one that is ill from the one that is well', async () => {
    await makeBoth();
    await rm(join(sandbox.dataDir, '.tmp'), { recursive: true });
    await writeFile(join(sandbox.dataDir, '.tmp'), 'in the way');
    const storage = await sandbox.run(['health', '--json']);
    expect(storage.code).toBe(3);
    expect(JSON.parse(storage.stdout).checks).toMatchObject({
      queue: 'healthy',
      storage: expect.stringMatching(/storage/),
    });
    await writeFile(join(sandbox.queueDir, 'queue.lmdb'), 'x'.repeat(100_000));
    const queue = await sandbox.run(['health', '--json']);
    expect(queue.code).toBe(3);
    expect(queue.stderr).toBe('');
    expect(JSON.parse(queue.stdout).checks.queue).toBe('queue layout');
  });

  it('ends with 0 when it is only degraded: over the high-water mark', async () => {
    await makeBoth();
    await sandbox.run(['import', '-'], { input: ndjson(3) });
    const { code, stdout } = await sandbox.run(['health', '--queue-high-water', '3', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'degraded',
      checks: { queue: expect.stringContaining('high-water mark') },
    });
  });

  it('works beside a running server', async () => {
    const server = sandbox.start(['serve'], { HRM_PORT: '0' });
    const url = await server.firstLine();
    expect((await sandbox.run(['health', '--json'])).stdout).toBe(`${HEALTHY}\n`);
    const asked = await sandbox.run(['health', '--url', url, '--json']);
    expect(asked).toEqual({ code: 0, stdout: `${await (await fetch(`${url}/health`)).text()}\n`, stderr: '' });
    expect((await sandbox.run(['health', '--url', `${url}/`])).stdout).toMatch(/^status {3}healthy\n/);
    server.child.kill('SIGTERM');
    expect((await server.finished).code).toBe(0);
    const gone = await sandbox.run(['health', '--url', url, '--json']);
    expect({ code: gone.code, stderr: gone.stderr }).toEqual({ code: 3, stderr: '' });
    expect(JSON.parse(gone.stdout)).toEqual({
      status: 'unhealthy',
      checks: { service: 'the server cannot be reached (ECONNREFUSED)', queue: 'not known', storage: 'not known' },
    });
  });
});

describe('hrm health --url', () => {
  /** A server that answers all with this; without a body never. */
  async function answering(status: number, body: string | undefined) {
    const server = createServer((_, response) => {
      if (body !== undefined) response.writeHead(status, { 'Content-Type': 'application/json' }).end(body);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as { port: number };
    return { url: `http://127.0.0.1:${port}`, close: () => server.closeAllConnections() ?? server.close() };
  }

  it.each([
    [
      503,
      HEALTHY.replace('"healthy"', '"unhealthy"').replace('"queue":"healthy"', '"queue":"queue full"'),
      3,
      'queue full',
    ],
    [200, HEALTHY.replace('"healthy"', '"degraded"'), 0, 'degraded'],
    [404, '<html>', 3, 'the server refuses to tell (http_404): the server answered 404'],
    [200, '{"status":"fine"}', 3, 'the answer is not a report of health'],
    [200, 'x'.repeat(1_000_000), 3, 'the answer is not a report of health'],
    [200, undefined, 3, 'no answer within 3000 ms'],
  ])('of a server that answers %s ends as it should', async (status, body, code, words) => {
    const server = await answering(status, body);
    const finished = await sandbox.run(['health', '--url', server.url]);
    server.close();
    expect(finished).toMatchObject({ code, stderr: '', stdout: expect.stringContaining(words) });
  });

  it.each(['localhost:8000', 'ftp://x', 'nonsense', 'http://x/?a=b', 'http://me:secret@x'])(
    'refuses %s as an address',
    async (url) => {
      const { code, stdout, stderr } = await sandbox.run(['health', '--url', url]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain('the url must be that of a server');
      expect(stderr).not.toContain('secret');
    },
  );
});
