/** What went wrong for others on S3, one by one, over a service that fails as planned. */
import { describe, expect, it } from 'vitest';
import { openS3Storage } from '../../src/drivers/storage/s3/s3.js';
import { TOMBSTONE } from '../../src/drivers/storage/s3/tombstone.js';
import {
  compact,
  compactAll,
  type Partition,
  query,
  type Reading,
  type Storage,
  verify,
  writePart,
} from '../../src/index.js';
import { openFile } from '../../src/parquet/footer.js';
import { partName } from '../../src/pure/partition.js';
import { createFakeS3 } from '../support/fake-s3.js';
import { openFakeStorage } from '../support/s3-storage.js';

const START_MS = Date.UTC(2024, 0, 15);
const DAY = { userId: 'ana', start: START_MS, end: START_MS + 86_400_000 };
const partition = { date: '20240115', directory: 'ana' };
const [good, torn] = [Buffer.from('good'), Buffer.from('torn')];
const name = partName(good);

function readingAt(minute: number, userId = 'ana'): Reading {
  const timestampMs = START_MS + minute * 60_000;
  return { userId, deviceId: 'watch', timestampMs, heartRate: 60 + (minute % 100), receivedMs: timestampMs };
}

async function minutesOf(storage: Storage): Promise<readonly number[]> {
  return (await query({ storage }, DAY)).map(({ timestamp }) => (Date.parse(timestamp) - START_MS) / 60_000);
}

async function namesIn(storage: Storage): Promise<readonly string[]> {
  const snapshot = await storage.snapshot(partition);
  await snapshot.close();
  return snapshot.files.map((file) => file.name);
}

async function dirtyIn(storage: Storage): Promise<readonly Partition[]> {
  const found: Partition[] = [];
  for await (const each of storage.partitions({ dirty: true })) found.push(each);
  return found;
}

it('what was killed while it proved conditions is deleted by the next start, once it is nobody’s for sure', async () => {
  const fake = createFakeS3();
  await (await openFakeStorage(fake)).close();
  const objects = fake.objects as Map<string, object>;
  const probe = { bytes: good, etag: 'e', id: '' };
  objects.set('some/data/.probe-old', { ...probe, writtenMs: Date.now() - 660_000 });
  objects.set('some/data/.probe-young', { ...probe, writtenMs: Date.now() - 500_000 });
  await (await openFakeStorage(fake)).close();
  expect([...objects.keys()].filter((key) => key.includes('probe-'))).toEqual(['some/data/.probe-young']);
});

describe('a reply that is lost', () => {
  /** Writes, meets damage, sets aside, and writes again. */
  async function live(storage: Storage): Promise<readonly unknown[]> {
    const outcomes: unknown[] = [await storage.publish(partition, name, torn)];
    outcomes.push(await storage.publish(partition, name, good), await storage.publish(partition, name, good));
    const snapshot = await storage.snapshot(partition);
    outcomes.push(await storage.quarantine(snapshot, name, 'it is said to be bad'));
    outcomes.push(await storage.quarantine(snapshot, name, 'it is said to be bad'));
    await snapshot.close();
    outcomes.push(await storage.publish(partition, name, good), await namesIn(storage));
    outcomes.push((await storage.check()).quarantinedFiles);
    return outcomes;
  }

  it('changes no outcome, whichever it is, and no request is sent again that must not be', async () => {
    const plain = createFakeS3();
    const expected = await live(await openFakeStorage(plain));
    expect(expected).toEqual(['written', 'written', 'exists', 'quarantined', 'gone', 'written', [name], 2]);
    for (let lost = 1; lost <= plain.requests.length; lost += 1) {
      const fake = createFakeS3();
      fake.plan = (n) => (n === lost ? 'lost' : null);
      expect(await live(await openFakeStorage(fake)), `reply ${lost}`).toEqual(expected);
      const ids = fake.requests.map(({ method, headers }) =>
        method === 'PUT' ? headers['x-amz-meta-hrm-id'] : method,
      );
      // It is sent again only after a look at what became of it.
      const blind = ids.filter((id, i) => id !== undefined && id.length > 6 && ids[i - 1] === id);
      expect(blind, `reply ${lost}`).toEqual([]);
    }
  });
});

