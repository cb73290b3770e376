/** The quick start under the oldest Node that is supported and under the newest with long-term support. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HRM_BIN } from '../packages/hrm-cli/test/hrm.js';
import { environment, temporaryDirectory } from './support/hrm.js';

const PACKAGE = `node-${process.platform}-${process.arch}`;

/** Installs Node's program of a version from the registry. */
async function installNode(version: string): Promise<string> {
  const directory = await temporaryDirectory();
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', directory, `${PACKAGE}@${version}`];
  await promisify(execFile)('npm', args, { cwd: directory });
  return path.join(directory, 'node_modules', PACKAGE, 'bin/node');
}

/** `fetch` refuses some names of headers that others may send. */
async function send(url: string, { body, header }: { body?: string; header: string }): Promise<number | undefined> {
  const method = body === undefined ? 'GET' : 'POST';
  const asked = request(url, {
    method,
    headers: ['Host', 'localhost', 'Content-Type', 'application/json', header, 'x'],
  });
  asked.end(body);
  const [response] = await once(asked, 'response');
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

describe.runIf(process.platform === 'linux')('hrm serve', () => {
  it.each(['20.19.0', '26'])('takes and answers readings under Node %s', async (version) => {
    const node = await installNode(version);
    const directory = await temporaryDirectory();
    const child = spawn(node, [HRM_BIN, 'serve'], {
      env: environment(directory, { HRM_BATCH_MAX_WAIT_MS: '0' }),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await exited;
    });
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    const url = /http:\S+/.exec(String(line))?.[0] ?? '';
    const body = JSON.stringify({
      user_id: 'ana',
      device_id: 'watch',
      timestamp: '2024-01-15T10:00:00Z',
      heart_rate: 72,
    });
    for (const header of ['X-Plain', '__proto__', 'constructor']) {
      expect(await send(`${url}/metrics/heart-rate`, { body, header }), header).toBe(202);
      expect(await send(`${url}/health/live`, { header }), header).toBe(200);
    }
    const question = 'user_id=ana&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';
    const asked = async () => (await fetch(`${url}/metrics/heart-rate?${question}`)).json();
    const row = expect.objectContaining({ heart_rate: 72, timestamp: '2024-01-15T10:00:00Z' });
    await expect.poll(asked).toMatchObject({ data: [row] });
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });
});
