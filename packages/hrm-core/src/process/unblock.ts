import type { Writable } from 'node:stream';

/**
 * Keeps a terminal that takes nothing (Ctrl-S), which Node lets block, from stopping the process; what is written to it waits. Pipes do
 * not block, whatever Node's documentation says.
 */
export function unblock(stream: Writable & { readonly _handle?: { setBlocking?(is: boolean): void } }): void {
  stream._handle?.setBlocking?.(false);
}
