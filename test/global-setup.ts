import { execFileSync, spawnSync } from 'node:child_process';

/** Some tests watch system calls. The machine gets what they need, or the run says loudly that it cannot. */
export function setup(): void {
  if (process.platform !== 'linux' || hasStrace()) return;
  if (process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0) {
    const apt = {
      stdio: ['ignore', 'ignore', 'inherit'] as const,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    };
    execFileSync('apt-get', ['update'], { ...apt, stdio: [...apt.stdio] });
    execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'strace'], { ...apt, stdio: [...apt.stdio] });
  }
  if (!hasStrace())
    console.warn('\n*** strace is missing: tests that watch system calls cannot run. Install it. ***\n');
}

function hasStrace(): boolean {
  return spawnSync('strace', ['-V']).status === 0;
}
