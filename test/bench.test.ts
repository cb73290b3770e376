/** The benchmarks run: one short figure as machines read it, and nothing of it stays. What figures say is no test's business. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../bench/src/main.js', import.meta.url));

it('prints rows with their targets as JSON, and leaves no temporaries', async () => {
  const temporaries = await mkdtemp(join(tmpdir(), 'hrm-bench-test-'));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, 'query-cold', '--quick', '--json'], {
      env: { ...process.env, TMPDIR: temporaries },
      timeout: 250_000,
    });
    const rows = JSON.parse(stdout)['query-cold'];
    expect(rows).toHaveLength(2);
    for (const { value, ratio } of rows) {
      expect(value).toBeGreaterThan(0);
      expect(ratio).toBeGreaterThan(0);
    }
    expect(rows[0].target).toEqual({ of: 'value', bound: 60, got: rows[0].value, met: rows[0].value <= 60 });
    expect(await readdir(temporaries)).toEqual([]);
  } finally {
    await rm(temporaries, { recursive: true, force: true });
  }
});

it('a figure says what is missing where the other databases are not installed, and makes no rows', async () => {
  const run = promisify(execFile)(process.execPath, [MAIN, 'peers', '--quick', '--json'], {
    env: { ...process.env, PATH: '/nonexistent' },
    timeout: 100_000,
  });
  const { stdout, stderr } = await run;
  expect(JSON.parse(stdout)).toEqual({ peers: [] });
  expect(stderr).toMatch(/^peers is skipped: influxd is missing \(Debian: apt-get install/);
});
