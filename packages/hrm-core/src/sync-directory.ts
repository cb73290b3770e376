import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Makes the entries of a directory, as they are now, survive a power cut. @throws the system's error. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
