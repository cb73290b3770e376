import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { enqueue } from 'hrm-core';
import { openEmbeddedQueue } from 'hrm-core/embedded';
import { expect, it } from 'vitest';
import { environment, temporaryDirectory } from './support/hrm.js';

const HRM = fileURLToPath(new URL('../packages/hrm-cli/bin/hrm.js', import.meta.url));
const canTrace = spawnSync('strace', ['-V']).status === 0;

/** The calls of interest in order: what, and on which path below the directory. */
async function trace(directory: string): Promise<[call: string, file: string][]> {
  const log = path.join(directory, 'strace.log');
  const calls = 'fsync,fdatasync,link,linkat,mkdir,mkdirat,pwrite64,pwritev';
  const { status, stderr } = spawnSync(
    'strace',
    ['-f', '-y', '-o', log, '-e', `trace=${calls}`, process.execPath, HRM, 'drain'],
    { env: environment(directory), encoding: 'utf8' },
  );
  expect(status, stderr).toBe(0);
  const events: [string, string][] = [];
  const begun = new Map<string, string>();
  for (const line of (await readFile(log, 'utf8')).split('\n')) {
    const [, pid = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    // A call that another thread interrupts is done where it is resumed.
    if (rest.endsWith('<unfinished ...>')) begun.set(pid, rest.slice(0, -'<unfinished ...>'.length));
    const whole = rest.startsWith('<...') ? (begun.get(pid) ?? '') + rest.replace(/^<\.\.\. \w+ resumed>/, '') : rest;
    const [, call = '', args = '', result = ''] = /^(\w+)\((.*)\) += (\d+)/.exec(whole) ?? [];
    if (result === '') continue;
    const quoted = [...args.matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? '');
    const file = /^(?:link|mkdir)/.test(call) ? quoted.at(-1) : /^\d+<([^>]*)>/.exec(args)?.[1];
    if (file?.startsWith(directory)) events.push([call, path.relative(directory, file)]);
  }
  return events;
}

it.skipIf(!canTrace && process.env.CI === undefined)(
  'every file and every directory entry is synced before the queue is told',
  async () => {
    expect(canTrace, 'needs strace').toBe(true);
    const directory = await temporaryDirectory(tmpdir());
    const queue = await openEmbeddedQueue({ directory: path.join(directory, 'queue') });
    const users = ['ana', 'ben'];
    await enqueue(
      { queue },
      users.map((userId) => ({ userId, deviceId: 'watch', timestamp: '2024-01-15T10:00:00Z', heartRate: 70 })),
    );
    await queue.close();
    const events = await trace(directory);
    const indexOf = (call: string, file: RegExp) =>
      events.findIndex((event) => event[0] === call && file.test(event[1]));
    const lastQueueWrite = events.findLastIndex(([call, file]) => /^pwrite/.test(call) && file === 'queue/queue.lmdb');
    const queueWritesBetween = (from: number, to: number) =>
      events.slice(from, to).filter(([call, file]) => /^pwrite/.test(call) && file.startsWith('queue/')).length;
    for (const user of users) {
      const made = indexOf('mkdir', new RegExp(`^data/20240115/${user}$`));
      const linked = indexOf('link', new RegExp(`^data/20240115/${user}/part-`));
      expect(made).toBeGreaterThan(-1);
      expect(linked).toBeGreaterThan(made);
      // Its directory's entry, and its own, are synced after they were made ...
      const parentSynced = events.findIndex(
        ([call, file], i) => i > made && call === 'fsync' && file === 'data/20240115',
      );
      const linkSynced = events.findIndex(
        ([call, file], i) => i > linked && call === 'fsync' && file === `data/20240115/${user}`,
      );
      expect(parentSynced).toBeGreaterThan(made);
      expect(linkSynced).toBeGreaterThan(linked);
      // ... and only then is anything written to the queue: the acknowledgement.
      expect(queueWritesBetween(made, Math.max(parentSynced, linkSynced))).toBe(0);
      expect(lastQueueWrite).toBeGreaterThan(Math.max(parentSynced, linkSynced));
    }
    // Each part's bytes, under its temporary name, before any link.
    const firstLink = events.findIndex(([call, file]) => call === 'link' && file.includes('/part-'));
    expect(
      events.slice(0, firstLink).filter(([call, file]) => call === 'fsync' && file.startsWith('data/.tmp/')).length,
    ).toBeGreaterThanOrEqual(1);
    const temporariesSynced = events.filter(([call, file]) => call === 'fsync' && file.startsWith('data/.tmp/')).length;
    expect(temporariesSynced).toBeGreaterThanOrEqual(users.length);
    // And the entry of the date, once it is there: the directory was synced for the store's identity before.
    const dateMade = indexOf('mkdir', /^data\/20240115$/);
    expect(dateMade).toBeGreaterThan(-1);
    expect(events.slice(dateMade)).toContainEqual(['fsync', 'data']);
  },
);
