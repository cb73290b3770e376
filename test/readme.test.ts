/**
 * A stranger's walk through the README and the tour: the quick start and docs/start.md, command by command, in a clean clone; the
 * test command itself excepted. And what the Spanish README and the guide to the library are held to.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { loadSettings } from 'hrm-core/settings';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkInstalled } from './support/installed.js';
import { KNOWN_BUILDS } from './support/known-builds.js';
import { linksOf } from './support/prose.js';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const START = 'npm install && npm start';
const HRM = 'npm exec --no -- hrm';
/** So many times as fast as a reader's is the walk's time. */
const HASTE = 10;
const BATCH_MAX_AGE_MS = loadSettings({ env: {} }).batchMaxAgeMs;

/** What stands below a heading. */
function sectionOf(text: string, section: string): string {
  const [, body = ''] = text.split(`\n## ${section}\n`);
  return body.split('\n## ')[0] ?? '';
}

/** The shell blocks of a text. */
function shellBlocks(text: string): string[] {
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block);
}

/** A block without its comments. */
function commandsOf(block: string): string[] {
  const lines = block.split('\n').map((line) => line.replace(/(?:^|\s+)# .*$/, ''));
  return lines.filter((line) => line !== '');
}

/** The first column of a section's tables: what stands there in backticks. */
function firstCells(text: string, section: string): string[] {
  const cells = [...sectionOf(text, section).matchAll(/^\| (`.*?`(?:, `.*?`)*) +\|/gm)];
  return cells.flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code));
}

/** How many rows each table of a text has. */
function tableSizes(text: string): number[] {
  return [...text.matchAll(/(?:^\|.*\n)+/gm)].map(([rows]) => rows.trim().split('\n').length);
}

/** What a block says that is printed, without blanks. */
function saidOutput(block: string): string[] {
  const lines = block.split('\n');
  const outputs: string[] = [];
  for (const [i, line] of lines.entries()) {
    if (!line.startsWith('# ')) continue;
    const isContinued = i > 0 && lines[i - 1]?.startsWith('# ');
    if (isContinued) outputs.push((outputs.pop() ?? '') + line.slice(2));
    else outputs.push(line.slice(2));
  }
  return outputs.map((output) => output.replaceAll(/\s/g, ''));
}

let clone: string;
let server: ChildProcess;
let serverOutput = '';
let environment: NodeJS.ProcessEnv;
let port: number;

/** Runs a block in one shell that stops at the first command that fails. */
async function run(block: string): Promise<string> {
  // Another server may have the port of the README. The server's time for a batch is as much shorter as the waits for it are.
  const script = block
    .replaceAll('localhost:8000', `localhost:${port}`)
    .replaceAll(/^sleep (\d+)/gm, (_, seconds) => `sleep ${seconds / HASTE}`);
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: clone,
    env: environment,
    timeout: 120_000,
    maxBuffer: 16 * 1024 * 1024,
  }).catch((error) => {
    throw new Error(`${error.message}\n${error.stdout}\n${error.stderr}\n${serverOutput}`);
  });
  return stdout;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port: free } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return free;
}

const [readme, readmeEs, start, library] = (await Promise.all(
  ['README.md', 'README.es.md', 'docs/start.md', 'docs/guides/library.md'].map((name) =>
    readFile(join(ROOT, name), 'utf8'),
  ),
)) as [string, string, string, string];
const [setUp = '', firstSteps = ''] = shellBlocks(sectionOf(readme, 'Quick start'));
const tour = shellBlocks(start);

