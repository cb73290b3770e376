/**
 * A process that may open 96 files, and a day that has 200 parts, in directories of the users' and shared ones. It works with what it
 * has: nothing fails, nothing is missing, and compacting, which is the way out, merges them.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { writePart } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HRM_BIN } from '../packages/hrm-cli/test/hrm.js';
import { environment, temporaryDirectory } from './support/hrm.js';

const OPEN_FILES = 96;
const PARTS = 200;
const START_MS = Date.UTC(2024, 0, 15);
const QUERY = ['query', '--user', 'ana', '--start', '2024-01-15T00:00:00Z', '--end', '2024-01-16T00:00:00Z', '--json'];

/** Runs `hrm` in a process that may open {@link OPEN_FILES} files. */
async function runShort(directory: string, args: readonly string[], input = '') {
  const script = `ulimit -n ${OPEN_FILES}; exec "$@"`;
  const running = promisify(execFile)('sh', ['-c', script, 'sh', process.execPath, HRM_BIN, ...args], {
    env: environment(directory),
    maxBuffer: 64 * 1024 * 1024,
  });
  running.child.stdin?.end(input);
  const { stdout, stderr } = await running;
  expect(stderr).toBe('');
  return stdout;
}

/** A day of which ana has {@link PARTS} parts, and as many users {@link PARTS} shared ones. */
async function fill(directory: string): Promise<void> {
  const storage = await openDirectoryStorage({ directory: path.join(directory, 'data') });
  const reading = (userId: string, i: number) => {
    return {
      userId,
      deviceId: 'watch',
      timestampMs: START_MS + i * 60_000,
      heartRate: 60 + (i % 100),
      receivedMs: START_MS,
    };
  };
  for (let i = 0; i < PARTS; i += 1) {
    await writePart({ storage }, [reading('ana', i)]);
    await writePart({ storage }, [
      reading('ana', PARTS + i),
      ...Array.from({ length: 40 }, (_, u) => reading(`user ${u}`, i)),
    ]);
  }
  await storage.close();
}

describe('a process that may open few files', () => {
  it('answers, verifies and compacts a day of more parts than that', async () => {
    const directory = await temporaryDirectory();
    await fill(directory);
    const { data } = JSON.parse(await runShort(directory, QUERY));
    expect(data).toHaveLength(2 * PARTS);
    const verified = JSON.parse(await runShort(directory, ['verify', '--json']));
    expect(verified).toMatchObject({ files: 2 * PARTS, fault_count: 0, failures: [] });
    await runShort(directory, ['compact', '--all', '--json']);
    const compacted = JSON.parse(await runShort(directory, ['compact', '--all', '--json']));
    expect(compacted).toMatchObject({ failures: [] });
    expect(JSON.parse(await runShort(directory, QUERY)).data).toEqual(data);
    expect(JSON.parse(await runShort(directory, ['verify', '--json']))).toMatchObject({ fault_count: 0, failures: [] });
    const { days } = JSON.parse(await runShort(directory, ['stats', '--user', 'ana', '--json']));
    expect(days).toMatchObject([{ date: '2024-01-15', readings: 2 * PARTS }]);
  });

  it.runIf(process.platform === 'linux')('serves while as many have connected as may', async () => {
    const directory = await temporaryDirectory();
    const script = `ulimit -n ${OPEN_FILES}; exec "$@"`;
    const child = spawn('sh', ['-c', script, 'sh', process.execPath, HRM_BIN, 'serve'], {
      env: environment(directory, { HRM_BATCH_MAX_AGE_MS: '100' }),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    const port = Number(/:(\d+)$/.exec(String(line))?.[1]);
    // All of 127.0.0.0/8 is this machine.
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (method: string, path: string, body?: string) =>
      new Promise<string>((resolve, reject) => {
        const headers = { 'Content-Type': 'application/json' };
        request({ agent, host: '127.0.0.1', port, method, path, headers }, async (answer) => {
          resolve(`${answer.statusCode} ${await text(answer)}`);
        })
          .on('error', reject)
          .end(body);
      });
    expect(await ask('GET', '/health/live')).toContain('200');
    for (let i = 2; i < 50; i += 1) {
      const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${i}` }).on('error', () => undefined);
      onTestFinished(() => {
        socket.destroy();
      });
      await once(socket, 'connect');
    }
    const reading = { user_id: 'ana', device_id: 'watch', timestamp: '2024-01-15T10:00:00Z', heart_rate: 70 };
    expect(await ask('POST', '/metrics/heart-rate', JSON.stringify(reading))).toContain('202');
    const question = '/metrics/heart-rate?user_id=ana&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';
    await expect.poll(() => ask('GET', question), { timeout: 60_000 }).toContain('"count":1}');
    expect(await ask('GET', '/health')).toContain('"storage":"healthy"');
    agent.destroy();
  });

  it('drains a batch of more users than that', async () => {
    const directory = await temporaryDirectory();
    const lines = Array.from({ length: PARTS }, (_, u) =>
      // Of users with a thousand readings each has a part of its own.
      Array.from({ length: 1_000 }, (_, i) => ({
        user_id: `user ${u}`,
        device_id: 'watch',
        timestamp: new Date(START_MS + i * 1_000).toISOString(),
        heart_rate: 70,
      })),
    ).flat();
    const input = lines.map((line) => JSON.stringify(line)).join('\n');
    await runShort(directory, ['import', '--format', 'ndjson', '-'], input);
    const drained = JSON.parse(
      await runShort(directory, ['drain', '--all', '--json', '--batch-max-readings', '1000000']),
    );
    expect(drained).toMatchObject({ claimed: PARTS * 1_000, postponed: 0, failures: [] });
  });
});
