/** Real mounts, for tests of what becomes of a disk: they take Linux, and the superuser or `sudo` without a question. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Mounts something at a directory. @param what - the arguments of `mount` before the directory. */
export function mount(what: readonly string[], at: string): void {
  runAsRoot(['mount', ...what, at]);
}

/** The options of a tmpfs that is this user's. */
export function memoryDisk(...options: readonly string[]): readonly string[] {
  const own = [`uid=${process.getuid?.() ?? 0}`, `gid=${process.getgid?.() ?? 0}`, 'mode=700'];
  return ['-t', 'tmpfs', '-o', [...own, ...options].join(), 'tmpfs'];
}

/** Unmounts it, at once, whatever the kernel still holds of it. */
export function unmount(at: string): void {
  runAsRoot(['umount', '--lazy', at]);
}

function runAsRoot(command: readonly string[]): void {
  const [program = '', ...args] = process.getuid?.() === 0 ? command : ['sudo', '-n', ...command];
  execFileSync(program, args, { stdio: 'pipe' });
}

/** Whether tests of mounts are left out; in CI they are not, and fail where they cannot run: a test that is left out proves nothing. */
export const cannotMount = !tryToMount() && process.env.CI === undefined;
if (cannotMount) console.warn('tests of mounts are left out: they need Linux, and the superuser or sudo');

function tryToMount(): boolean {
  const directory = mkdtempSync(path.join(tmpdir(), 'hrm-mount-'));
  try {
    mount(memoryDisk(), directory);
    unmount(directory);
    return true;
  } catch {
    return false;
  } finally {
    rmdirSync(directory);
  }
}
