/** What holds of every place of dead letters. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, onTestFinished } from 'vitest';
import { bothPlaces } from '../../src/drivers/letters/both.js';
import { openDeadLetterDirectory } from '../../src/drivers/letters/directory.js';
import type { DeadLetterPlace } from '../../src/ports/dead-letter-place.js';
import { createFakeS3 } from '../support/fake-s3.js';
import { openFakeLetters } from '../support/s3-storage.js';

/** A letter whose bytes are no text. */
function letter(id: string, text = id) {
  const bytes = Buffer.from([0xff, ...Buffer.from(text)]);
  return { id, reason: 'bad: a reason', bytes, stampMs: 7, attempts: 2, deadMs: 9 };
}

/** An id as the queue makes them: all are of one length. */
const idOf = (n: number) => `1700000000000-${String(n).padStart(6, '0')}`;

function directory(): DeadLetterPlace {
  const path = mkdtempSync(join(tmpdir(), 'hrm-letters-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return openDeadLetterDirectory(path);
}

async function idsOf(place: DeadLetterPlace, limit: number): Promise<readonly string[]> {
  const ids: string[] = [];
  for (;;) {
    const page = await place.list({ afterId: ids.at(-1), limit });
    assert.ok(page.length <= limit);
    if (page.length === 0) return ids;
    ids.push(...page.map(({ id }) => id));
  }
}

const PLACES: Readonly<Record<string, () => DeadLetterPlace>> = {
  'a directory': directory,
  'a bucket': () => openFakeLetters(createFakeS3()),
  'a bucket of which every eighth request fails': () => {
    const fake = createFakeS3();
    const faults = [
      'reset',
      'lost',
      { status: 503, code: 'SlowDown' },
      { status: 500, code: 'InternalError' },
    ] as const;
    fake.plan = (n) => (n % 8 === 0 ? (faults[(n / 8) % faults.length] ?? null) : null);
    return openFakeLetters(fake);
  },
  'a bucket and a directory': () => bothPlaces(openFakeLetters(createFakeS3()), directory()),
  'a directory and a bucket': () => bothPlaces(directory(), openFakeLetters(createFakeS3())),
};

describe.each(Object.entries(PLACES))('dead letters in %s', (_name, open) => {
  it('are there whole, in order, by pages, the first of each id', async () => {
    const place = open();
    assert.deepEqual(await place.list({ limit: 10 }), []);
    assert.equal(await place.count(), 0);
    await place.put(['3', '1', '2'].map((id) => letter(id)));
    await place.put([letter('1', 'another')]);
    const all = ['1', '2', '3'].map((id) => letter(id));
    assert.deepEqual(await place.list({ limit: 10 }), all);
    assert.deepEqual(await place.get('2'), letter('2'));
    assert.equal(await place.count(), 3);
    for (const limit of [1, 2, 3]) assert.deepEqual(await idsOf(place, limit), ['1', '2', '3']);
    assert.deepEqual(await place.list({ afterId: '3', limit: 1 }), []);
  });

  it('are removed for good, and counted as far as they were there', async () => {
    const place = open();
    await place.put(['1', '2', '3'].map((id) => letter(id)));
    assert.equal(await place.remove(['1', '1', 'unknown', '../2']), 1);
    assert.equal(await place.remove([]), 0);
    assert.equal(await place.get('1'), null);
    assert.equal(await place.get('../../etc/passwd'), null);
    assert.equal(await place.count(), 2);
    assert.equal(await place.remove(['1', '3', '2', '4']), 2);
    assert.deepEqual(await idsOf(place, 10), []);
    assert.equal(await place.count(), 0);
  });

  it('are found where there are many, some of them far apart', async () => {
    const place = open();
    const ids = Array.from({ length: 60 }, (_, n) => idOf(n));
    await place.put(ids.map((id) => letter(id, '')));
    assert.deepEqual(await idsOf(place, 25), ids);
    assert.equal(await place.count(), ids.length);
    assert.equal(await place.remove([idOf(59), idOf(0), idOf(5_000), idOf(31)]), 3);
    assert.equal(await place.count(), ids.length - 3);
  });
});

it('letters of two places come in order, also where the pages of one are shorter than was asked for', async () => {
  const [first, second] = [openFakeLetters(createFakeS3()), openFakeLetters(createFakeS3())];
  const ids = Array.from({ length: 60 }, (_, n) => idOf(n));
  await first.put(ids.filter((_, n) => n % 3 === 0).map((id) => letter(id)));
  await second.put(ids.filter((_, n) => n % 3 !== 0).map((id) => letter(id)));
  const short: DeadLetterPlace = { ...first, list: (page) => first.list({ ...page, limit: Math.min(2, page.limit) }) };
  assert.deepEqual(await idsOf(bothPlaces(short, second), 10), ids);
});
