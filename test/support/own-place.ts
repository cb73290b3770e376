/**
 * Every test file runs in an empty directory of its own. What lies in the clone counts for no test: keys that a tour made, a
 * config file, data. Programs that a test starts inherit the directory.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const before = process.cwd();
const place = mkdtempSync(join(tmpdir(), 'hrm-place-'));
process.chdir(place);

afterAll(() => {
  process.chdir(before);
  rmSync(place, { recursive: true, force: true });
});
