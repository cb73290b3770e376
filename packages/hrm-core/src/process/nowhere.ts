import { fstatSync, statSync } from 'node:fs';
import { devNull } from 'node:os';

/** Whether nobody can see what is written to a descriptor: Node opens a standard output that is closed as `/dev/null`, too. */
export function isNowhere(fd: number): boolean {
  const nowhere = statSync(devNull, { throwIfNoEntry: false });
  const stats = fstatSync(fd);
  return nowhere !== undefined && stats.isCharacterDevice() && stats.rdev === nowhere.rdev;
}
