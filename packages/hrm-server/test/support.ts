/**
 * A real service on real drivers in a directory of its own, listening on a free port.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Queue, Storage } from 'hrm-core';
import { createKey } from 'hrm-core/keys';
import { openQueue, openStorage } from 'hrm-core/open';
import { loadSettings, type SettingName, type Settings } from 'hrm-core/settings';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { MEMORY_DIRECTORY } from '../../hrm-core/test/support/temporary-directory.js';
import { openKeys } from '../src/auth/open-keys.js';
import {
  CONNECTION_LIMITS,
  type ConnectionLimits,
  LIVE_LIMITS,
  type LiveLimits,
  WATCH_LIMITS,
  type WatchLimits,
} from '../src/limits.js';
import type { Gather } from '../src/metrics/index.js';
import { type Service, type ServicePart, startService } from '../src/serve.js';
import type { Tracing } from '../src/tracing/tracing.js';

export { until } from '../../../test/support/until.js';

export interface TestService {
  readonly url: string;
  readonly port: number;
  readonly service: Service;
  readonly settings: Settings;
  /** The real drivers, not wrapped. */
  readonly queue: Queue;
  readonly storage: Storage;
  /** Every line logged so far, as text, but those of the access log. */
  readonly log: readonly string[];
  /** A line for every request that is over. */
  readonly accessLog: readonly string[];
}

export interface TestOptions {
  readonly parts?: readonly ServicePart[];
  readonly flags?: Partial<Record<SettingName, string>>;
  readonly limits?: Partial<ConnectionLimits>;
  readonly watch?: Partial<WatchLimits>;
  readonly live?: Partial<LiveLimits>;
  /** Called with each line that is logged. */
  readonly onLog?: (line: string) => void;
  readonly tracing?: Tracing | null;
  readonly gather?: Gather;
  readonly wrapQueue?: (queue: Queue) => Queue;
  readonly wrapStorage?: (storage: Storage) => Storage;
  /** The file of the API keys; without it no key is needed. */
  readonly keysFile?: string;
}

/** Takes what is to be done when something is over. */
type OnEnd = (end: () => Promise<void>) => void;

/** A directory in memory that is gone when the test is over. */
export async function temporaryDirectory(onEnd: OnEnd = onTestFinished): Promise<string> {
  const directory = await mkdtemp(join(MEMORY_DIRECTORY, 'hrm-server-'));
  onEnd(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Settings in a fresh directory, on a free port. */
export async function testSettings(flags: TestOptions['flags'] = {}, onEnd: OnEnd = onTestFinished): Promise<Settings> {
  const directory = await temporaryDirectory(onEnd);
  const places = {
    dataDir: join(directory, 'data'),
    queueDir: join(directory, 'queue'),
    spoolDir: join(directory, 'spool'),
  };
  return loadSettings({ flags: { ...places, port: '0', ...flags } });
}

/** A service for all tests of a file, which change nothing of it: started in `beforeAll`, ended in `afterAll`. */
export async function startShared(options: TestOptions = {}): Promise<TestService & { end(): Promise<void> }> {
  const ends: (() => Promise<void>)[] = [];
  const service = await startTest(options, (end) => ends.unshift(end));
  return {
    ...service,
    async end() {
      for (const end of ends) await end();
    },
  };
}

/** Starts a service that is closed when the test is over. */
export async function startTest(options: TestOptions = {}, onEnd: OnEnd = onTestFinished): Promise<TestService> {
  const settings = await testSettings(options.flags, onEnd);
  const queue = await openQueue(settings);
  const storage = await openStorage(settings);
  const log: string[] = [];
  const accessLog: string[] = [];
  const logger = pino(
    { level: 'trace' },
    {
      write(line) {
        const isAccess = line.includes('"msg":"request"}');
        (isAccess ? accessLog : log).push(line);
        if (!isAccess) options.onLog?.(line);
      },
    },
  );
  const service = await startService(
    {
      queue: options.wrapQueue?.(queue) ?? queue,
      storage: options.wrapStorage?.(storage) ?? storage,
      keys:
        options.keysFile === undefined
          ? undefined
          : await openKeys({ ...settings, keysFile: options.keysFile }, logger),
    },
    settings,
    {
      parts: options.parts ?? ['api'],
      log: logger,
      limits: { ...CONNECTION_LIMITS, ...options.limits },
      watch: { ...WATCH_LIMITS, ...options.watch },
      live: { ...LIVE_LIMITS, ...options.live },
      tracing: options.tracing,
      gather: options.gather,
    },
  );
  onEnd(() => service.close());
  const url = service.url ?? '';
  return { url, port: Number(url.split(':').at(-1)), service, settings, queue, storage, log, accessLog };
}

/** The lines but those of the monitor of health, which come whenever it looks. */
export function withoutHealth(log: readonly string[]): readonly string[] {
  return log.filter((line) => !line.includes('"msg":"health: '));
}

/** A valid reading as a client sends it. */
export function wireReading(overrides: Record<string, unknown> = {}): Record<string, unknown> {
  return { user_id: 'ana', device_id: 'watch', timestamp: '2024-01-15T10:00:00Z', heart_rate: 72, ...overrides };
}

/** POSTs; text and bytes go out as they are, everything else as JSON. */
export function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const raw = typeof body === 'string' ? body : body instanceof Uint8Array ? body.slice() : JSON.stringify(body);
  return fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: raw });
}

/** The names of all files in a directory and below it. */
export async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

/** A connection whose bytes the test writes and reads itself. */
export interface RawConnection {
  readonly socket: Socket;
  /** Everything received so far. */
  received(): string;
  /** Resolves with everything received when the other side has closed the connection. */
  readonly closed: Promise<string>;
}

/** Connects to the service without a word of HTTP. */
export async function connectRaw(port: number): Promise<RawConnection> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  const received = () => Buffer.concat(chunks).toString('latin1');
  socket.on('data', (chunk) => chunks.push(chunk));
  // A reset is a way to close.
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => {
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(received()));
  });
  onTestFinished(() => {
    socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return { socket, received, closed };
}

/** Sends one request as it is and gives the answer as it is; the request should ask to close the connection. */
export async function exchangeRaw(port: number, request: string): Promise<string> {
  const { socket, closed } = await connectRaw(port);
  socket.write(request, 'latin1');
  return await closed;
}

/** A file of API keys for everything but figures, and the header of each. */
export async function makeKeys(count: number): Promise<{ readonly keysFile: string; readonly headers: Bearer[] }> {
  const keysFile = join(await temporaryDirectory(), 'keys.json');
  const headers: Bearer[] = [];
  for (let i = 0; i < count; i += 1) {
    const input = { name: `key ${i}`, scopes: ['ingest', 'query'] as const, userIds: null, expiresMs: null };
    headers.push({ Authorization: `Bearer ${(await createKey(keysFile, input)).token}` });
  }
  return { keysFile, headers };
}

/** The header of an API key. */
export type Bearer = Readonly<Record<'Authorization', string>>;

/** Makes a promise that the test settles. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