describe('a refusal', () => {
  it('by 409 says nothing of what is there: the file is written', async () => {
    const fake = createFakeS3();
    const storage = await openFakeStorage(fake);
    let conflicts = 2;
    fake.plan = (_, { headers }) => {
      if (headers['if-none-match'] === undefined || conflicts === 0) return null;
      conflicts -= 1;
      return { status: 409, code: 'ConditionalRequestConflict' };
    };
    expect(await storage.publish(partition, name, good)).toBe('written');
    expect(await namesIn(storage)).toEqual([name]);
  });

  it('to delete leaves work pending, and nothing stuck', async () => {
    const fake = createFakeS3();
    const storage = await openFakeStorage(fake);
    await storage.publish(partition, name, good);
    fake.plan = (_, { method }) => (method === 'POST' ? { status: 503, code: 'SlowDown' } : null);
    await expect((await storage.visit(partition)).markClean()).rejects.toMatchObject({ kind: 'unavailable' });
    const dirty = async () => (await dirtyIn(storage)).length;
    expect(await dirty()).toBe(1);
    fake.plan = () => null;
    await (await storage.visit(partition)).markClean();
    expect(await dirty()).toBe(0);
  });

  it('for want of space or rights says which', async () => {
    const fake = createFakeS3();
    const storage = await openFakeStorage(fake);
    fake.plan = () => ({ status: 403, code: 'QuotaExceeded' });
    await expect(storage.check()).rejects.toMatchObject({ kind: 'unavailable', code: 'storage_full' });
    fake.plan = () => ({ status: 403, code: 'AccessDenied' });
    await expect(storage.check()).rejects.toThrow(/s3:\/\/bucket\/some\/data: these keys may not do it/);
  });
});

describe('a service that is unfit', () => {
  it.each(['if-none-match', 'if-match'] as const)(
    'since it ignores %s is refused, before anything is stored',
    async (one) => {
      const fake = createFakeS3({ ignores: [one] });
      await expect(openFakeStorage(fake)).rejects.toMatchObject({ kind: 'unavailable', code: 'storage_unfit' });
      // To look at what is there it is good enough.
      await expect(openFakeStorage(fake, { readOnly: true })).resolves.toBeDefined();
    },
  );

  it('since it knows no conditions is refused with advice', async () => {
    const fake = createFakeS3();
    fake.plan = (_, { headers }) =>
      headers['if-none-match'] === undefined ? null : { status: 501, code: 'NotImplemented' };
    await expect(openFakeStorage(fake)).rejects.toThrow(/use one that enforces conditional writes/);
  });

  it('gets no header that only AWS knows', async () => {
    const fake = createFakeS3();
    const storage = await openFakeStorage(fake);
    await writePart({ storage }, [readingAt(0)]);
    await compactAll({ storage }, { all: true, sweepAfterMs: 0 });
    const names = new Set(fake.requests.flatMap(({ headers }) => Object.keys(headers)));
    const known = ['authorization', 'content-md5', 'content-type', 'host', 'if-match', 'if-none-match', 'range'];
    const ours = ['x-amz-content-sha256', 'x-amz-date', 'x-amz-meta-hrm-id'];
    expect([...names].filter((each) => ![...known, ...ours].includes(each))).toEqual([]);
  });
});

describe('compaction', () => {
  it('that is held up until another one has swept changes no answer, and leaves nothing wrong', async () => {
    const fake = createFakeS3();
    const storage = await openFakeStorage(fake);
    await writePart({ storage }, [readingAt(0)]);
    await writePart({ storage }, [readingAt(1)]);
    const slow = await openFakeStorage(fake);
    const stale = await slow.snapshot(partition);
    await writePart({ storage }, [readingAt(2)]);
    await compactAll({ storage }, { all: true, sweepAfterMs: 0 });
    expect(await namesIn(storage)).toHaveLength(1);
    // The bytes that a compacter makes of what it had seen, published late.
    const other = createFakeS3();
    const apart = await openFakeStorage(other);
    await writePart({ storage: apart }, [readingAt(0), readingAt(1)]);
    await compactAll({ storage: apart }, { all: true, sweepAfterMs: 0 });
    const [late] = [...other.objects].filter(([key]) => key.includes('/compacted-'));
    const bytes = late?.[1].bytes ?? Buffer.alloc(0);
    expect(await slow.replace({ snapshot: stale, supersededName: 'part-old-x.parquet', bytes })).toBe('replaced');
    await stale.close();
    expect(await minutesOf(storage)).toEqual([0, 1, 2]);
    await compactAll({ storage }, { all: true, sweepAfterMs: 0 });
    expect(await namesIn(storage)).toHaveLength(1);
    expect(await minutesOf(storage)).toEqual([0, 1, 2]);
    expect((await verify({ storage })).faults).toEqual([]);
  });

  it('never takes what was published after its look, nor what was written again after a sweep', async () => {
    const fake = createFakeS3();
    const storage = await openFakeStorage(fake);
    await writePart({ storage }, [readingAt(0)]);
    const [first = ''] = await namesIn(storage);
    await compact({ storage }, { all: true, sweepAfterMs: 3_600_000 });
    // A redelivery, while a slow sweep has the name in hand.
    await writePart({ storage }, [readingAt(0)]);
    await writePart({ storage }, [readingAt(1)]);
    await storage.remove(partition, [first]);
    expect(await minutesOf(storage)).toEqual([0, 1]);
  });

  it('brings home a compacted file that was copied from a directory, and deletes it after the grace', async () => {
    const fake = createFakeS3();
    const storage = await openFakeStorage(fake);
    await writePart({ storage }, [readingAt(0)]);
    await compactAll({ storage }, { all: true, sweepAfterMs: 0 });
    const objects = fake.objects as Map<string, { readonly bytes: Buffer }>;
    for (const [key, object] of objects) {
      if (!key.includes('/compacted-')) continue;
      objects.delete(key);
      objects.set(key.replace(/compacted-.*$/, 'compacted.parquet'), object);
    }
    await writePart({ storage }, [readingAt(1)]);
    expect(await minutesOf(storage)).toEqual([0, 1]);
    await compactAll({ storage }, { all: true, sweepAfterMs: 0 });
    expect(await minutesOf(storage)).toEqual([0, 1]);
    expect(await namesIn(storage)).toEqual([expect.stringMatching(/^compacted-[0-9a-f]{32}\.parquet$/)]);
  });

  it('writes over no object that others read', async () => {
    const fake = createFakeS3();
    const storage = await openFakeStorage(fake);
    const seen = new Map<string, Buffer>();
    for (let round = 0; round < 5; round += 1) {
      await writePart({ storage }, [readingAt(round), readingAt(round, 'bob')]);
      await compactAll({ storage }, { all: true, sweepAfterMs: 0 });
      for (const [key, { bytes }] of fake.objects) {
        if (!key.endsWith('.parquet')) continue;
        expect(seen.get(key) ?? bytes).toEqual(bytes);
        seen.set(key, bytes);
      }
    }
  });
});

