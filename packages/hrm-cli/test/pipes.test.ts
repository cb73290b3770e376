/**
 * Pipes where files are looked for. To open one waits until somebody opens its other end, for ever perhaps. Each case is a process of
 * its own, since one that waits like that hears no time-out.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createKey } from 'hrm-core/keys';
import { readConfigFile } from 'hrm-core/settings';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Finished, makeSandbox, ndjson, type Sandbox } from './hrm.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

/** Makes a pipe that nobody writes to, and the directories above it. */
async function makePipe(name: string): Promise<string> {
  const path = join(sandbox.directory, name);
  await mkdir(dirname(path), { recursive: true });
  execFileSync('mkfifo', [path]);
  return path;
}

/** Runs a command, which has 20 s. */
async function end(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  const { child, finished } = sandbox.start(args, env);
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  try {
    return await finished;
  } finally {
    clearTimeout(timer);
  }
}

describe('a pipe in the place of', () => {
  const KEYS = { HRM_KEYS_FILE: 'keys.json' };
  it.each([
    ['the keys, for a server', 'keys.json', ['serve', '--port', '0'], KEYS, 3, 'keys.json is no file but'],
    ['the keys, for hrm keys', 'keys.json', ['keys', 'list'], KEYS, 3, 'keys.json is no file but'],
    [
      'the keys, for who makes one',
      'keys.json',
      ['keys', 'create', '--name', 'a', '--scope', 'query'],
      KEYS,
      3,
      'keys.json is no file but',
    ],
    ['a checkpoint', 'place', ['import', 'rows.ndjson', '--checkpoint', 'place'], {}, 2, 'place is no checkpoint'],
    ['the queue', 'queue/queue.lmdb', ['serve', '--port', '0'], {}, 5, 'queue.lmdb is no file but'],
    ['the queue, for a command', 'queue/queue.lmdb', ['drain'], {}, 5, 'queue.lmdb is no file but'],
    ["the queue's lock", 'queue/queue.lmdb-lock', ['serve', '--port', '0'], {}, 5, 'queue.lmdb-lock is no file but'],
    ["the queue's probe", 'queue/queue.probe', ['serve', '--port', '0'], {}, 5, 'queue.probe is no file but'],
    ["the queue's directory", 'queue', ['serve', '--port', '0'], {}, 3, 'ENOTDIR'],
    ['the data directory', 'data', ['serve', '--port', '0'], {}, 3, 'ENOTDIR'],
    ["the store's identity", 'data/.store', ['serve', '--port', '0'], {}, 3, 'it is no file'],
  ] as const)('%s is refused', async (_, name, args, env, code, words) => {
    await writeFile(join(sandbox.directory, 'rows.ndjson'), ndjson(1));
    await makePipe(name);
    expect(await end(args, env)).toMatchObject({ code, stderr: expect.stringContaining(words) });
  });

  it.each(['keys.json', 'queue/queue.lmdb', 'queue', 'data', 'data/.store'])(
    '%s holds up no hrm doctor',
    async (name) => {
      await makePipe(name);
      const { code, stdout } = await end(['doctor'], KEYS);
      expect(code).not.toBeNull();
      expect(stdout).toMatch(/\d+ problems?, \d+ warnings?\n$/);
    },
  );

  it.each(['OTEL_EXPORTER_OTLP_CERTIFICATE', 'OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY'])(
    '%s costs a server its traces, and nothing else',
    async (variable) => {
      const path = await makePipe('a.pem');
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://127.0.0.1:9', [variable]: path };
      const server = sandbox.start(['serve', '--port', '0'], env);
      const timer = setTimeout(() => server.child.kill('SIGKILL'), 20_000);
      const url = await server.firstLine();
      clearTimeout(timer);
      expect((await fetch(`${url}/health/live`)).status).toBe(200);
      server.child.kill('SIGTERM');
      expect((await server.finished).stderr).toContain(`"variable":"${variable}"`);
    },
  );

  it('the lock of the keys is taken over as one that a killed writer left', async () => {
    await makePipe('keys.json.lock');
    expect((await end(['keys', 'create', '--name', 'a', '--scope', 'query'], KEYS)).code).toBe(0);
  });

  it('the keys takes none from a server that runs', async () => {
    const keysFile = join(sandbox.directory, 'keys.json');
    const { token } = await createKey(keysFile, { name: 'a', scopes: ['query'], userIds: null, expiresMs: null });
    const server = sandbox.start(['serve', '--port', '0'], { ...KEYS, HRM_LOG_LEVEL: 'error' });
    const url = await server.firstLine();
    const status = async (bearer: string) => {
      const headers = { Authorization: `Bearer ${bearer}` };
      return (await fetch(`${url}/session`, { headers, signal: AbortSignal.timeout(10_000) })).status;
    };
    let log = '';
    server.child.stderr?.on('data', (chunk) => {
      log += chunk;
    });
    await rm(keysFile);
    await makePipe('keys.json');
    // The file is looked at for each key that is not known.
    while (!log.includes('keys_unreadable')) expect(await status(token.replace(/.$/, '-'))).toBe(401);
    expect(await status(token)).toBe(200);
  });
});

