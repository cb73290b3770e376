import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { link, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import type { Storage } from '../../src/ports/storage.js';
import { bundle } from '../support/bundle.js';
import { type DurabilityEvent, type PowerCutModel, powerCutModel } from '../support/power-cut.js';
import { eventsOfTrace } from '../support/strace.js';
import { withDirectory } from '../support/temporary-directory.js';
import { cannotTrace } from '../support/traced.js';
import { type Verdict, type WatchedCall, watchedFileSystem } from '../support/watched-file-system.js';

const partition = { date: '20240115', directory: 'ana' };
const bytes = new TextEncoder().encode('[1,2,3]');

interface Recorded {
  readonly storage: Storage;
  readonly data: string;
  readonly model: PowerCutModel;
  /** Called after every event, until the next one is set. */
  watch(check: () => void): void;
}

/** A storage whose every call goes into a model of what survives a power cut. */
async function withRecorded(
  use: (recorded: Recorded) => Promise<void>,
  before: (call: WatchedCall) => Verdict = () => null,
): Promise<void> {
  await withDirectory(async (root) => {
    const model = powerCutModel(root);
    const failures: unknown[] = [];
    let check = (): void => undefined;
    const fileSystem = watchedFileSystem({
      before(call) {
        const verdict = before(call);
        if (verdict === null) apply('begin', call, undefined);
        return verdict;
      },
      after(call, error, count) {
        if (!error) apply('end', call, count);
      },
    });
    function apply(phase: DurabilityEvent['phase'], call: WatchedCall, count: unknown): void {
      const event = durabilityEvent(phase, call, count);
      if (event === null) return;
      // Kept, not thrown: the driver may pass over errors, and these are not for it.
      try {
        model.apply(event);
        check();
      } catch (error) {
        failures.push(error);
      }
    }
    const data = join(root, 'deep', 'data');
    const storage = await openDirectoryStorage({ directory: data, fileSystem });
    try {
      await use({
        storage,
        data,
        model,
        watch(next) {
          check = next;
        },
      });
      if (failures.length > 0) throw failures[0];
      assert.ok(model.events() > 40, 'nothing was recorded');
    } finally {
      await storage.close();
    }
  });
}

function durabilityEvent(phase: DurabilityEvent['phase'], call: WatchedCall, count: unknown): DurabilityEvent | null {
  const { path, newPath } = call;
  switch (call.name) {
    case 'open':
      return { phase, name: 'create', path };
    case 'write':
      return { phase, name: 'write', path, count: Number(count ?? 0) };
    case 'link':
    case 'rename':
      return { phase, name: call.name, path, newPath };
    case 'fsync':
    case 'unlink':
    case 'mkdir':
      return { phase, name: call.name, path };
    default:
      return null;
  }
}

async function replace(storage: Storage, supersededName: string): Promise<void> {
  const snapshot = await storage.snapshot(partition);
  try {
    assert.equal(await storage.replace({ snapshot, supersededName, bytes }), 'replaced');
  } finally {
    await snapshot.close();
  }
}

describe('what survives a power cut, by the calls made', () => {
  test('a part in a new date and a new user, then in known ones, then one that exists', () =>
    withRecorded(async ({ storage, data, model }) => {
      for (const name of ['part-a.parquet', 'part-b.parquet', 'part-a.parquet']) {
        await storage.publish(partition, name, bytes);
        assert.ok(model.survives(join(data, '20240115/ana', name)), name);
      }
    }));

  test('settings of users, the first, and those that take their place', () =>
    withRecorded(async ({ storage, data, model, watch }) => {
      const names = ['a0', 'b1'].map((pair) => pair.repeat(32));
      const pathOf = (name: string | undefined) => join(data, '.users', `${name}.json`);
      for (const name of names) {
        await storage.putSettingsFile(name, bytes);
        assert.ok(model.survives(pathOf(name)), name);
      }
      // From here on there are some at any moment.
      watch(() => assert.ok(model.survives(pathOf(names[0]))));
      for (let i = 0; i < 3; i += 1) await storage.putSettingsFile(String(names[0]), bytes);
      watch(() => undefined);
      await storage.removeSettingsFile(String(names[0]));
      assert.ok(!model.survives(pathOf(names[0])) && model.survives(pathOf(names[1])));
    }));

  test('32 parts at once, of new users of new dates, each when its own publish resolves', () =>
    withRecorded(async ({ storage, data, model }) => {
      await Promise.all(
        Array.from({ length: 32 }, async (_, index) => {
          const of = { date: `2024011${index % 4}`, directory: `user${index >> 1}` };
          await storage.publish(of, `part-${index}.parquet`, bytes);
          assert.ok(model.survives(join(data, of.date, of.directory, `part-${index}.parquet`)), `part ${index}`);
        }),
      );
    }));

  test('a directory that another process made a moment ago, and an equal part that it has not synced', () =>
    withRecorded(async ({ storage, data, model }) => {
      const directory = join(data, '20240115', 'ana');
      // The other process died after its link: its calls are in the model, its syncs of the directories are not.
      const stranger = join(data, '.tmp', 'stranger');
      for (const path of [join(data, '20240115'), directory]) {
        await mkdir(path);
        model.apply({ phase: 'end', name: 'mkdir', path });
      }
      await writeFile(stranger, bytes);
      await link(stranger, join(directory, 'part-a.parquet'));
      model.apply({ phase: 'end', name: 'create', path: stranger });
      model.apply({ phase: 'end', name: 'write', path: stranger, count: bytes.length });
      model.apply({ phase: 'end', name: 'link', path: stranger, newPath: join(directory, 'part-a.parquet') });
      assert.ok(!model.survives(join(directory, 'part-a.parquet')));

      assert.equal(await storage.publish(partition, 'part-a.parquet', bytes), 'exists');
      assert.ok(model.survives(join(directory, 'part-a.parquet')));
    }));

  test('a damaged part: either it or the right one is there at every moment, and it is kept', () =>
    withRecorded(async ({ storage, data, model, watch }) => {
      const path = join(data, '20240115/ana/part-a.parquet');
      await storage.publish(partition, 'part-a.parquet', new TextEncoder().encode('damaged'));
      watch(() => assert.ok(model.survives(path)));
      assert.equal(await storage.publish(partition, 'part-a.parquet', bytes), 'written');
      const [kept = 'none', report = 'none', ...others] = (await readdir(join(data, '.quarantine'))).sort();
      assert.deepEqual(others, []);
      assert.match(kept, /^20240115-ana-part-a\.parquet-[0-9a-f]{16}\.damaged$/);
      assert.equal(report, `${kept}.json`);
      for (const name of [kept, report]) assert.ok(model.survives(join(data, '.quarantine', name)));
    }));

  test.each(['part-a.parquet', 'compacted.parquet'])(
    '%s set aside: it is somewhere at every moment, and kept',
    (name) =>
      withRecorded(async ({ storage, data, model, watch }) => {
        const [directory, quarantine] = [join(data, '20240115/ana'), join(data, '.quarantine')];
        await storage.publish(partition, 'part-a.parquet', bytes);
        await replace(storage, 'part-old-1.parquet');
        const others = readdirSync(directory).filter((other) => other !== name);
        function survivors(path: string, suffix: string): string[] {
          return readdirSync(path).filter((file) => file.endsWith(suffix) && model.survives(join(path, file)));
        }
        watch(() => {
          const here = survivors(directory, '.parquet').filter((file) => !others.includes(file));
          // A rename that is not synced yet may be undone: the old name counts too.
          const isHere = here.length > 0 || model.survives(join(directory, name));
          assert.ok(isHere || survivors(quarantine, '.damaged').length > 0, 'it would be nowhere');
          for (const other of others) assert.ok(model.survives(join(directory, other)), `${other} would be gone`);
        });
        const snapshot = await storage.snapshot(partition);
        assert.equal(await storage.quarantine(snapshot, name, 'damaged'), 'quarantined');
        await snapshot.close();
        watch(() => undefined);
        assert.deepEqual(readdirSync(directory).sort(), [...others].sort());
        const [kept = 'none', ...more] = survivors(quarantine, '.damaged');
        assert.deepEqual(more, []);
        assert.ok(model.survives(join(quarantine, `${kept}.json`)));
        expect(JSON.parse(await readFile(join(quarantine, `${kept}.json`), 'utf8'))).toEqual({
          date: '20240115',
          directory: 'ana',
          name,
          byteLength: bytes.length,
          reason: 'damaged',
          quarantinedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        });
        assert.equal(statSync(join(quarantine, `${kept}.json`)).mode & 0o777, 0o600);
      }),
  );

  test('a replacement: the old or the new compacted file is there at every moment', () =>
    withRecorded(async ({ storage, data, model, watch }) => {
      const compacted = join(data, '20240115/ana/compacted.parquet');
      const superseded = join(data, '20240115/ana/part-old-2.parquet');
      await replace(storage, 'part-old-1.parquet');
      assert.ok(model.survives(compacted));
      watch(() => assert.ok(model.survives(compacted) || model.survives(superseded)));
      await replace(storage, 'part-old-2.parquet');
      assert.ok(model.survives(compacted) && model.survives(superseded));
    }));

  test('nothing is removed before the compacted file is durable, whoever linked it', () =>
    withRecorded(async ({ storage, data, model, watch }) => {
      const directory = join(data, '20240115', 'ana');
      const compacted = join(directory, 'compacted.parquet');
      await storage.publish(partition, 'part-a.parquet', bytes);
      // Another process linked it, and died before the sync.
      await link(join(directory, 'part-a.parquet'), compacted);
      model.apply({ phase: 'end', name: 'link', path: join(directory, 'part-a.parquet'), newPath: compacted });
      assert.ok(!model.survives(compacted));
      watch(() => assert.ok(model.survives(join(directory, 'part-a.parquet')) || model.survives(compacted)));
      await storage.remove(partition, ['part-a.parquet']);
      assert.ok(model.survives(compacted));
    }));

  test.each(['files', 'directories'])('the model notices a driver that does not sync %s', (what) =>
    assert.rejects(
      withRecorded(
        async ({ storage, data, model }) => {
          await storage.publish(partition, 'part-a.parquet', bytes);
          assert.ok(model.survives(join(data, '20240115/ana/part-a.parquet')), 'lost');
        },
        (call) =>
          call.name === 'fsync' && call.path.endsWith('.tmp') === (what === 'files') ? { kind: 'skip' } : null,
      ),
      /lost|visible before its sync/,
    ),
  );
});

describe.skipIf(cannotTrace)('what survives a power cut, by the system calls of a real process', () => {
  test('a publish into a new data directory, and a replacement', () =>
    withDirectory(async (root) => {
      const worker = await bundle(join(import.meta.dirname, '../support/publish-once.ts'), root);
      const data = join(root, 'deep', 'data');
      const trace = join(root, 'trace');
      const calls =
        'openat,open,mkdir,mkdirat,write,pwrite64,fsync,fdatasync,link,linkat,rename,renameat,renameat2,unlink,unlinkat';
      // `-y` prints the path of each descriptor.
      const args = ['-f', '-y', '-s', '64', '-e', `trace=${calls}`, '-o', trace, process.execPath, worker, data];
      const { stdout } = await promisify(execFile)('strace', args);
      assert.equal(stdout, 'published part-a.parquet\nreplaced compacted.parquet\n');

      const model = powerCutModel(root);
      model.apply({ phase: 'end', name: 'create', path: worker });
      model.apply({ phase: 'end', name: 'create', path: trace });
      const acknowledged: string[] = [];
      for (const event of eventsOfTrace(await readFile(trace, 'utf8'))) {
        if (event.kind === 'call') model.apply(event.event);
        else {
          const name = event.text.split(' ')[1] ?? '';
          assert.ok(model.survives(join(data, '20240115/ana', name)), `${event.text}, and it would be lost`);
          acknowledged.push(name);
        }
      }
      assert.deepEqual(acknowledged, ['part-a.parquet', 'compacted.parquet']);
    }));
});
