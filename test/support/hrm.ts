/** Runs the real `hrm` command, as its users do. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { HRM_BIN, hrmEnvironment } from '../../packages/hrm-cli/test/hrm.js';
import { MEMORY_DIRECTORY } from '../../packages/hrm-core/test/support/temporary-directory.js';

/** An empty directory that goes when the test ends; in memory, where it is not about disks. */
export async function temporaryDirectory(parent = MEMORY_DIRECTORY): Promise<string> {
  const directory = await mkdtemp(path.join(parent, 'hrm-test-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** The environment of a system that lives in `directory` and nowhere else, on a free port. */
export function environment(directory: string, settings: Record<string, string> = {}): NodeJS.ProcessEnv {
  return hrmEnvironment(directory, { HRM_PORT: '0', ...settings });
}

export interface Service {
  url: string;
  process: ChildProcess;
  /** What it wrote to stderr so far. */
  log(): string;
  /** Ends it by a signal; resolves to its exit code, `null` if the signal killed it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts `hrm serve` and waits until it says that it is ready. */
export async function startService(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Service> {
  const child = spawn(process.execPath, [HRM_BIN, 'serve', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const lines = createInterface({ input: child.stdout });
  const ready = once(lines, 'line') as Promise<[string]>;
  const [line] = await Promise.race([
    ready,
    exited.then(([code]) => {
      throw new Error(`hrm serve ended with ${code} before it was ready:\n${log}`);
    }),
  ]);
  const service: Service = {
    url: /http:\S+/.exec(String(line))?.[0] ?? '',
    process: child,
    log: () => log,
    async end(signal) {
      child.kill(signal);
      return (await exited)[0];
    },
  };
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) await service.end('SIGKILL');
  });
  return service;
}

/** Runs one `hrm` command to its end; throws when it exits with another code than 0. */
export async function runHrm(env: NodeJS.ProcessEnv, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [HRM_BIN, ...args], { env, maxBuffer: 1e9 });
  return stdout;
}

/** A row as GET shows it. */
export interface WireRow {
  timestamp: string;
  heart_rate: number;
  min: number;
  max: number;
  count: number;
  device_ids: string[];
}

/** GETs an answer's rows. */
export async function getRows(url: string, question: Record<string, string>): Promise<WireRow[]> {
  const response = await fetch(`${url}/metrics/heart-rate?${new URLSearchParams(question)}`);
  if (response.status !== 200) throw new Error(`GET answered ${response.status}: ${await response.text()}`);
  const { data, count, user_id } = (await response.json()) as { data: WireRow[]; count: number; user_id: string };
  if (count !== data.length || user_id !== question.user_id) throw new Error('GET contradicts itself');
  return data;
}

/** POSTs a batch; the status. */
export async function postBatch(url: string, readings: readonly object[], signal?: AbortSignal): Promise<number> {
  const response = await fetch(`${url}/metrics/heart-rate/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(readings),
    ...(signal && { signal }),
  });
  await response.arrayBuffer();
  return response.status;
}
