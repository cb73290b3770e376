/** What the figures of queue and storage mean: when somebody should look. */
import { describe, expect, test } from 'vitest';
import { depthIssues, spaceIssues, statusOfIssues } from '../../../src/ops/health-issues.js';
import { isLastingFailure } from '../../../src/ops/lasting-failure.js';
import { failuresOutcome } from '../../../src/ops/outcome.js';
import { isDue, isOverdue } from '../../../src/ops/overdue.js';
import { settingIssues } from '../../../src/ops/setting-issues.js';
import { spaceState } from '../../../src/ops/space-state.js';
import { loadSettings } from '../../../src/settings.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

test.each([
  [null, null, undefined],
  [null, GIB, undefined],
  [GIB, null, undefined],
  [GIB - 1, null, 'little room is left: 1.1 GB'],
  // Of a large disk a gigabyte, of a middling one a tenth.
  [GIB, 1024 * GIB, undefined],
  [GIB - MIB, 1024 * GIB, 'little room is left: 1.1 GB of 1.1 TB'],
  [GIB / 10, GIB, undefined],
  [GIB / 10 - MIB, GIB, 'little room is left: 106.3 MB of 1.1 GB'],
  // Of a small one enough that the embedded queue still takes pushes; of a tiny one half.
  [32 * MIB, 64 * MIB, undefined],
  [31 * MIB, 64 * MIB, 'little room is left: 32.5 MB of 67.1 MB'],
  [MIB, 2 * MIB, undefined],
  [0, 2 * MIB, 'little room is left: 0 B of 2.1 MB'],
])('%s bytes free of %s', (freeBytes, totalBytes, reason) => {
  expect(spaceIssues('storage', { freeBytes, totalBytes }).map((issue) => issue.reason)).toEqual(
    reason === undefined ? [] : [reason],
  );
});

test.each([
  [null, null, undefined],
  [50_000, 10_000_000, undefined],
  [49_999, 10_000_000, 'few inodes are left (df -i), so few files can still be made: 49999 of 10000000'],
  // Of a small file system a tenth.
  [100, 1_000, undefined],
  [0, 1_000, 'few inodes are left (df -i), so few files can still be made: 0 of 1000'],
])('%s inodes free of %s', (freeInodes, totalInodes, reason) => {
  const space = { freeBytes: null, totalBytes: null, freeInodes, totalInodes };
  expect(spaceIssues('storage', space).map((issue) => issue.reason)).toEqual(reason === undefined ? [] : [reason]);
});

describe('room', () => {
  test.each([
    [{ freeBytes: null, totalBytes: null }, 'unknown', 'unknown'],
    [{ freeBytes: GIB, totalBytes: 1024 * GIB }, 'ok', 'unknown'],
    [{ freeBytes: GIB - 1, totalBytes: 1024 * GIB }, 'low', 'unknown'],
    [{ freeBytes: 16 * MIB, totalBytes: GIB }, 'low', 'unknown'],
    // The embedded queue refuses pushes then.
    [{ freeBytes: 16 * MIB - 1, totalBytes: GIB }, 'none', 'unknown'],
    [{ freeBytes: GIB, totalBytes: null, freeInodes: 16, totalInodes: 1_000 }, 'ok', 'low'],
    [{ freeBytes: GIB, totalBytes: null, freeInodes: 15, totalInodes: 1_000 }, 'ok', 'none'],
  ])('%j', (space, bytes, inodes) => expect(spaceState(space)).toEqual({ bytes, inodes }));
});

describe('the oldest reading', () => {
  const settings = { batchMaxAgeMs: 5_000, leaseMs: 30_000 };
  test.each([
    [null, false, false],
    [35_000, false, false],
    [35_001, true, false],
    [95_000, true, false],
    [95_001, true, true],
  ])('of %s ms ago', (ageMs, due, overdue) => {
    const nowMs = 1_700_000_000_000;
    const oldestMs = ageMs === null ? null : nowMs - ageMs;
    expect([isDue(oldestMs, nowMs, settings), isOverdue(oldestMs, nowMs, settings)]).toEqual([due, overdue]);
    const figures = {
      readings: 1,
      claimedReadings: 0,
      deadLetters: 0,
      endedClaims: 0,
      oldestMs,
      nowMs,
      expiredClaimsMs: 0,
    };
    expect(depthIssues(figures, settings).map(({ code }) => code)).toEqual(overdue ? ['overdue'] : []);
  });
});

test('settings that make no sense together are found, and no others', () => {
  const issues = (env: Record<string, string>) => settingIssues(loadSettings({ env }));
  expect(issues({})).toEqual([]);
  expect(issues({ HRM_DATA_DIR: '/srv/x', HRM_QUEUE_DIR: '/srv/x/queue', HRM_LEASE_MS: '5000' })).toEqual([
    'queue_in_data',
    'lease_short',
  ]);
  expect(issues({ HRM_DATA_DIR: '/srv/x', HRM_QUEUE_DIR: '/srv/xy' })).toEqual([]);
});

test.each([
  ['file_damaged', true],
  ['name_taken', true],
  ['storage_unavailable', false],
])('a failure of code %s needs a person: %s', (code, lasting) => expect(isLastingFailure({ code })).toBe(lasting));

test.each([
  [[], 'healthy'],
  [['degraded'], 'degraded'],
  [['degraded', 'unhealthy', 'degraded'], 'unhealthy'],
] as const)('with issues that are %j a service is %s', (severities, status) =>
  expect(statusOfIssues(severities.map((severity) => ({ severity })))).toBe(status),
);

test.each([
  [[], 'done'],
  [['storage_unavailable'], 'unavailable'],
  [['storage_full', 'storage_unavailable'], 'unavailable'],
  [['storage_unavailable', 'file_damaged'], 'data'],
] as const)('a run with failures %j ends as %s', (codes, outcome) => {
  expect(failuresOutcome(codes.map((code) => ({ code })))).toBe(outcome);
});
