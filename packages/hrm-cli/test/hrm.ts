import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';
import { MEMORY_DIRECTORY } from '../../hrm-core/test/support/temporary-directory.js';
import { run as runCli } from '../src/cli.js';

/** The committed stub: what a user's `hrm` is linked to. */
export const HRM_BIN = fileURLToPath(new URL('../bin/hrm.js', import.meta.url));

/** The environment of a system that lives in `directory` and nowhere else, with nothing of the machine's. */
export function hrmEnvironment(
  directory: string,
  settings: Readonly<Record<string, string | undefined>> = {},
): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HRM_DATA_DIR: join(directory, 'data'),
    HRM_QUEUE_DIR: join(directory, 'queue'),
    HRM_LOG_LEVEL: 'warn',
    ...settings,
  };
}

/** How a call of `hrm` ended. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running process of `hrm`. */
interface Running {
  readonly child: ChildProcess;
  /** Resolves with the first line of standard output. */
  firstLine(): Promise<string>;
  readonly finished: Promise<Finished>;
}

/** A directory of its own for one test, with nothing of the machine's environment. */
export interface Sandbox {
  readonly directory: string;
  readonly dataDir: string;
  readonly queueDir: string;
  /** Starts `hrm` in the directory, with `HRM_DATA_DIR` and `HRM_QUEUE_DIR` set unless `env` says otherwise. */
  start(args: readonly string[], env?: Record<string, string | undefined>): Running;
  /**
   * Calls `hrm` in this process, with streams of its own; `input` is its standard input, which is empty by default. Not for `serve`, nor
   * while this process has the queue open: a process may open an embedded queue once.
   */
  run(args: readonly string[], options?: RunOptions): Promise<Finished>;
  /** The same in a process of its own, where that is the point. */
  runProcess(args: readonly string[], options?: RunOptions): Promise<Finished>;
  /** The same with what a shell writes behind the command: `> /dev/full`, `>&-`. */
  runInShell(redirection: string, args: readonly string[]): Promise<Finished>;
  remove(): Promise<void>;
}

/** Besides the arguments. */
interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Record<string, string | undefined>;
}

/** Makes a sandbox in memory; remove it, always. */
export async function makeSandbox(): Promise<Sandbox> {
  const directory = await mkdtemp(join(MEMORY_DIRECTORY, 'hrm-cli-'));
  const running = new Set<ChildProcess>();
  function spawnIn([command = '', ...args]: readonly string[], env: Record<string, string | undefined>): Running {
    const child = spawn(command, args, {
      cwd: directory,
      env: hrmEnvironment(directory, env),
      stdio: 'pipe',
    });
    running.add(child);
    child.once('close', () => running.delete(child));
    return watch(child);
  }
  function start(args: readonly string[], env: Record<string, string | undefined> = {}): Running {
    return spawnIn([process.execPath, HRM_BIN, ...args], env);
  }
  return {
    directory,
    dataDir: join(directory, 'data'),
    queueDir: join(directory, 'queue'),
    start,
    run: (args, { input = '', env = {} } = {}) => runHere(args, directory, { input, env }),
    async runProcess(args, { input = '', env = {} } = {}) {
      const { child, finished } = start(args, env);
      // A command that fails early does not read its input to the end.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(input);
      return await finished;
    },
    async runInShell(redirection, args) {
      const script = `exec "$0" "$@" ${redirection}`;
      return await spawnIn(['sh', '-c', script, process.execPath, HRM_BIN, ...args], {}).finished;
    },
    async remove() {
      for (const child of running) {
        child.kill('SIGKILL');
        await once(child, 'close');
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A sandbox that goes when the test ends: for tests that run together with others of their file. */
export async function sandboxOf({ onTestFinished }: TestContext): Promise<Sandbox> {
  const sandbox = await makeSandbox();
  onTestFinished(() => sandbox.remove());
  return sandbox;
}

/** Of standard input that are read at once, as of a pipe. */
const PIECE_BYTES = 64 * 1024;

async function runHere(
  args: readonly string[],
  directory: string,
  { input, env }: Required<RunOptions>,
): Promise<Finished> {
  const bytes = Buffer.from(input);
  function* pieces(): Generator<Buffer> {
    for (let from = 0; from < bytes.length; from += PIECE_BYTES) yield bytes.subarray(from, from + PIECE_BYTES);
  }
  const [stdout, stderr] = [collect(), collect()];
  const code = await runCli(args, {
    stdin: () => Readable.from(pieces()),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: hrmEnvironment(directory, env),
    cwd: directory,
    signal: new AbortController().signal,
  });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

/** A stream that keeps what is written to it. */
function collect() {
  const pieces: Buffer[] = [];
  const stream = new Writable({
    write(piece: Buffer, _, done) {
      pieces.push(piece);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(pieces).toString('utf8') };
}

function watch(child: ChildProcess): Running {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const finished = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return {
    child,
    finished,
    async firstLine() {
      while (!stdout.includes('\n')) {
        const ended = await Promise.race([
          finished.then((end) => end),
          once(child.stdout ?? child, 'data').then(() => undefined),
        ]);
        if (ended !== undefined && !stdout.includes('\n')) throw new Error(`hrm ended early: ${JSON.stringify(ended)}`);
      }
      return stdout.slice(0, stdout.indexOf('\n'));
    },
  };
}

/** Readings as NDJSON, one a second from the start of 2024-01-15, all of user `ana` unless said otherwise. */
export function ndjson(count: number, over: Record<string, unknown> = {}): string {
  return Array.from({ length: count }, (_, i) => {
    const timestamp = new Date(Date.UTC(2024, 0, 15) + i * 1000).toISOString();
    return `${JSON.stringify({ user_id: 'ana', device_id: 'watch', timestamp, heart_rate: 60 + (i % 60), ...over })}\n`;
  }).join('');
}

/** The arguments of a query for all of 2024-01-15 and the day after. */
export function queryArgs(user: string, ...more: string[]): string[] {
  return ['query', `--user=${user}`, '--start', '2024-01-15T00:00:00Z', '--end', '2024-01-17T00:00:00Z', ...more];
}
