/**
 * What can be known of the containers without a container engine: the tools read the compose file, it says what it
 * should, and the stages of the Dockerfile, done in plain directories, give a system that runs.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { buildStages, copyContext, parseDockerfile } from './support/dockerfile.js';
import { getRows, temporaryDirectory } from './support/hrm.js';
import { eventually } from './support/redis-process.js';
import { startRedis } from './support/redis-server.js';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const stages = parseDockerfile(await readFile(join(ROOT, 'Dockerfile'), 'utf8'));

interface ComposeService {
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly (string | { host_ip?: string; published: string | number; target: number })[];
  readonly volumes: readonly (string | { source: string; target: string })[];
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
  readonly healthcheck: { readonly test: readonly string[] };
  readonly [key: string]: unknown;
}

const PASSWORD = 'd4f0c6a1';

/** The compose file as the tool understands it: Compose v2 where it is, else docker-compose 1.27 or newer. */
function readCompose(password = PASSWORD): Record<string, ComposeService> {
  const hasPlugin = spawnSync('docker', ['compose', 'version']).status === 0;
  const [command, words] = hasPlugin ? ['docker', ['compose']] : ['docker-compose', []];
  const args = [...words, 'config'];
  // Stands before what a file `.env` says, also when it is empty.
  const env = { ...process.env, REDIS_PASSWORD: password };
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error ?? stderr}`);
  return parse(stdout).services;
}

/** Bytes of `2g`, or of what the tool makes of it. */
function bytesOf(size: unknown): number {
  const [, digits, unit = ''] = /^(\d+)(\w?)$/.exec(String(size)) ?? [];
  return Number(digits) * ({ k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }[unit] ?? 1);
}

const services = readCompose();

/** POSTs a reading under a `Host` of choice, which `fetch` would not send; the status. */
async function post(port: string | undefined, host: string): Promise<number | undefined> {
  const headers = { host, 'content-type': 'application/json' };
  const message = request({ host: '127.0.0.1', port, path: '/metrics/heart-rate', method: 'POST', headers });
  message.end('{"user_id":"a","device_id":"b","timestamp":"2024-01-15T10:00:00Z","heart_rate":72}');
  const [response] = (await once(message, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

describe('docker-compose.yml', () => {
  const ours = ['compacter', 'consumer', 'producer'];

  it('has the four services, each of ours one part', () => {
    expect(Object.keys(services).sort()).toEqual([...ours, 'redis']);
    const parts = ours.map((name) => services[name]?.command.join(' '));
    expect(parts).toEqual(['serve --only compacter', 'serve --only consumer', 'serve --only api']);
  });

  it('has a Redis that loses nothing it accepted', () => {
    const command = services.redis?.command.join(' ');
    const options = '--appendonly yes --appendfsync always --maxmemory-policy noeviction --maxmemory 1gb';
    expect(command).toBe(`redis-server ${options} --requirepass ${PASSWORD}`);
    // Its health check says it, too.
    expect(services.redis?.environment).toEqual({ REDISCLI_AUTH: PASSWORD });
    expect(services.redis?.image).toBe('redis:7');
  });

  it('starts nothing without a password for Redis, and says what is missing', () => {
    expect(() => readCompose('')).toThrow(/REDIS_PASSWORD/);
  });

  it.each(Object.entries(services))('%s has bounds of memory, processes and log', (name, service) => {
    expect(bytesOf(service.mem_limit)).toBe(2 * 2 ** 30);
    expect(Number(service.pids_limit)).toBe(name === 'redis' ? 64 : 256);
    expect(service.logging).toEqual({ driver: 'json-file', options: { 'max-size': '10m', 'max-file': '5' } });
  });

  it('publishes the API, on this machine alone, and nothing else', () => {
    const ports = Object.entries(services).flatMap(([name, { ports = [] }]) =>
      ports.map((port) => {
        const text =
          typeof port === 'string' ? port.replace('/tcp', '') : `${port.host_ip}:${port.published}:${port.target}`;
        return [name, text];
      }),
    );
    expect(ports).toEqual([['producer', '127.0.0.1:8000:8000']]);
    expect(services.producer?.environment).toMatchObject({ HRM_HOST: '0.0.0.0', HRM_ALLOW_ANONYMOUS: 'true' });
    for (const name of ['consumer', 'compacter']) {
      expect(services[name]?.environment).not.toHaveProperty('HRM_ALLOW_ANONYMOUS');
    }
  });

  it.each(Object.entries(services))('%s is watched, restarted, and may do little', (name, service) => {
    expect(service.healthcheck.test.join(' ')).toContain(name === 'redis' ? 'redis-cli ping' : 'hrm.js health');
    expect(service).toMatchObject({
      restart: 'unless-stopped',
      user: name === 'redis' ? 'redis' : '10001:10001',
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      stop_grace_period: expect.stringMatching(/^(60s|1m0s)$/),
    });
  });

  it.each(ours)('%s waits for Redis and shares the data', (name) => {
    const service = services[name];
    expect(service?.depends_on?.redis?.condition).toBe('service_healthy');
    expect(service?.environment?.REDIS_URL).toBe(`redis://:${PASSWORD}@redis:6379`);
    // A process that is its container's first cannot kill itself when it stands still.
    expect(service?.init).toBe(true);
    const volumes = service?.volumes.map((volume) =>
      typeof volume === 'string' ? volume.replace(':rw', '') : `${volume.source}:${volume.target}`,
    );
    expect(volumes).toEqual(['data:/data']);
    expect(service?.environment?.HRM_DATA_DIR).toMatch(/^\/data\//);
  });
});