beforeAll(async () => {
  clone = join(await mkdtemp(join(tmpdir(), 'hrm-readme-')), 'clone');
  await promisify(execFile)('git', ['clone', '--quiet', '--no-hardlinks', ROOT, clone]);
  await linkInstalled(clone);
  port = await freePort();
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('HRM_') && !name.startsWith('VITEST'));
  environment = { ...Object.fromEntries(kept), ...KNOWN_BUILDS, HRM_PORT: String(port), NODE_ENV: '' };
  environment.HRM_BATCH_MAX_AGE_MS = String(BATCH_MAX_AGE_MS / HASTE);
  expect(setUp).toContain(`${START} `);
  server = spawn('bash', ['-c', START], { cwd: clone, env: environment, detached: true });
  for (const stream of [server.stdout, server.stderr]) {
    stream?.on('data', (chunk) => {
      serverOutput += chunk;
    });
  }
  const deadlineMs = Date.now() + 240_000;
  while (!serverOutput.includes(`http://127.0.0.1:${port}\n`)) {
    if (server.exitCode !== null || Date.now() > deadlineMs) throw new Error(`it does not start:\n${serverOutput}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}, 300_000);

afterAll(async () => {
  // The shell, npm and the server are a group of their own.
  if (server?.pid !== undefined && server.exitCode === null) {
    const ended = once(server, 'exit');
    process.kill(-server.pid, 'SIGTERM');
    await ended;
  }
  if (clone !== undefined) await rm(join(clone, '..'), { recursive: true, force: true });
}, 60_000);

describe('a walk through the README and the tour', () => {
  it('has its two commands, its first steps, and a tour', () => {
    expect(setUp.trim().split('\n')).toHaveLength(2);
    expect(setUp).toContain('npm install && npm test');
    expect(firstSteps).toContain('curl -X POST');
    expect(tour.length).toBeGreaterThanOrEqual(3);
  });

  it('takes a reading and answers with it, as it says, pasted whole', async () => {
    const [accepted = '', answer = ''] = saidOutput(firstSteps);
    // Longer than the time after which a batch is written, and before the question.
    const [, waitS = '0'] = /\nsleep (\d+) [\s\S]*\ncurl /.exec(firstSteps) ?? [];
    expect(Number(waitS) * 1_000).toBeGreaterThanOrEqual(BATCH_MAX_AGE_MS + 1_000);
    let said = (await run(firstSteps)).replaceAll(/\s/g, '');
    expect(said.startsWith(accepted)).toBe(true);
    const question = firstSteps.slice(firstSteps.lastIndexOf('curl '));
    const deadlineMs = Date.now() + 30_000;
    while (!said.endsWith(answer) && Date.now() < deadlineMs) said = (await run(question)).replaceAll(/\s/g, '');
    expect(said.endsWith(answer)).toBe(true);
  });

  it('goes on the whole tour', async () => {
    let output = '';
    expect(tour.join('').split(`${HRM} `).length).toBeGreaterThan(8);
    for (const [i, block] of tour.entries()) {
      // npm takes longer than hrm. That it finds it is seen once.
      const printed = await run(i === 0 ? block : block.replaceAll(HRM, 'node_modules/.bin/hrm'));
      for (const said of saidOutput(block)) expect(printed.replaceAll(/\s/g, '')).toContain(said);
      output += printed;
    }
    // Of each stop something that only it shows.
    expect(output).toMatch(/readings enqueued +[6-9]\d\d\d\d/);
    expect(output).toContain('healthy');
    expect(output).toMatch(/[⠁-⣿]{3}/);
    expect(output).toMatch(/2024-01-15T00:00:00Z .+\n2024-01-16T00:00:00Z /);
    expect(output).toContain('timestamp,heart_rate,min,max,count,device_ids');
    expect(output).toMatch(/faults +0/);
    // The key opens all that the tour shows: a server's own counts too.
    expect(output.split('readings queued').length - 1).toBeGreaterThanOrEqual(2);
    expect((await stat(join(clone, '.hrm', 'sim-0001.parquet'))).size).toBeGreaterThan(1_000);
    // The walk leaves the clone as it was.
    const { stdout } = await promisify(execFile)('git', ['status', '--porcelain'], { cwd: clone });
    expect(stdout).toBe('');
  }, 200_000);
});

describe('the Spanish README', () => {
  it('has the very commands, which so are walked above', () => {
    expect(shellBlocks(readmeEs).map(commandsOf)).toEqual(shellBlocks(readme).map(commandsOf));
  });

  it('has the same program in its library', () => {
    const [program = ''] = /```js\n[\s\S]*?```/.exec(sectionOf(readme, 'As a library')) ?? [];
    expect(sectionOf(readmeEs, 'Como biblioteca')).toContain(program);
  });

  it('leads to the same pages, in the same order', () => {
    const pagesOf = (text: string) => linksOf(text).filter(({ path }) => !/^README(\.es)?\.md$/.test(path));
    expect(pagesOf(readme).length).toBeGreaterThan(20);
    expect(pagesOf(readmeEs)).toEqual(pagesOf(readme));
  });

  it('has as many headings, promises and figures', () => {
    const headings = (text: string) => text.match(/^## /gm)?.length;
    expect(headings(readmeEs)).toBe(headings(readme));
    expect(tableSizes(readmeEs)).toEqual(tableSizes(readme));
  });
});

describe('the guide to the library', () => {
  it('lists calls that are there', async () => {
    const core: Record<string, unknown> = await import('hrm-core');
    const names = firstCells(library, 'Calls').map((call) => /^\w+/.exec(call)?.[0] ?? call);
    expect(names.length).toBeGreaterThan(12);
    expect(names.filter((name) => typeof core[name] !== 'function')).toEqual([]);
  });

  it('lists every entry point', async () => {
    const { exports } = JSON.parse(await readFile(join(ROOT, 'packages/hrm-core/package.json'), 'utf8'));
    const paths = Object.keys(exports).filter((path) => path !== './package.json');
    const published = paths.map((path) => `hrm-core${path.slice(1)}`);
    expect(firstCells(library, 'Entry points').sort()).toEqual(published.sort());
  });
});
