import { execFileSync, spawnSync } from 'node:child_process';

/** How a program under strace ended, and what it wrote. */
interface Traced {
  /** `null` when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a Node program under strace, and waits.
 * @throws when strace is missing, saying how to get it: these tests are not skipped.
 */
export function runTraced(straceArguments: readonly string[], program: readonly string[]): Traced {
  try {
    execFileSync('strace', ['-V'], { stdio: 'ignore' });
  } catch {
    throw new Error('This test needs strace: apt-get install -y strace');
  }
  const { status, signal, stdout, stderr } = spawnSync(
    'strace',
    ['-f', ...straceArguments, process.execPath, ...program],
    {
      encoding: 'utf8',
      timeout: 60_000,
    },
  );
  return { status, signal, stdout, stderr };
}
