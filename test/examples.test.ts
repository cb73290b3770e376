import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const EXAMPLES = fileURLToPath(new URL('../examples/', import.meta.url));

/** What each example prints. An example without an entry here fails. */
const OUTPUTS: Readonly<Record<string, string>> = {
  'ble-gateway':
    '72 bpm accepted, R-R 812.5 ms\n75 bpm accepted\nno contact\n78 bpm accepted\n' +
    '[{"timestamp":"2024-01-15T10:00:00Z","heartRate":75,"min":72,"max":78,"count":3,"deviceIds":["chest_strap"]}]\n',
  'drain-worker':
    '4 elements, 1 file, 1 set aside\n' +
    '[{"timestamp":"2024-01-15T10:00:00Z","heartRate":75,"min":72,"max":78,"count":3,"deviceIds":["watch"]}]\n',
  duckdb: 'band  10:00  150  75\nband  10:05  150  75\nwatch  10:00  150  74\nwatch  10:05  150  74\n',
  'embed-in-node-http':
    '202 400\n[{"timestamp":"2024-01-15T10:00:00Z","heartRate":73.5,"min":72,"max":75,"count":2,"deviceIds":["watch"]}]\n',
  'sdk-quickstart':
    '{"timestamp":"2024-01-15T10:00:00Z","heartRate":73.5,"min":72,"max":75,"count":2,"deviceIds":["watch"]}\n',
};

const names = (await readdir(EXAMPLES, { withFileTypes: true })).filter((entry) => entry.isDirectory());

describe('the examples', () => {
  it('are all known here', () => {
    expect(names.map(({ name }) => name).sort()).toEqual(Object.keys(OUTPUTS).sort());
  });

  it.each(Object.entries(OUTPUTS))('%s runs and prints what it should', async (name, output) => {
    const { stdout } = await promisify(execFile)('npm', ['start', '--silent'], { cwd: join(EXAMPLES, name) });
    expect(stdout).toBe(output);
  });
});
