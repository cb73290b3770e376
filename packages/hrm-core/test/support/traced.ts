import { spawnSync } from 'node:child_process';

/**
 * Tests under strace are skipped, and the run has said so loudly, where there is none and it could not be installed; in CI
 * they fail then.
 */
export const cannotTrace = spawnSync('strace', ['-V']).status !== 0 && process.env.CI === undefined;

/** How a program under strace ended, and what it wrote. */
interface Traced {
  /** `null` when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a Node program under strace, and waits. */
export function runTraced(straceArguments: readonly string[], program: readonly string[]): Traced {
  const { status, signal, stdout, stderr, error } = spawnSync(
    'strace',
    ['-f', ...straceArguments, process.execPath, ...program],
    {
      encoding: 'utf8',
      timeout: 60_000,
    },
  );
  if (error) throw new Error('strace cannot be run: apt-get install -y strace', { cause: error });
  return { status, signal, stdout, stderr };
}