describe('a config', () => {
  const signal = new AbortController().signal;

  it('may come through a pipe, whose writer may be late', async () => {
    const path = await makePipe('config');
    const read = readConfigFile(path, { cwd: '/', signal });
    execFileSync('sh', ['-c', 'printf "{}" >"$0"', path]);
    expect((await read)?.text).toBe('{}');
  });

  it('is not read where it is too large for one', async () => {
    const path = join(sandbox.directory, 'large.json');
    await writeFile(path, '{}');
    await truncate(path, 1024 * 1024 + 1);
    await expect(readConfigFile(path, { cwd: '/', signal })).rejects.toMatchObject({
      code: 'config_unreadable',
      message: `the config file ${path} has 1048577 bytes, and a config has 1048576 at most`,
    });
  });

  it('is not waited for without end, nor read without end', async () => {
    const path = await makePipe('config');
    await expect(readConfigFile(path, { cwd: '/', signal, maxPipeMs: 50 })).rejects.toMatchObject({
      code: 'config_unreadable',
      message: `the config file ${path} is a pipe, and nobody wrote a config to it within 0.05 s`,
    });
    const interrupted = { cwd: '/', signal: AbortSignal.abort() };
    await expect(readConfigFile(path, interrupted)).rejects.toMatchObject({ kind: 'closed', code: 'aborted' });
    const zeros = join(sandbox.directory, 'zeros');
    await symlink('/dev/zero', zeros);
    const { code, stderr } = await end(['drain', '--config', 'zeros']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('the config file zeros is neither a file nor a pipe')]);
  });
});

/** What opens files by their names in the packages, and why it may. */
const READERS: Readonly<Record<string, string>> = {
  'hrm-core/src/audit/files.ts': 'its own log, which it opens first without a wait',
  'hrm-core/src/process/config-file.ts': 'looks first what it is, and does not wait',
  'hrm-core/src/drivers/alerts/directory.ts': 'alerts that it wrote itself',
  'hrm-core/src/drivers/letters/directory.ts': 'letters that it wrote itself',
  'hrm-core/src/import/files/finished-files.ts': 'the list that it wrote itself, of which a bound is looked at first',
  'hrm-core/src/import/inputs.ts': 'a pipe is what somebody may mean to import from',
  'hrm-core/src/drivers/storage/directory/descriptors.ts': 'of /proc',
  'hrm-core/src/drivers/storage/directory/start/temporaries.ts': 'of /proc',
  'hrm-core/src/drivers/storage/s3/disk-cache.ts': 'pieces that it wrote itself, under names that are hashes',
  'hrm-core/src/keys/exposure.ts': 'of /proc',
  'hrm-server/src/http/connections/connection-bounds.ts': 'of /proc',
  'hrm-core/src/process/package-version.ts': 'the package.json of the packages',
  'hrm-core/src/drivers/processes/directory.ts': 'signs of life that processes wrote themselves',
  'hrm-core/src/regular-file.ts': 'looks first what it is, and does not wait: for all others',
  'hrm-server/src/routes/pages.ts': 'its own pages',
};

it('files are read by what looks what they are, and by few others', () => {
  const found = ['hrm-cli', 'hrm-core', 'hrm-server'].flatMap((name) =>
    readdirSync(join(ROOT, 'packages', name, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `${name}/src/${file}`),
  );
  const readers = found.filter((file) =>
    // An example in a comment reads nothing.
    /^(?! *\*).*\b(readFile|readFileSync|createReadStream)\(/m.test(readFileSync(join(ROOT, 'packages', file), 'utf8')),
  );
  expect(readers.sort()).toEqual(Object.keys(READERS).sort());
});
