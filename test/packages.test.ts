/**
 * The packages as a stranger gets them: packed, installed into an empty project outside the repository, imported,
 * required, type-checked and run there.
 */
import { execFile, spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const PACKAGES = ['hrm-core', 'hrm-server', 'hrm-cli'];
const ENTRY_POINTS = [
  '',
  '/client',
  '/import',
  '/formats',
  '/doctor',
  '/keys',
  '/process',
  '/shares',
  '/simulate',
  '/embedded',
  '/directory',
  '/open',
  '/schemas',
  '/settings',
  '/contract',
].map((path) => `hrm-core${path}`);

let project: string;

async function run(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { cwd: project }).catch((error) => {
    throw new Error(`${command} ${args.join(' ')}:\n${error.stdout}\n${error.stderr}`);
  });
  return stdout;
}

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'hrm-packages-'));
  const tarballs = join(project, 'tarballs');
  await mkdir(tarballs);
  const places = PACKAGES.map((name) => join(ROOT, 'packages', name));
  await run('npm', 'pack', ...places, '--pack-destination', tarballs, '--silent');
  await writeFile(join(project, 'package.json'), '{"name":"stranger","private":true}');
  const files = (await readdir(tarballs)).map((file) => join(tarballs, file));
  // The types of Node are what any TypeScript project on Node has.
  const types = `@types/node@${createRequire(import.meta.url)('@types/node/package.json').version}`;
  await run('npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', ...files, types);
}, 300_000);

afterAll(() => rm(project, { recursive: true, force: true }));

describe('the packed packages', () => {
  it('hold what is built and nothing of the sources', async () => {
    for (const name of PACKAGES) {
      const files = await readdir(join(project, 'node_modules', name));
      const bin = name === 'hrm-cli' ? ['bin'] : [];
      expect(files.filter((file) => file !== 'node_modules').sort()).toEqual([
        'LICENSE',
        'README.md',
        ...bin,
        'dist',
        'package.json',
      ]);
    }
  });

  it.each([
    ['import', [...ENTRY_POINTS, 'hrm-server']],
    ['require', ENTRY_POINTS],
  ])('%s each entry point', async (how, entryPoints) => {
    const script = `
      const counts = ${JSON.stringify(entryPoints)}.map(async (path) => [path, Object.keys(await ${how}(path)).length]);
      Promise.all(counts).then((all) => console.log(JSON.stringify(all)));`;
    const some = expect.toSatisfy((count: number) => count > 0);
    expect(JSON.parse(await run('node', '-e', script))).toEqual(entryPoints.map((path) => [path, some]));
  });

  it('load no driver with the root of hrm-core', async () => {
    const script = `
      require('hrm-core');
      console.log(Object.keys(require.cache).filter((file) => /lmdb|embedded|directory/.test(file)).length,
        Object.keys(require.cache).some((file) => file.includes('hrm-core')));`;
    expect(await run('node', '-e', script)).toBe('0 true\n');
  });

  it('run the ten-line program', async () => {
    await copyFile(join(ROOT, 'examples/sdk-quickstart/main.js'), join(project, 'main.mjs'));
    expect(await run('node', 'main.mjs')).toContain('"heartRate":73.5');
  });

  it('can be bundled as the guide says', async () => {
    const [, options = ''] =
      /`esbuild (--bundle [^`]+)`/.exec(await readFile(join(ROOT, 'docs/guides/library.md'), 'utf8')) ?? [];
    await copyFile(join(ROOT, 'examples/sdk-quickstart/main.js'), join(project, 'unbundled.mjs'));
    const esbuild = createRequire(createRequire(import.meta.url).resolve('tsup')).resolve('esbuild/bin/esbuild');
    await run(esbuild, 'unbundled.mjs', ...options.split(' '), '--outfile=bundled.mjs', '--log-level=error');
    expect(await run('node', 'bundled.mjs')).toContain('"heartRate":73.5');
  });

  it('hold no source maps, which would be most of them', async () => {
    const files = await readdir(join(project, 'node_modules', 'hrm-core', 'dist'));
    expect(files.filter((file) => file.endsWith('.map'))).toEqual([]);
  });

  it('run hrm, which works', async () => {
    expect(await run('npm', 'exec', '--no', '--', 'hrm', '--help')).toMatch(/^USAGE\n {2}hrm COMMAND/);
    await writeFile(join(project, 'a.csv'), 'user_id,device_id,timestamp,heart_rate\na,b,2024-01-15T10:00:00Z,72\n');
    await run('node_modules/.bin/hrm', 'import', 'a.csv');
    const drained = await run('node_modules/.bin/hrm', 'drain', '--json');
    expect(JSON.parse(drained)).toMatchObject({ stored: 1, left: 0 });
  });
});

describe('the types', () => {
  const SDK = `
import { type Clock, enqueue, HrmError, isHrmError, query, type Queue, type Row, type Storage } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { openEmbeddedQueue } from 'hrm-core/embedded';
import { openQueue } from 'hrm-core/open';
import { loadSettings, type Settings } from 'hrm-core/settings';
import { queueContract } from 'hrm-core/contract';

const clock: Clock = { nowMs: () => 0 };
export async function main(): Promise<readonly Row[]> {
  const settings: Settings = loadSettings({ env: {} });
  const queue: Queue = settings.port > 0 ? await openQueue(settings) : await openEmbeddedQueue({ directory: 'q' });
  const storage: Storage = await openDirectoryStorage({ directory: 'd' });
  const { accepted }: { accepted: number } = await enqueue({ queue, clock }, []);
  try {
    return await query({ storage }, { userId: String(accepted), start: 0, end: new Date(), interval: '1h' });
  } catch (error) {
    if (isHrmError(error) && error.kind === 'invalid') throw new HrmError('x', { kind: 'data', code: 'y' });
    throw error;
  }
}
export const suite: typeof queueContract = queueContract;
// @ts-expect-error: there is no such interval.
export const wrong = query({} as { storage: Storage }, { userId: 'a', start: 0, end: 1, interval: '2m' });
`;

  const SERVER = `
import { serve } from 'hrm-server';
import { loadSettings } from 'hrm-core/settings';
export const url: Promise<string | null> = serve(loadSettings(), { parts: ['api'] }).then((service) => service.url);
// @ts-expect-error: there is no such part.
export const wrong = serve(loadSettings(), { parts: ['nothing'] });
`;

  /** @returns what the compiler finds wrong. */
  async function compile(sources: Readonly<Record<string, string>>): Promise<string[]> {
    for (const [name, source] of Object.entries(sources)) await writeFile(join(project, name), source);
    const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
    // Without the types of a browser, which not every project has.
    const without = ['--skipLibCheck', 'false', '--lib', 'es2022'];
    const options = ['--noEmit', '--strict', ...without, '--target', 'es2022', '--types', 'node'];
    const modules = ['--module', 'node16', '--moduleResolution', 'node16'];
    const { stdout } = spawnSync('node', [tsc, ...options, ...modules, ...Object.keys(sources)], {
      cwd: project,
      encoding: 'utf8',
    });
    return stdout.trim().split('\n');
  }

  it('are right, of hrm-core in both kinds of modules, and of hrm-server; and would be missed', async () => {
    const wrong = "import { nothing } from 'hrm-core';\nnothing();\n";
    expect(await compile({ 'sdk.mts': SDK, 'sdk.cts': SDK, 'server.mts': SERVER, 'wrong.mts': wrong })).toEqual([
      expect.stringMatching(/^wrong\.mts\(1,10\): error TS2305: .*'nothing'/),
    ]);
  });
});
