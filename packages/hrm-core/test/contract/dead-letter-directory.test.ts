import assert from 'node:assert/strict';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { openDeadLetterDirectory } from '../../src/drivers/letters/directory.js';
import { isHrmError } from '../../src/errors.js';
import { withDirectory } from '../support/temporary-directory.js';

function letter(id: string, text = id) {
  return {
    id,
    reason: 'bad: a reason',
    bytes: Buffer.from([0xff, ...Buffer.from(text)]),
    stampMs: 7,
    attempts: 2,
    deadMs: 9,
  };
}

describe('dead letters in a directory', () => {
  it('keeps the first of an id, whole, in order, by pages', () =>
    withDirectory(async (directory) => {
      const place = openDeadLetterDirectory(directory);
      assert.deepEqual(await place.list({ limit: 10 }), []);
      assert.equal(await place.count(), 0);
      await place.put(['3', '1', '2'].map((id) => letter(id)));
      await place.put([letter('1', 'another')]);
      const all = await place.list({ limit: 10 });
      assert.deepEqual(
        all,
        ['1', '2', '3'].map((id) => letter(id)),
      );
      const idsAfter = async (afterId: string) => (await place.list({ afterId, limit: 1 })).map(({ id }) => id);
      assert.deepEqual([await idsAfter('1'), await idsAfter('3')], [['2'], []]);
      assert.equal(await place.remove(['1', '1', 'unknown', '../2']), 1);
      assert.equal(await place.get('1'), null);
      assert.equal(await place.get('../../etc/passwd'), null);
      assert.equal(await place.count(), 2);
    }));

  it('leaves nothing half written, and nothing that others may read', () =>
    withDirectory(async (directory) => {
      const place = openDeadLetterDirectory(directory);
      await place.put(Array.from({ length: 50 }, (_, index) => letter(String(index))));
      const names = readdirSync(join(directory, '.dead'));
      assert.equal(names.length, 50);
      assert.ok(names.every((name) => /^\d+\.json$/.test(name)));
      assert.equal(statSync(join(directory, '.dead')).mode & 0o077, 0);
      assert.equal(statSync(join(directory, '.dead', '7.json')).mode & 0o077, 0);
    }));

  it('shows what somebody else has put there as a letter of its bytes', () =>
    withDirectory(async (directory) => {
      const place = openDeadLetterDirectory(directory);
      await place.put([letter('1')]);
      writeFileSync(join(directory, '.dead', '2.json'), 'no letter');
      const damaged = await place.get('2');
      assert.match(damaged?.reason ?? '', /^damaged_letter/);
      assert.equal(Buffer.from(damaged?.bytes ?? []).toString(), 'no letter');
    }));

  it('makes no data directory: without one a disk is missing', () =>
    withDirectory(async (directory) => {
      const place = openDeadLetterDirectory(join(directory, 'gone'));
      await assert.rejects(
        place.put([letter('1')]),
        (error) => isHrmError(error) && error.kind === 'unavailable' && error.code === 'dead_letters_unavailable',
      );
      assert.deepEqual(readdirSync(directory), []);
    }));
});
