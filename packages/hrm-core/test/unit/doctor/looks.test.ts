import { describe, expect, it } from 'vitest';
import { spaceResults } from '../../../src/doctor/check-place.js';
import { checkNode, checkSettings } from '../../../src/doctor/check-settings.js';
import { differenceText } from '../../../src/doctor/difference-text.js';
import { loadSettings } from '../../../src/settings.js';

describe('what is looked at', () => {
  const codes = (env: Record<string, string>) => {
    const settings = loadSettings({ flags: {}, env, file: undefined });
    return checkSettings(settings, env).map(({ code }) => code);
  };

  it.each([
    [{}, ['settings']],
    [{ HRM_DATA_DIRR: 'x' }, ['unknown_variable']],
    [{ HRM_DATA_DIR: '/srv/x', HRM_QUEUE_DIR: '/srv/x/queue' }, ['queue_in_data']],
    [{ HRM_DATA_DIR: '/srv/x', HRM_QUEUE_DIR: '/srv/xy' }, ['settings']],
    [{ HRM_LEASE_MS: '5000' }, ['lease_short']],
    [{ HRM_QUEUE_HIGH_WATER: '60000' }, ['high_water_low']],
    [{ HRM_SWEEP_AFTER_MS: '0' }, ['sweep_soon']],
    [{ HRM_ALLOW_ANONYMOUS: 'true' }, ['anonymous']],
  ])('in settings: %j', (env, expected) => expect(codes(env as Record<string, string>)).toEqual(expected));

  it.each([
    [{ freeBytes: 0, totalBytes: 1e12 }, ['problem space_none']],
    [{ freeBytes: 1e9, totalBytes: 1e12 }, ['warning space_low']],
    // As /health says: below a gibibyte on a large disk.
    [{ freeBytes: 4e9, totalBytes: 1e12 }, ['ok space']],
    [{ freeBytes: 5e11, totalBytes: 1e12 }, ['ok space']],
    [{ freeBytes: null, totalBytes: null }, []],
    [{ freeBytes: 5e11, totalBytes: 1e12, freeInodes: 9e5, totalInodes: 1e6 }, ['ok space', 'ok inodes']],
    [{ freeBytes: 5e11, totalBytes: 1e12, freeInodes: 90, totalInodes: 1_000 }, ['ok space', 'warning inodes_low']],
    [{ freeBytes: 5e11, totalBytes: 1e12, freeInodes: 3, totalInodes: 1_000 }, ['ok space', 'problem inodes_none']],
  ])('in the room of a disk: %j', (space, expected) =>
    expect(spaceResults('data', space).map(({ level, code }) => `${level} ${code}`)).toEqual(expected),
  );

  it.each([
    ['18.20.0', 'problem'],
    ['20.18.3', 'problem'],
    ['20.19.0', 'ok'],
    ['22.0.0', 'ok'],
  ])('in Node.js %s: %s', (version, level) => expect(checkNode(version)[0]?.level).toBe(level));

  it.each([
    [10, "this machine's"],
    [2_500, "2.5 s ahead of this machine's"],
    [-90_000, "90.0 s behind this machine's"],
  ])('in a clock %i ms ahead', (ms, text) => expect(differenceText(ms)).toBe(text));
});
