/** What becomes of the keys when their file is not as it should be, or not where it seems. */
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createKey, foreignOwner, type KeyInput, openKeyRing, readKeys, revokeKey } from 'hrm-core/keys';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createAdmission } from '../src/auth/access.js';
import { serve } from '../src/serve.js';
import { startTest, temporaryDirectory, testSettings, until } from './support.js';

const INPUT: KeyInput = { name: 'a gateway', scopes: ['query'], userIds: null, expiresMs: null };
const LOST = { kind: 'unavailable', code: 'keys_lost' };

async function newPath(): Promise<string> {
  return join(await temporaryDirectory(), 'keys.json');
}

async function startWith(keysFile: string) {
  return await serve({ ...(await testSettings()), keysFile }, { parts: ['api'], log: pino({ level: 'silent' }) });
}

describe('a file of keys that others may change', () => {
  async function warningsOf(path: string): Promise<string[]> {
    const lines: { readonly code?: string; readonly msg: string }[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => lines.push(JSON.parse(line)) });
    const service = await serve({ ...(await testSettings()), keysFile: path }, { parts: ['api'], log });
    await service.close();
    const codes = ['permissions', 'directory_writable', 'owner'];
    return lines.flatMap(({ code = '', msg }) => (codes.includes(code) ? [msg] : []));
  }

  it.each([
    ['600', []],
    ['644', [expect.stringMatching(/^others may read the file of keys: run chmod go= \//)]],
    ['666', [expect.stringMatching(/^others may read and write the file of keys: run chmod go= \//)]],
  ])('by its mode %s is told at the start', async (mode, expected) => {
    const path = await newPath();
    await createKey(path, INPUT);
    chmodSync(path, mode);
    expect(await warningsOf(path)).toEqual(expected);
  });

  it("by its directory, or one around it, is told too; not where nobody may move what is another user's", async () => {
    const around = await temporaryDirectory();
    const path = join(around, 'keys', 'keys.json');
    await createKey(path, INPUT);
    for (const directory of [join(around, 'keys'), around]) {
      chmodSync(directory, 0o777);
      expect(await warningsOf(path)).toEqual([expect.stringContaining('put something else in the place of')]);
      chmodSync(directory, 0o1777);
      expect(await warningsOf(path)).toEqual([]);
      chmodSync(directory, 0o700);
    }
  });

  it('by a directory in which a link to it lies is told too', async () => {
    const [path, around] = [await newPath(), await temporaryDirectory()];
    await createKey(path, INPUT);
    const link = join(around, 'link.json');
    symlinkSync(path, link);
    chmodSync(around, 0o777);
    expect(await warningsOf(link)).toEqual([expect.stringContaining('put something else in the place of')]);
  });

  /** Makes a path another user's: root gives it away, others look at it as somebody else. */
  function giveAway(path: string): void {
    if (process.geteuid?.() === 0) chownSync(path, 4_321, 0);
    else vi.spyOn(process, 'geteuid').mockReturnValue(statSync(path).uid + 1);
    onTestFinished(() => void vi.restoreAllMocks());
  }

  it('since it is theirs is told', async () => {
    const path = await newPath();
    await createKey(path, INPUT);
    expect(foreignOwner(path)).toBeNull();
    giveAway(path);
    expect(foreignOwner(path)).toEqual({ path, owner: statSync(path).uid });
    expect(await warningsOf(path)).toEqual([expect.stringContaining('can therefore make keys')]);
  });

  it('since a directory around it is theirs is told, whatever its modes', async () => {
    const path = await newPath();
    giveAway(dirname(path));
    chmodSync(dirname(path), 0o1700);
    expect(foreignOwner(path)).toEqual({ path: dirname(path), owner: statSync(dirname(path)).uid });
  });
});

describe('keys that are gone', () => {
  it('open no door to a server that starts, until a person takes the mark away', async () => {
    const path = await newPath();
    const { record } = await createKey(path, INPUT);
    expect(statSync(`${path}.needed`).mode & 0o777).toBe(0o600);
    rmSync(path);
    await expect(startWith(path)).rejects.toMatchObject(LOST);
    await expect(startWith(path)).rejects.toThrow(`delete ${path}.needed`);
    expect(() => readKeys(path)).toThrow(expect.objectContaining(LOST));
    await expect(revokeKey(path, record.id)).rejects.toMatchObject(LOST);
    await createKey(path, INPUT);
    expect(readKeys(path)).toHaveLength(1);
    rmSync(path);
    rmSync(`${path}.needed`);
    const service = await startWith(path);
    try {
      expect(await (await fetch(`${service.url}/session`)).json()).toMatchObject({ anonymous: true });
    } finally {
      await service.close();
    }
  });

  it('are missed too where their file was put there by hand', async () => {
    const [made, path] = [await newPath(), await newPath()];
    await createKey(made, INPUT);
    renameSync(made, path);
    openKeyRing(path);
    rmSync(path);
    expect(() => openKeyRing(path)).toThrow(expect.objectContaining(LOST));
  });

  it('open none where another process of the service knew of them; each tells once that it does', async () => {
    const path = await newPath();
    expect(() => openKeyRing(path, { areNeeded: true })).toThrow(expect.objectContaining(LOST));
    let nowMs = Date.now();
    let told = 0;
    const ring = openKeyRing(path, { clock: { nowMs: () => nowMs }, onNeeded: () => (told += 1) });
    expect([ring.isNeeded(), told]).toEqual([false, 0]);
    await createKey(path, INPUT);
    for (let i = 0; i < 3; i += 1) {
      nowMs += 1_000;
      expect([ring.isNeeded(), told]).toEqual([true, 1]);
    }
  });

  it('end what was begun without any when the first is made', async () => {
    const path = await newPath();
    let nowMs = Date.now();
    const clock = { nowMs: () => nowMs };
    const admission = createAdmission({ keys: openKeyRing(path, { clock }), clock }, { rateLimit: 0 });
    const access = admission.admit({ rawHeaders: [] }, 'query');
    expect(access.isValid()).toBe(true);
    await createKey(path, INPUT);
    nowMs += 1_000;
    expect(access.isValid()).toBe(false);
  });

  it('are needed from the moment on in which somebody brings the first', async () => {
    const path = await newPath();
    const clock = { nowMs: () => 1_700_000_000_000 };
    const openAdmission = () => createAdmission({ keys: openKeyRing(path, { clock }), clock }, { rateLimit: 0 });
    const [admission, other] = [openAdmission(), openAdmission()];
    const brought = (value: string) => ({ rawHeaders: ['Authorization', value] });
    expect(admission.admit(brought('Bearer hrm_none'), 'query').keyId).toBe(null);
    const { record, token } = await createKey(path, INPUT);
    expect(admission.admit(brought(`Bearer ${token}`), 'query').keyId).toBe(record.id);
    expect(() => admission.admit({ rawHeaders: [] }, 'query')).toThrow(
      expect.objectContaining({ code: 'key_missing' }),
    );
    const wrong = () => other.admit(brought('Bearer hrm_none'), 'query');
    expect(wrong).toThrow(expect.objectContaining({ code: 'key_wrong' }));
  });
});

describe('a file of keys that cannot be reached', () => {
  it('keeps a server from starting, and is said to be', async () => {
    const file = await newPath();
    writeFileSync(file, 'no directory');
    const path = join(file, 'keys.json');
    await expect(startWith(path)).rejects.toMatchObject({ kind: 'unavailable', code: 'keys_unreadable' });
    await expect(createKey(path, INPUT)).rejects.toMatchObject({ kind: 'unavailable', code: 'keys_unwritable' });
  });

  it('is told of by /health, and once in the log, however many wrong keys come', async () => {
    const path = await newPath();
    const { token } = await createKey(path, INPUT);
    const { url, log } = await startTest({ keysFile: path });
    writeFileSync(path, 'broken');
    const health = async () => (await (await fetch(`${url}/health`)).json()) as Record<string, unknown>;
    await until(async () => (await health()).status === 'degraded', 'health tells');
    expect(await health()).toMatchObject({ checks: { service: expect.stringContaining('keys damaged') } });
    const ask = async (key: string) =>
      (await fetch(`${url}/session`, { headers: { Authorization: `Bearer ${key}` } })).status;
    for (let i = 0; i < 5; i += 1) expect(await ask(`${token.slice(0, -1)}-`)).toBe(401);
    expect(await ask(token)).toBe(200);
    expect(log.filter((line) => line.includes('the file of keys cannot be read'))).toHaveLength(1);
  });
});

describe('a link to the file of keys', () => {
  it.each(['absolute', 'relative', 'to nothing yet'])(
    'stays one, and what is changed is where it leads (%s)',
    async (kind) => {
      const directory = await temporaryDirectory();
      const [target, path] = [join(directory, 'real', 'keys.json'), join(directory, 'link.json')];
      if (kind !== 'to nothing yet') await createKey(target, INPUT);
      else mkdirSync(join(directory, 'real'));
      symlinkSync(kind === 'relative' ? 'real/keys.json' : target, path);
      const { record, token } = await createKey(path, INPUT);
      expect(lstatSync(path).isSymbolicLink()).toBe(true);
      expect(readKeys(target)).toEqual(readKeys(path));
      const ring = openKeyRing(target);
      expect(ring.find(token)).toEqual(record);
      await revokeKey(path, record.id);
      await until(() => ring.find(token) === null, 'who reads the target hears of it');
    },
  );
});

describe('a writer that died', () => {
  it.each([
    ['a moment ago', -4_500],
    ['before the clock was set back', 3_600_000],
  ])('holds up the next one for some seconds, and does not stop it (%s)', async (_, agoMs) => {
    const path = await newPath();
    writeFileSync(`${path}.lock`, '');
    const then = new Date(Date.now() + agoMs);
    utimesSync(`${path}.lock`, then, then);
    await createKey(path, INPUT);
    expect(readdirSync(join(path, '..'))).toEqual(['keys.json', 'keys.json.needed']);
    expect(readFileSync(`${path}.needed`, 'utf8')).toContain('delete both');
  });
});

describe('/health', () => {
  it('has figures for an admin only, where there are keys: they are about everybody', async () => {
    const path = await newPath();
    const admin = await createKey(path, { ...INPUT, scopes: ['admin'] });
    const query = await createKey(path, INPUT);
    const bound = await createKey(path, { ...INPUT, scopes: ['admin'], userIds: ['ana'] });
    const { url, queue } = await startTest({ keysFile: path });
    await queue.push([{ bytes: Buffer.from('no reading'), readings: 1 }]);
    const claim = await queue.claim({ maxReadings: 1, maxBytes: 1e6, maxElements: 1, leaseMs: 1_000 });
    const [element] = claim?.elements ?? [];
    if (claim === null || element === undefined) throw new Error('nothing was claimed');
    await queue.ack(claim.token, { deadLetters: [{ ...element, reason: 'test' }] });
    async function reason(authorization?: string): Promise<string> {
      const response = await fetch(`${url}/health`, {
        headers: authorization === undefined ? {} : { Authorization: authorization },
      });
      expect(response.status).toBe(200);
      return ((await response.json()) as { checks: { queue: string } }).checks.queue;
    }
    await until(async () => (await reason()) !== 'healthy', 'it tells of the dead letter');
    expect(await reason(`Bearer ${admin.token}`)).toContain('dead letters: 1');
    for (const stranger of [undefined, 'Bearer nonsense', `Bearer ${query.token}`, `Bearer ${bound.token}`]) {
      expect(await reason(stranger)).toContain('there are dead letters');
      expect(await reason(stranger)).not.toMatch(/\d/);
    }
  });
});
