/** Settings of users: what is taken, how it is kept, and what answers make of it. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import {
  copyStore,
  daily,
  dailyAsUserSays,
  removeUserSettings,
  type Storage,
  setUserSettings,
  setWireUserSettings,
  type UserSettings,
  userPriority,
  userSettings,
  userSettingsOfText,
  writePart,
} from '../../src/index.js';
import { rankDevices } from '../../src/pure/merge.js';
import { rankBefore, settingsFileName } from '../../src/pure/user-settings.js';
import { tappedStorage } from '../support/tapped-ports.js';
import { withDirectory } from '../support/temporary-directory.js';
import { systemError, watchedFileSystem } from '../support/watched-file-system.js';

const ALL: UserSettings = {
  birthYear: 1986,
  maxHeartRate: 185,
  restingRate: 52,
  zones: [95, 114, 133, 152, 171],
  timeZone: 'Europe/Madrid',
  devicePriority: { strap: 1, constructor: 2, 'a/b~ñ': 3 },
};

async function withStorage<T>(use: (storage: Storage, directory: string) => Promise<T>): Promise<T> {
  return await withDirectory(async (directory) => {
    const storage = await openDirectoryStorage({ directory });
    try {
      return await use(storage, directory);
    } finally {
      await storage.close();
    }
  });
}

function fileOf(directory: string, userId: string): string {
  return path.join(directory, '.users', `${settingsFileName(userId)}.json`);
}

describe('settings of a user', () => {
  it('come back as they were, each user their own, until they are forgotten', async () => {
    await withStorage(async (storage, directory) => {
      const ids = ['ana', 'Ana', '../../etc', '_shared', '__proto__', '😀'.repeat(64), 'x'.repeat(128), ' '];
      for (const [i, id] of ids.entries()) await setUserSettings({ storage }, id, { ...ALL, birthYear: 1_950 + i });
      for (const [i, id] of ids.entries())
        expect(await userSettings({ storage }, id)).toEqual({ ...ALL, birthYear: 1_950 + i });
      expect(readdirSync(path.join(directory, '.users'))).toHaveLength(ids.length);
      expect(statSync(path.join(directory, '.users')).mode & 0o777).toBe(0o700);
      expect(statSync(fileOf(directory, 'ana')).mode & 0o777).toBe(0o600);
      expect(JSON.parse(readFileSync(fileOf(directory, 'ana'), 'utf8'))).toMatchObject({ version: 1, user_id: 'ana' });
      await removeUserSettings({ storage }, 'ana');
      await setUserSettings({ storage }, 'Ana', {});
      for (const id of ['ana', 'Ana', 'nobody']) expect(await userSettings({ storage }, id)).toEqual({});
      expect(await storage.settingsFiles()).toHaveLength(ids.length - 2);
    });
  });

  it.each([
    [null, ''],
    [[], ''],
    ['ana', ''],
    [{ birthYear: 1986 }, '/birthYear'],
    [{ birth_year: 1879 }, '/birth_year'],
    [{ birth_year: '1986' }, '/birth_year'],
    [{ max_heart_rate: 251 }, '/max_heart_rate'],
    [{ max_heart_rate: Number.NaN }, '/max_heart_rate'],
    [{ resting_rate: 52.5 }, '/resting_rate'],
    [{ resting_rate: null }, '/resting_rate'],
    [{ zones: [95, 114, 133, 152] }, '/zones'],
    [{ zones: [95, 114, 133, 152, 152] }, '/zones'],
    [{ zones: [95, 114, 133, 152, '171'] }, '/zones/4'],
    [{ zones: Array.from({ length: 100_000 }, () => 95) }, '/zones'],
    [{ time_zone: 'Mars/Olympus' }, '/time_zone'],
    [{ time_zone: 'x'.repeat(100_000) }, '/time_zone'],
    [{ device_priority: [] }, '/device_priority'],
    [{ device_priority: { strap: 0 } }, '/device_priority/strap'],
    [{ device_priority: { constructor: 'first' } }, '/device_priority'],
    [JSON.parse('{"device_priority":{"__proto__":{"a":1}}}'), '/device_priority'],
    [{ device_priority: { '': 1 } }, '/device_priority'],
    [{ device_priority: { ['x'.repeat(129)]: 1 } }, '/device_priority'],
    [{ device_priority: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`d${i}`, 1])) }, '/device_priority'],
  ])('are refused and keep those before: %.40j', async (wire, fault) => {
    await withStorage(async (storage) => {
      await setUserSettings({ storage }, 'ana', ALL);
      await expect(setWireUserSettings({ storage }, 'ana', wire)).rejects.toMatchObject({
        kind: 'invalid',
        code: 'invalid_user_settings',
        faults: [expect.objectContaining({ path: fault })],
      });
      expect(await userSettings({ storage }, 'ana')).toEqual(ALL);
    });
  });

  it('tell every fault, and repeat no value of a field', () => {
    const wrong = '{"birth_year":"secret","zones":["secret"],"secret_field":1}';
    expect(() => userSettingsOfText(wrong)).toThrow(/birth_year .*zones/);
    expect(() => userSettingsOfText(wrong)).not.toThrow(/"?secret"(?!_field)/);
    expect(() => userSettingsOfText('{')).toThrow('must be JSON');
  });

  it('are no user’s where the id is none', async () => {
    await withStorage(async (storage) => {
      for (const id of ['', 'x'.repeat(129), 'a\u0000', '\ud800', 7 as never]) {
        await expect(userSettings({ storage }, id)).rejects.toMatchObject({ code: 'invalid_query' });
        await expect(setUserSettings({ storage }, id, ALL)).rejects.toMatchObject({ code: 'invalid_query' });
      }
      expect(await storage.settingsFiles()).toEqual([]);
    });
  });

  it('that are damaged, of another user or of a later version fail no question', async () => {
    await withStorage(async (storage, directory) => {
      await writePart({ storage }, [
        { userId: 'ana', deviceId: 'strap', timestampMs: 1e12, heartRate: 70, receivedMs: 0 },
      ]);
      const asked = { userId: 'ana', start: '2001-09-09', end: '2001-09-10' };
      mkdirSync(path.join(directory, '.users'), { recursive: true });
      for (const text of [
        '',
        '{',
        'null',
        '{"version":2,"user_id":"ana","settings":{}}',
        '{"version":1,"user_id":"bo","settings":{}}',
        '{"version":1,"user_id":"ana","settings":{"birth_year":1}}',
        `{"version":1,"user_id":"ana","settings":{}}${' '.repeat(70_000)}`,
        '\u0000'.repeat(1_000_000),
      ]) {
        writeFileSync(fileOf(directory, 'ana'), text);
        await expect(userSettings({ storage }, 'ana')).rejects.toMatchObject({
          kind: 'data',
          code: 'settings_damaged',
        });
        expect(await userPriority({ storage }, 'ana', { watch: 1 })).toEqual({ watch: 1 });
        expect(await daily({ storage }, asked)).toMatchObject([{ count: 1, zones: null }]);
      }
      await setUserSettings({ storage }, 'ana', { maxHeartRate: 200 });
      expect(await daily({ storage }, asked)).toMatchObject([{ zones: [{}, {}, {}, {}, {}, {}] }]);
    });
  });

  it('are old or new whatever call fails, and the next try has them', async () => {
    await withStorage(async (storage) => {
      const [old, fresh] = [{ birthYear: 1_950 }, ALL];
      for (let failing = 0, failed = true; failed; failing += 1) {
        await setUserSettings({ storage }, 'ana', old);
        let calls = 0;
        failed = false;
        const broken = tappedStorage(storage, async (call) => {
          calls += 1;
          if (calls - 1 !== failing) return await call();
          failed = true;
          throw new Error('broken');
        });
        await setUserSettings({ storage: broken }, 'ana', fresh).catch(() => undefined);
        expect([old, fresh]).toContainEqual(await userSettings({ storage }, 'ana'));
        await setUserSettings({ storage }, 'ana', fresh);
        expect(await userSettings({ storage }, 'ana')).toEqual(fresh);
      }
    });
  });

  it.each([
    ['the first', {}],
    ['later ones', { birthYear: 1_950 }],
  ])('%s are whole, or as before, at whatever call their writer is killed', async (_, old) => {
    let [isKilled, kills] = [true, 0];
    for (let at = 0; isKilled; at += 1) {
      isKilled = false;
      await withDirectory(async (directory) => {
        let [calls, isArmed] = [0, false];
        // A process that is killed makes no call any more.
        const fileSystem = watchedFileSystem({
          before(call) {
            calls += isArmed ? 1 : 0;
            if (calls <= at) return null;
            isKilled = true;
            return { kind: 'fail', error: systemError('EIO', call) };
          },
        });
        const storage = await openDirectoryStorage({ directory, fileSystem });
        await setUserSettings({ storage }, 'ana', old);
        isArmed = true;
        await setUserSettings({ storage }, 'ana', ALL).catch(() => undefined);
        const another = await openDirectoryStorage({ directory });
        expect(isKilled ? [old, ALL] : [ALL]).toContainEqual(await userSettings({ storage: another }, 'ana'));
        await setUserSettings({ storage: another }, 'ana', ALL);
        expect(await userSettings({ storage: another }, 'ana')).toEqual(ALL);
        await another.close();
        await storage.close();
      });
      kills += 1;
    }
    expect(kills).toBeGreaterThan(5);
  });

  it('go along where a store is copied, and stay as they are at the source', async () => {
    await withStorage(async (from, directory) => {
      await setUserSettings({ storage: from }, 'ana', ALL);
      await setUserSettings({ storage: from }, 'bo', { birthYear: 1_990 });
      const copyOf = (await from.identity()) ?? undefined;
      const to = await openDirectoryStorage({
        directory: path.join(directory, '..', `${path.basename(directory)}-copy`),
        copyOf,
      });
      try {
        await setUserSettings({ storage: to }, 'bo', { birthYear: 1_991 });
        await copyStore({ from, to });
        expect(await userSettings({ storage: to }, 'ana')).toEqual(ALL);
        expect(await userSettings({ storage: to }, 'bo')).toEqual({ birthYear: 1_990 });
      } finally {
        await to.close();
      }
    });
  });
});

describe('ranks of a user', () => {
  it('go before all others, each in their own order', () => {
    const anyDevice = fc.constantFrom('a', 'b', 'c', 'd', 'e');
    const anyOwn = fc.dictionary(anyDevice, fc.constantFrom(1, 2, 3, 1_000));
    const anyRanks = fc.dictionary(anyDevice, fc.constantFrom(1, 2, 3, 7, 2 ** 53 - 1));
    const devices = ['a', 'b', 'c', 'd', 'e'];
    fc.assert(
      fc.property(anyOwn, anyRanks, (own, others) => {
        const order = (ids: readonly string[], ranks: Record<string, number>) =>
          rankDevices(ids, ranks).map((i) => ids[i] as string);
        const of = (ranks: Record<string, number>) => devices.filter((id) => Object.hasOwn(ranks, id));
        const rest = devices.filter((id) => !Object.hasOwn(own, id));
        // The user's own, as they rank them; behind them the rest, as if there were no others.
        const expected = [...order(of(own), own), ...order(rest, others)];
        expect(order(devices, rankBefore(own, others))).toEqual(expected);
        expect(order(devices, rankBefore(own, rankBefore(own, others)))).toEqual(expected);
      }),
    );
    expect(rankBefore(undefined, { a: 5 })).toEqual({ a: 5 });
  });
});

describe('days in figures', () => {
  it('take what the question does not say, and nothing else', async () => {
    await withStorage(async (storage) => {
      const reading = (deviceId: string, heartRate: number) => {
        return { userId: 'ana', deviceId, timestampMs: Date.UTC(2024, 0, 14, 23, 30), heartRate, receivedMs: 0 };
      };
      await writePart({ storage }, [reading('strap', 120), reading('watch', 60)]);
      const asked = { userId: 'ana', start: '2024-01-14', end: '2024-01-16', priority: { watch: 1 } };
      const boundsOf = async (more: object = {}) => {
        const [day] = await daily({ storage }, { ...asked, ...more });
        return day?.zones?.map(({ fromBpm }) => fromBpm) ?? null;
      };
      expect(await daily({ storage }, asked)).toMatchObject([{ date: '2024-01-14', max: 60, zones: null }]);
      await setUserSettings({ storage }, 'ana', ALL);
      expect(await daily({ storage }, asked)).toMatchObject([{ date: '2024-01-15', max: 120, deviceIds: ['strap'] }]);
      expect(await daily({ storage }, { ...asked, timeZone: 'UTC' })).toMatchObject([{ date: '2024-01-14' }]);
      expect((await dailyAsUserSays({ storage }, asked)).timeZone).toBe('Europe/Madrid');
      expect(await boundsOf()).toEqual([0, 95, 114, 133, 152, 171]);
      expect(await boundsOf({ maxHeartRate: 200 })).toEqual([0, 100, 120, 140, 160, 180]);
      expect(await boundsOf({ birthYear: 1_984 })).toEqual([0, 90, 108, 126, 144, 162]);
      // Of the maximum that the settings have.
      expect(await boundsOf({ restingRate: 85 })).toEqual([0, 135, 145, 155, 165, 175]);
      const { zones: _, ...rest } = ALL;
      await setUserSettings({ storage }, 'ana', rest);
      expect(await boundsOf()).toEqual([0, 118.5, 131.8, 145.1, 158.4, 171.7]);
      await setUserSettings({ storage }, 'ana', { birthYear: 1_984 });
      expect(await boundsOf()).toEqual([0, 90, 108, 126, 144, 162]);
    });
  });
});
