/**
 * The erasures of a store, as every driver keeps them: a small file each, which is never changed nor removed, since a backup may be
 * brought back at any time.
 *
 * A process knows them as they were at most `holdMs` ago. Who adds one waits that long before it says so: by then every process has it.
 */
import { HrmError } from '../../../errors.js';
import type { Clock } from '../../../ports/clock.js';
import type { Erasures } from '../../../ports/erasures.js';
import type { Partition, PartitionRange, StoredFile } from '../../../ports/storage.js';
import { type Erasure, erasureText, parseErasure } from '../../../pure/erasure/erasure.js';
import { createRegister, type ErasureMask, type ErasureRegister, NO_ERASURES } from '../../../pure/erasure/register.js';
import {
  createRetention,
  createRetentionRecord,
  dayOfMs,
  isSameRetention,
  KEEP_ALL,
  parseRetention,
  type RetentionRecord,
  retentionText,
} from '../../../pure/erasure/retention.js';
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
/** How long readings are kept: of those that were ever said the one with the greatest number is in force. */
const RETENTION_NAME = /^retention-(\d{8})\.json$/;

/** Tries at saying how long readings are kept, while others say so, too. */
const MAX_SAYING_ATTEMPTS = 10;

/** Read at once. */
const READS_AT_ONCE = 32;

/** How erasures are kept. */
export interface ErasureSettings {
  /** How old what is known of them may be. */
  readonly holdMs: number;
  /** Whether writing throws. */
  readonly readOnly: boolean;
  /** Tells which days are kept. */
  readonly clock: Clock;
}

/** Keeps the erasures of an opened store. */
export function createErasures(place: ErasurePlace, { holdMs, readOnly, clock }: ErasureSettings): Erasures {
  const known = new Map<string, Erasure>();
  const done = new Set<string>();
  let register = NO_ERASURES;
  /** As of a day before today. */
  let earlier: ErasureRegister | null = null;
  let retention = KEEP_ALL;
  let retentionNumber = 0;
  let asOfMs = Number.NEGATIVE_INFINITY;
  let refresh: Promise<void> | null = null;

  async function load(): Promise<void> {
    const beganMs = performance.now();
    const names = await place.list();
    const wanted: string[] = [];
    let newest = retentionNumber;
    for (const name of names) {
      newest = Math.max(newest, Number(RETENTION_NAME.exec(name)?.[1] ?? 0));
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
    if (newest > retentionNumber) await loadRetention(newest);
    if (wanted.length > 0) renew();
    asOfMs = beganMs;
  }

  async function loadRetention(number: number): Promise<void> {
    const name = retentionName(number);
    const record = parseRetention((await place.read(name)) ?? '');
    // Without it days that are over would be answered again.
    if (record === null) throw unreadableError(name);
    retention = createRetention(record);
    retentionNumber = number;
    renew();
  }

  function renew(): void {
    register = createRegister([...known.values()], retention, retention.isNone ? 0 : dayOfMs(clock.nowMs()));
    earlier = null;
  }

  /** The register, of the day that it is by now, or of one before. */
  function ofDay(asOf = Number.POSITIVE_INFINITY): ErasureRegister {
    if (retention.isNone) return register;
    if (register.today !== dayOfMs(clock.nowMs())) renew();
    if (asOf >= register.today) return register;
    if (earlier?.today !== asOf) earlier = createRegister([...known.values()], retention, asOf);
    return earlier;
  }

  async function say(record: (before: RetentionRecord | null) => RetentionRecord): Promise<'said' | 'same'> {
    for (let attempt = 1; ; attempt += 1) {
      await load();
      const wanted = record(retention.record);
      if (isSameRetention(retention.record, wanted)) return 'same';
      const number = retentionNumber + 1;
      await write(retentionName(number), retentionText(wanted));
      // Of two who say so at once one is first: the other looks what that one has said, and says it again.
      await loadRetention(number);
      if (isSameRetention(retention.record, wanted) || attempt === MAX_SAYING_ATTEMPTS) return 'said';
    }
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

  async function current(asOf?: number): Promise<ErasureRegister> {
    if (performance.now() - asOfMs < holdMs) return ofDay(asOf);
    refresh ??= load().finally(() => {
      refresh = null;
    });
    await refresh;
    return ofDay(asOf);
  }

  return {
    holdMs,
    current,
    known() {
      current().catch(() => undefined);
      return ofDay();
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
      renew();
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
    async retention() {
      await load();
      return retention.record;
    },
    keepFor: (input) =>
      say((before) => createRetentionRecord(input, { salt: before?.salt ?? firstSalt(), nowMs: clock.nowMs() })),
    async adopt(record) {
      await say(() => record);
    },
  };

  function firstSalt(): string | undefined {
    return known.values().next().value?.salt;
  }
}

function retentionName(number: number): string {
  return `retention-${String(number).padStart(8, '0')}.json`;
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

/** Partitions of a listing without those of which nothing is kept any more, unless those are wanted, too. */
export async function* withoutGone(
  erasures: Pick<Erasures, 'current'>,
  partitions: AsyncIterable<Partition>,
  { expired = false }: Pick<PartitionRange, 'expired'>,
): AsyncGenerator<Partition, void, undefined> {
  for await (const partition of partitions) {
    if (expired || !(await erasures.current()).isGone(partition)) yield partition;
  }
}

/** @throws HrmError kind `internal` for a partition of which something is kept: who deletes it has a defect. */
export async function requireGone(erasures: Pick<Erasures, 'current'>, partition: Partition): Promise<void> {
  if ((await erasures.current()).isGone(partition)) return;
  throw new HrmError('a day that is still kept was to be deleted: a defect in this software', {
    kind: 'internal',
    code: 'storage_defect',
  });
}
