/** The SIGKILL tests at 300 rounds: no figure, a proof that takes longer than a test run may. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROUNDS = '300';
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const suites = readdirSync(path.join(ROOT, 'packages'))
  .map((name) => path.join('packages', name, 'test', 'crash'))
  .filter((directory) => existsSync(path.join(ROOT, directory)));
const options = /** @type {const} */ ({ cwd: ROOT, stdio: 'inherit' });

// The tests kill the built command, and the bench builds no more than it measures.
const build = spawnSync('npm', ['run', '--silent', 'build'], options);
if (build.status !== 0) process.exit(1);
const vitest = spawnSync('npx', ['--no', 'vitest', 'run', 'test/kill.test.ts', ...suites], {
  ...options,
  env: { ...process.env, HRM_CRASH_ROUNDS: process.env.HRM_CRASH_ROUNDS ?? ROUNDS },
});
process.exit(vitest.status ?? 1);
