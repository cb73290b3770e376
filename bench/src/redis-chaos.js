/** The chaos test of the Redis deployment at 300 rounds: no figure, a proof that takes longer than a test run may. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROUNDS = '300';
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const options = /** @type {const} */ ({ cwd: ROOT, stdio: 'inherit' });

// The test breaks the built command, and the bench builds no more than it measures.
const build = spawnSync('npm', ['run', '--silent', 'build'], options);
if (build.status !== 0) process.exit(1);
const vitest = spawnSync('npx', ['--no', 'vitest', 'run', 'test/redis-chaos.test.ts'], {
  ...options,
  env: { ...process.env, HRM_CHAOS_ROUNDS: process.env.HRM_CHAOS_ROUNDS ?? ROUNDS },
});
process.exit(vitest.status ?? 1);
