/**
 * The erasures of a store, as every driver keeps them: a small file each, which is never changed nor removed, since a backup may be
 * brought back at any time.
 *
 * A process knows them as they were at most `holdMs` ago. Who adds one waits that long before it says so: by then every process has it.
 */
import { HrmError } from '../../../errors.js';
import type { Erasures } from '../../../ports/erasures.js';
import type { StoredFile } from '../../../ports/storage.js';
import { type Erasure, erasureText, parseErasure } from '../../../pure/erasure/erasure.js';
import { createRegister, type ErasureMask, NO_ERASURES } from '../../../pure/erasure/register.js';
import { readOnlyError } from '../running-calls.js';

/** Where a driver keeps them. Each method throws as those of the storage do. */
export interface ErasurePlace {
  /** Names of what is there. */
  list(): Promise<readonly string[]>;
  /** `null` where it is gone. */
  read(name: string): Promise<string | null>;
  /** Durable once it resolves; what is there already stays. */
  write(name: string, text: string): Promise<void>;
}

const ERASURE_NAME = /^([0-9a-f]{32})\.json$/;
const REPORT_NAME = /^([0-9a-f]{32})\.done\.json$/;

/** Read at once. */
const READS_AT_ONCE = 32;

/** How erasures are kept. */
export interface ErasureSettings {
  /** How old what is known of them may be. */
  readonly holdMs: number;
  /** Whether writing throws. */
  readonly readOnly: boolean;
}

/** Keeps the erasures of an opened store. */
export function createErasures(place: ErasurePlace, { holdMs, readOnly }: ErasureSettings): Erasures {
  const known = new Map<string, Erasure>();
  const done = new Set<string>();
  let register = NO_ERASURES;
  let asOfMs = Number.NEGATIVE_INFINITY;
  let refresh: Promise<void> | null = null;

  async function load(): Promise<void> {
    const beganMs = performance.now();
    const names = await place.list();
    const wanted: string[] = [];
    for (const name of names) {
      const [, id] = ERASURE_NAME.exec(name) ?? [];
      if (id !== undefined && !known.has(id)) wanted.push(name);
      const [, ended] = REPORT_NAME.exec(name) ?? [];
      if (ended !== undefined) done.add(ended);
    }
    for (let from = 0; from < wanted.length; from += READS_AT_ONCE) {
      const some = wanted.slice(from, from + READS_AT_ONCE);
      const texts = await Promise.all(some.map((name) => place.read(name)));
      for (const [i, name] of some.entries()) note(name, texts[i] ?? null);
    }
    if (wanted.length > 0) register = createRegister([...known.values()]);
    asOfMs = beganMs;
  }

  function note(name: string, text: string | null): void {
    if (text === null) return;
    const erasure = parseErasure(text);
    // Without it what was erased would be answered again: rather nothing is.
    if (erasure === null || `${erasure.id}.json` !== name) throw unreadableError(name);
    known.set(erasure.id, erasure);
  }

  async function write(name: string, text: string): Promise<void> {
    if (readOnly) throw readOnlyError();
    await place.write(name, text);
  }

  return {
    holdMs,
    async current() {
      if (performance.now() - asOfMs < holdMs) return register;
      refresh ??= load().finally(() => {
        refresh = null;
      });
      await refresh;
      return register;
    },
    async all() {
      await load();
      return [...known.values()];
    },
    async add(erasures) {
      for (const erasure of erasures) {
        if (known.has(erasure.id)) continue;
        await write(`${erasure.id}.json`, erasureText(erasure));
        known.set(erasure.id, erasure);
      }
      register = createRegister([...known.values()]);
    },
    async open() {
      await load();
      return [...known.values()].filter(({ id }) => !done.has(id));
    },
    async report(id) {
      return await place.read(`${id}.done.json`);
    },
    async finish(id, report) {
      await write(`${id}.done.json`, report);
      done.add(id);
    },
  };
}

function unreadableError(name: string): HrmError {
  const message = `.erasures/${name} is no erasure that this version can read, so nobody knows what must not be answered: bring it back from a backup, or use the version that wrote it`;
  return new HrmError(message, { kind: 'unavailable', code: 'erasures_unreadable' });
}

/** A file as it is read through a mask: under a version of its own, so that what is known of it is known of it through that mask. */
export function maskFile(file: StoredFile, mask: ErasureMask | null): StoredFile {
  return mask === null ? file : { ...file, version: maskedVersion(file.version, mask), mask };
}

/** The version of a file that is read through a mask. */
export function maskedVersion(version: string, mask: ErasureMask | null): string {
  return mask === null ? version : `${version}~${mask.key}`;
}
