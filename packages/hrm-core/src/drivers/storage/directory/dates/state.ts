/** What tells one state of a directory, or one file of a name, from another. */
import type { FileStatus } from '../files.js';

/** Equal texts, equal states, once the state is some seconds old: within the clock's tick a second change leaves the same times. */
export function stateText({ dev, ino, mtimeNs, ctimeNs }: FileStatus): string {
  return [dev, ino, mtimeNs, ctimeNs].map((part) => part.toString(36)).join('-');
}

/** Whether entries came and went last so long ago, or longer. */
export function isOlderThan({ mtimeMs }: FileStatus, ms: number): boolean {
  return Date.now() - Number(mtimeMs) > ms;
}