describe('what is in a bucket', () => {
  it('is one store, whoever opens it first, and another is told from it', async () => {
    const fake = createFakeS3();
    await expect(openFakeStorage(fake, { create: false })).rejects.toMatchObject({ code: 'storage_missing' });
    const handles = await Promise.all([openFakeStorage(fake), openFakeStorage(fake), openFakeStorage(fake)]);
    const identities = new Set(await Promise.all(handles.map((storage) => storage.identity())));
    expect(identities.size).toBe(1);
    const [store = null] = identities;
    await expect(openFakeStorage(fake, { store })).resolves.toBeDefined();
    await expect(openFakeStorage(fake, { store: 'another' })).rejects.toMatchObject({ code: 'storage_replaced' });
    const empty = openFakeStorage(createFakeS3(), { store });
    await expect(empty).rejects.toMatchObject({ code: 'storage_missing' });
    for (const url of ['s3://bucket/../x', 's3://bucket/a//b', 's3://bucket//a', 's3://bucket/a//'])
      await expect(openS3Storage({ url })).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('is found by a compacter also where it was copied there without its marks', async () => {
    const fake = createFakeS3();
    await writePart({ storage: await openFakeStorage(fake) }, [readingAt(0)]);
    const objects = fake.objects as Map<string, unknown>;
    for (const key of [...objects.keys()]) if (key.includes('/.pending/')) objects.delete(key);
    const storage = await openFakeStorage(fake);
    expect(await dirtyIn(storage)).toEqual([partition]);
  });

  it('is completed where shared parts were copied to where a directory has them, and is not answered from before', async () => {
    const fake = createFakeS3();
    const users = Array.from({ length: 100 }, (_, i) => readingAt(i, `user-${i}`));
    await writePart({ storage: await openFakeStorage(fake) }, [...users, readingAt(0)]);
    const objects = fake.objects as Map<string, unknown>;
    for (const [key, object] of [...objects]) {
      if (key.includes('/_shared/') || key.includes('/.pending/')) objects.delete(key);
      if (key.includes('/_shared/')) objects.set(key.replace('_shared/20240115/', '20240115/_shared/'), object);
    }
    await expect(openFakeStorage(fake, { readOnly: true })).rejects.toMatchObject({ code: 'storage_unfit' });
    const storage = await openFakeStorage(fake);
    expect(await minutesOf(storage)).toEqual([0]);
    expect(await dirtyIn(storage)).toEqual([{ date: '20240115', directory: '_shared' }]);
    await expect(openFakeStorage(fake, { readOnly: true })).resolves.toBeDefined();
  });

  it('that was taken away is a file without rows for every reader', async () => {
    const bytes = Uint8Array.from(TOMBSTONE).buffer;
    const file = { name, version: '', byteLength: bytes.byteLength, ageMs: 0, mask: null };
    const opened = await openFile({ ...file, read: async (from, to) => bytes.slice(from, to) }, partition);
    expect(opened.footer).toMatchObject({ rows: 0, groups: [], replaces: [] });
  });
});
