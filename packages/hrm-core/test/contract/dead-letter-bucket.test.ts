import assert from 'node:assert/strict';
import { describe, it } from 'vitest';
import { isHrmError } from '../../src/errors.js';
import { createFakeS3 } from '../support/fake-s3.js';
import { openFakeLetters, openFakeStorage } from '../support/s3-storage.js';

const LETTER = { id: '1', reason: 'bad: a reason', bytes: Buffer.from('x'), stampMs: 7, attempts: 2, deadMs: 9 };
const KEY = 'some/data/.dead/1.json';

describe('dead letters in a bucket', () => {
  it('stand beside the data, are encrypted like them, and are none of them', async () => {
    const fake = createFakeS3();
    const storage = await openFakeStorage(fake);
    const place = openFakeLetters(fake, { encryption: 'aws:kms', kmsKey: 'a-key' });
    await place.put([LETTER]);
    assert.ok(fake.objects.has(KEY));
    assert.equal(fake.requests.at(-1)?.headers['x-amz-server-side-encryption-aws-kms-key-id'], 'a-key');
    for await (const partition of storage.partitions({})) assert.fail(JSON.stringify(partition));
    await storage.close();
  });

  it('cost a request each to keep and to read, and a listing for a page, a removal or a count of a minute', async () => {
    const fake = createFakeS3();
    const place = openFakeLetters(fake);
    const letters = Array.from({ length: 50 }, (_, n) => ({ ...LETTER, id: String(100 + n) }));
    await place.put(letters);
    assert.deepEqual(fake.counts, { PUT: 50 });
    await place.list({ limit: 50 });
    assert.deepEqual(fake.counts, { PUT: 50, LIST: 1, GET: 50 });
    await Promise.all([place.count(), place.count()]);
    await place.count();
    assert.deepEqual(fake.counts, { PUT: 50, LIST: 2, GET: 50 });
    await place.remove(letters.map(({ id }) => id));
    assert.deepEqual(fake.counts, { PUT: 50, LIST: 3, GET: 50, POST: 1 });
    assert.equal(await place.count(), 0);
  });

  it('show what somebody else has put there as a letter of its bytes, and skip what has no name of a letter', async () => {
    const fake = createFakeS3();
    const place = openFakeLetters(fake);
    await place.put([LETTER]);
    for (const name of ['.dead/', '.dead/2.json', '.dead/A note.txt'])
      (fake.objects as Map<string, object>).set(`some/data/${name}`, {
        ...fake.objects.get(KEY),
        bytes: Buffer.from('no'),
      });
    const [first, second, ...others] = await place
      .list({ limit: 1 })
      .then(async (page) => [...page, ...(await place.list({ afterId: '1', limit: 1 }))]);
    assert.deepEqual([first?.id, second?.id, others.length], ['1', '2', 0]);
    assert.match(second?.reason ?? '', /^damaged_letter/);
    assert.equal(await place.count(), 2);
  });

  it('are found by few listings where there are more than one has', async () => {
    const fake = createFakeS3();
    const place = openFakeLetters(fake);
    await place.put([LETTER]);
    const ids = Array.from({ length: 2_500 }, (_, n) => String(10_000 + n));
    for (const id of ids)
      (fake.objects as Map<string, unknown>).set(`some/data/.dead/${id}.json`, fake.objects.get(KEY));
    assert.equal(await place.count(), 2_501);
    assert.deepEqual(fake.counts, { PUT: 1, LIST: 3 });
    assert.equal(await place.remove(['12499', '10000', '11000', '20000', 'x']), 3);
    assert.deepEqual(fake.counts, { PUT: 1, LIST: 7, POST: 1 });
    const page = await place.list({ afterId: '12400', limit: 5_000 });
    assert.deepEqual(
      page.map(({ id }) => id),
      ids.slice(2_401, 2_499),
    );
  });

  it('that cannot be had are an error that says what to do', async () => {
    const fake = createFakeS3();
    fake.plan = () => ({ status: 403, code: 'AccessDenied' });
    const place = openFakeLetters(fake);
    for (const call of [
      () => place.put([LETTER]),
      () => place.list({ limit: 1 }),
      () => place.get('1'),
      () => place.remove(['1']),
      place.count,
    ]) {
      await assert.rejects(call, (error) => {
        assert.ok(isHrmError(error));
        assert.match(
          error.message,
          /^the dead letters in s3:\/\/bucket\/some\/data\/\.dead cannot be had: .*s3:PutObject/,
        );
        return error.kind === 'unavailable' && error.code === 'dead_letters_unavailable';
      });
    }
    fake.plan = () => null;
    assert.equal(await place.count(), 0);
  });
});
