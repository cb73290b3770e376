import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.js';

export interface Compacter {
  /** Ends it; resolves to how many compactions it made. Throws if it failed. */
  stop(): Promise<number>;
  kill(): void;
}

/** Starts a process that compacts a data directory without pause. */
export function startCompacter(program: string, data: string, graceMs: number): Compacter {
  const child = spawn(process.execPath, [program, data, String(graceMs)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const output = text(child.stdout);
  const ready = Promise.race([once(child.stdout, 'data'), exited]);
  const log = text(child.stderr);
  return {
    async stop() {
      // Before it listens, the signal would just end it.
      await ready;
      child.kill('SIGTERM');
      const [code] = await exited;
      if (code !== 0) throw new Error(`a compacter failed (${code}): ${await log}`);
      return Number((await output).split('\n')[1]);
    },
    kill: () => child.kill('SIGKILL'),
  };
}

/** Bundles the compacter's program into a directory; returns its path. */
export function bundleCompacter(directory: string): Promise<string> {
  return bundle(fileURLToPath(new URL('./compact-forever.ts', import.meta.url)), directory);
}
