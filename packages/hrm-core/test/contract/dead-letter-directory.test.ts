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

  it('makes no data directory: without one a disk is missing, and not every letter', () =>
    withDirectory(async (directory) => {
      const place = openDeadLetterDirectory(join(directory, 'gone'));
      for (const call of [() => place.put([letter('1')]), () => place.list({ limit: 1 }), place.count]) {
        await assert.rejects(
          call,
          (error) => isHrmError(error) && error.kind === 'unavailable' && error.code === 'dead_letters_unavailable',
        );
      }
      assert.deepEqual(readdirSync(directory), []);
    }));
});
