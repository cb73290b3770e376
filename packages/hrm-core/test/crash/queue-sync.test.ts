import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { cannotTrace, runTraced } from '../support/traced.js';

const WORKER = fileURLToPath(new URL('queue-ack-worker.mjs', import.meta.url));
const CALLS = 'openat,write,writev,pwrite64,pwritev,fdatasync,fsync';
const PUSHES = 10;

/** A kill leaves the page cache alone, so only the system calls show what a power cut would leave. */
describe.skipIf(cannotTrace)('system calls of the embedded queue', () => {
  // As the kernel names it: the temporary directory may be a link.
  const parent = mkdtempSync(join(realpathSync(tmpdir()), 'hrm-sync-'));
  const directory = join(parent, 'made', 'queue');
  const file = join(directory, 'queue.lmdb');
  let calls: string[] = [];

  beforeAll(() => {
    const log = join(parent, 'strace.log');
    const traced = runTraced(['-y', '-s', '20', '-o', log, '-e', `trace=${CALLS}`], [WORKER, directory, `${PUSHES}`]);
    assert.equal(traced.status, 0, traced.stderr);
    calls = readFileSync(log, 'utf8').split('\n');
  });
  afterAll(() => rmSync(parent, { recursive: true }));

  function isAcknowledgement(call: string): boolean {
    return /\bwrite\(1<.*"acknowledged/.test(call);
  }

  function indexOf(call: RegExp): number {
    return calls.findIndex((line) => call.test(line));
  }

  it('syncs data, then writes the meta page through, then acknowledges', () => {
    const throughDescriptor = /O_DSYNC.* = (\d+)</.exec(
      calls.find((call) => /queue\.lmdb".*O_DSYNC/.test(call)) ?? '',
    )?.[1];
    assert.ok(throughDescriptor !== undefined, 'nothing is opened O_DSYNC');
    const kinds = calls.flatMap((call) => {
      if (isAcknowledgement(call)) return ['acknowledge'];
      if (!call.includes(`<${file}>`) || call.includes('openat(')) return [];
      if (/\b(fdatasync|fsync)\(.* = 0$/.test(call)) return ['sync'];
      return call.includes(`(${throughDescriptor}<`) ? ['through'] : ['data'];
    });
    assert.equal(kinds.filter((kind) => kind === 'acknowledge').length, PUSHES);
    const first = kinds.indexOf('acknowledge');
    const afterFirst = kinds.slice(first + 1).join(' ');
    assert.match(kinds.slice(0, first + 1).join(' '), /data sync through acknowledge$/);
    assert.match(afterFirst, /^((data )+sync through acknowledge ?){9}$/);
  });

  it('syncs every directory entry before the first acknowledgement', () => {
    const acknowledged = calls.findIndex(isAcknowledgement);
    const created = indexOf(/queue\.lmdb".*O_CREAT/);
    assert.ok(created >= 0 && acknowledged > created);
    for (const synced of [parent, join(parent, 'made'), directory]) {
      const index = indexOf(new RegExp(`fsync\\(\\d+<${synced}>\\) += 0`));
      assert.ok(index >= 0 && index < acknowledged, `${synced} is not synced`);
    }
    const directorySync = indexOf(new RegExp(`fsync\\(\\d+<${directory}>\\) += 0`));
    assert.ok(directorySync > created, 'the directory is synced before the file is in it');
  });
});
