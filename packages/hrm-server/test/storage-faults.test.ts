/** A storage that is not well, over HTTP: 503 with Retry-After, never a short answer; /health tells; all is well when it is over. */
import * as nodeFileSystem from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { compact, type Storage, writePart } from 'hrm-core';
import { type DirectoryFileSystem, openDirectoryStorage } from 'hrm-core/directory';
import { describe, expect, test } from 'vitest';
import { startTest, type TestService } from './support.js';

const START_MS = Date.UTC(2024, 0, 15);
const RANGE = 'user_id=ana&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';
const PATHS = [`/metrics/heart-rate?${RANGE}`, '/users/ana/devices', '/users/ana/latest'];

/** Calls by which something is asked, and how they are made to fail. */
const CALLS = ['openSync', 'fstatSync', 'lstatSync', 'readdirSync', 'opendir', 'read'] as const;

interface Fault {
  code: string;
  call: (typeof CALLS)[number] | null;
}

/** The machine's file system, of which one call fails. */
function failing(fault: Fault): DirectoryFileSystem {
  const real = nodeFileSystem as DirectoryFileSystem;
  const wrapped = Object.fromEntries(
    CALLS.map((name) => [
      name,
      (...args: unknown[]) => {
        if (fault.call !== name) return Reflect.apply(real[name], undefined, args);
        const error = Object.assign(new Error(`${fault.code}: injected`), { code: fault.code });
        const callback = args.at(-1);
        if (typeof callback !== 'function') throw error;
        setImmediate(() => callback(error, 0));
        return undefined;
      },
    ]),
  );
  return { ...real, ...wrapped };
}

async function store(storage: Storage): Promise<void> {
  const readings = [0, 1, 2].map((i) => {
    return {
      userId: 'ana',
      deviceId: 'strap',
      timestampMs: START_MS + i * 60_000,
      heartRate: 60 + i,
      receivedMs: START_MS,
    };
  });
  await writePart({ storage }, readings.slice(0, 2));
  await compact({ storage }, { all: true });
  await writePart({ storage }, readings.slice(2));
}

/** A service over a store of three minutes, whose storage remembers nothing between questions. */
async function startOver(fault: Fault): Promise<TestService> {
  let use: Storage | null = null;
  const service = await startTest({
    wrapStorage(storage) {
      const opened = (): Storage => use ?? storage;
      return {
        ...storage,
        snapshot: (...call) => opened().snapshot(...call),
        versions: (...call) => opened().versions(...call),
        partitions: (...call) => opened().partitions(...call),
        check: () => opened().check(),
        close: () => opened().close(),
      };
    },
  });
  await store(service.storage);
  use = await openDirectoryStorage({ directory: service.settings.dataDir, fileSystem: failing(fault) });
  return service;
}

async function answersOf(url: string): Promise<readonly unknown[]> {
  return Promise.all(
    PATHS.map(async (at) => {
      const response = await fetch(url + at);
      expect(response.status).toBe(200);
      return response.json();
    }),
  );
}

async function expectRefused(url: string, code: string): Promise<void> {
  for (const at of PATHS) {
    const response = await fetch(url + at);
    const problem = (await response.json()) as { code: string };
    expect({ at, status: response.status, code: problem.code }).toEqual({ at, status: 503, code });
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  }
}

async function healthOf(url: string) {
  const response = await fetch(`${url}/health`);
  const body = (await response.json()) as { status: string; checks: Record<string, string> };
  return { status: response.status, body };
}

describe.each(['EIO', 'ESTALE', 'ENXIO', 'Unknown system error -117'])('a storage that fails with %s', (code) => {
  test('is 503 whichever call it is, told by /health, and over when the fault is', async () => {
    const fault: Fault = { code, call: null };
    const right = await answersOf((await startOver(fault)).url);
    for (const call of CALLS) {
      // What is known of files and directories is not asked again; another service knows nothing yet.
      const fresh = await startOver(fault);
      fault.call = call;
      await expectRefused(fresh.url, 'storage_unavailable');
      const { body } = await healthOf(fresh.url);
      expect(body.status).not.toBe('healthy');
      expect(body.checks.storage).toMatch(/storage unavailable/);
      fault.call = null;
      expect(await answersOf(fresh.url)).toEqual(right);
      expect(await readdir(path.join(fresh.settings.dataDir, '.quarantine'))).toEqual([]);
    }
  });
});

test('a data directory that is moved away, and leaves an empty one, is 503 and unhealthy until it is back', async () => {
  const { url, settings, storage } = await startTest();
  await store(storage);
  const right = await answersOf(url);
  expect((await healthOf(url)).status).toBe(200);
  await rename(settings.dataDir, `${settings.dataDir}.away`);
  await mkdir(settings.dataDir);
  await expectRefused(url, 'storage_missing');
  // Remembered for a second.
  await expect
    .poll(() => healthOf(url))
    .toMatchObject({
      status: 503,
      body: { status: 'unhealthy', checks: { storage: expect.stringContaining('storage missing') } },
    });
  expect(await readdir(settings.dataDir)).toEqual([]);
  await rm(settings.dataDir, { recursive: true });
  await rename(`${settings.dataDir}.away`, settings.dataDir);
  expect(await answersOf(url)).toEqual(right);
  await expect.poll(async () => (await healthOf(url)).status).toBe(200);
});
