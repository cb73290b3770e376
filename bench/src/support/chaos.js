import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROUNDS = '300';
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Runs a chaos test at 300 rounds, or as many as `HRM_CHAOS_ROUNDS` says, and ends as it ends. @param {string} test */
export function runChaos(test) {
  const options = /** @type {const} */ ({ cwd: ROOT, stdio: 'inherit' });
  // The test breaks the built command, and the bench builds no more than it measures.
  const build = spawnSync('npm', ['run', '--silent', 'build'], options);
  if (build.status !== 0) process.exit(1);
  const env = { ...process.env, HRM_CHAOS_ROUNDS: process.env.HRM_CHAOS_ROUNDS ?? ROUNDS };
  const vitest = spawnSync('npx', ['--no', 'vitest', 'run', test], { ...options, env });
  process.exit(vitest.status ?? 1);
}
