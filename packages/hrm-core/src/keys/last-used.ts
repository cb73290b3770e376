/**
 * When keys were used last, to the hour, in a file of its own beside theirs: a key that nobody uses can be taken away. A request costs a look into a
 * map; the file is written once for a key and an hour, and for all keys of some seconds together. Several processes write it, and the later hour
 * stays. Who overwrites what another wrote at the same moment is mended when that one writes again.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, renameSync, rmSync } from 'node:fs';
import * as v from 'valibot';
import { readRegularFile } from '../regular-file.js';
import { targetOf, writeDurably } from './key-place.js';

const HOUR_MS = 3_600_000;
/** Milliseconds after the first use of a key in an hour until it is written. */
const WRITE_AFTER_MS = 2_000;

const UsedFileSchema = v.strictObject({
  version: v.literal(1),
  /** Epoch hours, by the ids of keys. */
  used: v.record(v.string(), v.pipe(v.number(), v.safeInteger())),
});

/** Notes uses. */
export interface UseTracker {
  /** @param nowMs - epoch ms. */
  note(id: string, nowMs: number): void;
}

/** The file of uses of a file of keys. */
function usedPathOf(keysFile: string): string {
  return `${targetOf(keysFile)}.used`;
}

/** When keys were used last, epoch ms, to the hour, by their ids. What cannot be read says nothing. */
export function readLastUsed(keysFile: string): ReadonlyMap<string, number> {
  return new Map(Object.entries(readUsed(keysFile)).map(([id, hour]) => [id, hour * HOUR_MS]));
}

function readUsed(keysFile: string): Readonly<Record<string, number>> {
  try {
    const parsed = v.safeParse(
      v.pipe(v.string(), v.parseJson(), UsedFileSchema),
      readRegularFile(usedPathOf(keysFile))?.text,
    );
    return parsed.success ? parsed.output.used : {};
  } catch {
    // There is none yet, or it may not be read.
    return {};
  }
}

/** Creates a tracker. @param isKnown - whether there is a key of an id: what is said of others is forgotten. */
export function createUseTracker(keysFile: string, isKnown: (id: string) => boolean): UseTracker {
  const hours = new Map<string, number>();
  let isDue = false;

  function write(): void {
    isDue = false;
    const before = readUsed(keysFile);
    const used: Record<string, number> = {};
    for (const id of new Set([...Object.keys(before), ...hours.keys()]))
      if (isKnown(id)) used[id] = Math.max(before[id] ?? 0, hours.get(id) ?? 0);
    for (const id of hours.keys()) if (!isKnown(id)) hours.delete(id);
    try {
      replace(usedPathOf(keysFile), `${JSON.stringify({ version: 1, used })}\n`);
    } catch {
      // Where nothing can be written, nobody knows when keys were used; nothing else depends on it.
    }
  }

  return {
    note(id, nowMs) {
      const hour = Math.floor(nowMs / HOUR_MS);
      if ((hours.get(id) ?? 0) >= hour) return;
      hours.set(id, hour);
      if (!isDue) setTimeout(write, WRITE_AFTER_MS).unref();
      isDue = true;
    },
  };
}

function replace(path: string, text: string): void {
  const temporary = `${path}.${randomUUID()}`;
  try {
    writeDurably(temporary, text);
    renameSync(temporary, path);
  } finally {
    if (existsSync(temporary)) rmSync(temporary, { force: true });
  }
}