describe('Dockerfile', () => {
  const runtime = stages.at(-1);

  function argsOf(name: string): string[] {
    return (runtime?.instructions ?? []).filter((one) => one.name === name).map(({ args }) => args);
  }

  it('ends in a stage without root, npm or the tools of the build', () => {
    expect(stages.map(({ name }) => name)).toEqual(['base', 'build', 'dependencies', 'runtime']);
    expect(runtime?.from).toBe('node:26-slim');
    expect(argsOf('USER')).toEqual(['10001:10001']);
    expect(argsOf('STOPSIGNAL')).toEqual(['SIGTERM']);
    expect(argsOf('ENV').join()).toContain('NODE_ENV=production');
    expect(argsOf('VOLUME')).toEqual(['/data']);
    expect(argsOf('HEALTHCHECK').join()).toContain('"health"');
    expect(argsOf('RUN').join()).toMatch(/rm -rf .*\/npm /);
    expect(argsOf('COPY').filter((args) => !args.includes('--from'))).toEqual([
      'packages/hrm-cli/bin packages/hrm-cli/bin',
    ]);
  });

  it('copies all that its stages need, and gives what the services start, which works and stops', async () => {
    const directory = await temporaryDirectory(tmpdir());
    const [context, images] = [join(directory, 'context'), join(directory, 'images')];
    await copyContext(ROOT, await readFile(join(ROOT, '.dockerignore'), 'utf8'), context);
    await buildStages(stages, context, images);
    const app = join(images, 'runtime', 'app');
    const installed = await readdir(join(app, 'node_modules'));
    expect(installed).toEqual(expect.arrayContaining(['lmdb', 'ioredis', 'hono', 'hrm-core']));
    const tools = ['typescript', 'vitest', 'tsup', 'turbo', '@biomejs', '@duckdb', 'knip', 'esbuild'];
    expect(installed.filter((name) => tools.includes(name))).toEqual([]);
    expect(JSON.parse(argsOf('CMD').join())).toEqual(['serve']);
    const [node = '', program = ''] = JSON.parse(argsOf('ENTRYPOINT').join()) as string[];
    const redis = await startRedis();

    /** A service's command in its environment, where only names of the container network are other ones. */
    async function start(service: string): Promise<{ line: string; stop(): Promise<number | null> }> {
      const { command = [], environment = {} } = services[service] ?? {};
      const env = { ...environment, REDIS_URL: redis.url, HRM_DATA_DIR: join(directory, 'data') };
      const child = spawn(node, [join(images, 'runtime', program), ...command], {
        cwd: app,
        env: { PATH: process.env.PATH, ...env, ...(environment.HRM_PORT && { HRM_PORT: '0' }) },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      const exited = once(child, 'exit') as Promise<[number | null]>;
      const ended = exited.then(([code]) => Promise.reject(new Error(`${service} ended with ${code}`)));
      ended.catch(() => undefined);
      const line = once(createInterface(child.stdout), 'line') as Promise<[string]>;
      return {
        line: (await Promise.race([line, ended]))[0],
        async stop() {
          child.kill('SIGTERM');
          return (await exited)[0];
        },
      };
    }
    const [producer, ...others] = await Promise.all([start('producer'), start('consumer'), start('compacter')]);
    const port = /:(\d+)$/.exec(producer.line)?.[1];
    expect(await post(port, 'localhost:8000')).toBe(202);
    expect(await post(port, 'producer:8000')).toBe(202);
    expect(await post(port, 'example.org')).toBe(421);
    const url = `http://127.0.0.1:${port}`;
    const question = { user_id: 'a', start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' };
    await eventually('the reading is stored', async () => (await getRows(url, question)).length === 1);
    for (const service of ['producer', 'consumer', 'compacter']) {
      const [, command = '', ...args] = services[service]?.healthcheck.test ?? [];
      const words = args.map((arg) => arg.replace('/app/', `${app}/`).replace(':8000', `:${port}`));
      const env = { PATH: process.env.PATH, REDIS_URL: redis.url, HRM_DATA_DIR: join(directory, 'data') };
      const { status, stderr } = spawnSync(command, words, { cwd: app, env, encoding: 'utf8', timeout: 120_000 });
      expect([status, stderr]).toEqual([0, '']);
    }
    expect(await Promise.all([producer, ...others].map((one) => one.stop()))).toEqual([0, 0, 0]);
  }, 600_000);
});
