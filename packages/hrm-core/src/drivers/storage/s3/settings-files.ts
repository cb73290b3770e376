/**
 * Settings of users: a small object each. It is written over whole, and nobody reads a piece of it.
 *
 * Every question about a user asks for them. So what was found is remembered for some seconds; what others write meanwhile counts after that.
 */
import { requireSettingsFile, SETTINGS_DIRECTORY, SETTINGS_NAME } from '../names.js';
import type { Objects } from './objects.js';

/** How long it is remembered, milliseconds: a page asks a few questions about a user at once, and another every few seconds. */
const REMEMBERED_MS = 5_000;

/** Users whose settings are remembered: at their longest 16 MiB. */
const MAX_REMEMBERED = 256;

/** What the storage port says of settings. */
export interface SettingsFiles {
  get(name: string): Promise<Uint8Array | null>;
  put(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
  names(): Promise<readonly string[]>;
}

export function createSettingsFiles(objects: Objects): SettingsFiles {
  /** Own writes: what was asked for before one may be what it wrote over. */
  let writes = 0;
  const remembered = new Map<string, { readonly bytes: Uint8Array | null; readonly foundAtMs: number }>();
  function keyOf(name: string): string {
    requireSettingsFile(name);
    return `${SETTINGS_DIRECTORY}/${name}.json`;
  }
  function remember(name: string, bytes: Uint8Array | null): void {
    remembered.delete(name);
    remembered.set(name, { bytes, foundAtMs: performance.now() });
    for (const oldest of remembered.keys()) {
      if (remembered.size <= MAX_REMEMBERED) break;
      remembered.delete(oldest);
    }
  }
  async function write(name: string, call: (key: string) => Promise<unknown>): Promise<void> {
    const key = keyOf(name);
    try {
      await call(key);
    } finally {
      // Also where it fails: what became of it is not known then.
      writes += 1;
      remembered.delete(name);
    }
  }
  return {
    async get(name) {
      const key = keyOf(name);
      const known = remembered.get(name);
      if (known !== undefined && performance.now() - known.foundAtMs < REMEMBERED_MS) return known.bytes;
      const before = writes;
      const bytes = (await objects.get(key))?.bytes ?? null;
      if (writes === before) remember(name, bytes);
      return bytes;
    },
    async put(name, bytes) {
      await write(name, (key) => objects.put(key, bytes));
    },
    async remove(name) {
      await write(name, (key) => objects.remove([key]));
    },
    async names() {
      const prefix = `${SETTINGS_DIRECTORY}/`;
      const names: string[] = [];
      for await (const page of objects.list({ prefix })) {
        for (const { key } of page.objects) {
          const name = SETTINGS_NAME.exec(key.slice(prefix.length))?.[1];
          if (name !== undefined) names.push(name);
        }
      }
      return names.sort();
    },
  };
}
