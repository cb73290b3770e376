import type { Writable } from 'node:stream';

/** How long the end of a service waits for whoever reads its output, milliseconds. */
export const LAST_WORDS_MS = 500;

/** Waits until a stream has handed on what was written to it, or `ms` have passed. */
export async function flush(stream: Writable, ms?: number): Promise<void> {
  if (stream.writableLength === 0 || stream.destroyed) return;
  await new Promise<void>((resolve) => {
    stream.write('', () => resolve());
    if (ms !== undefined) setTimeout(resolve, ms);
  });
}
