/** The port of what is remembered of erasures: part of the storage, since every answer goes by it. */
import type { Erasure } from '../pure/erasure/erasure.js';
import type { ErasureRegister } from '../pure/erasure/register.js';
import type { RetentionInput, RetentionRecord } from '../pure/erasure/retention.js';

/** The erasures of a store. Every method throws as those of the storage do; code `erasures_unreadable` where one of them cannot be read. */
export interface Erasures {
  /** How old what {@link Erasures.current} gives may be, milliseconds. */
  readonly holdMs: number;
  /**
   * Those in force. What another process added is among them after `holdMs`; what this one added at once.
   * @param asOf - the UTC day, counted from 1970, as of which days are over; default, and at most: today by the storage's clock.
   */
  current(asOf?: number | undefined): Promise<ErasureRegister>;
  /** Those that this handle knew last, without a wait: for who must not depend on the storage. It is looked again meanwhile. */
  known(): ErasureRegister;
  /** Those in force, as of now. */
  all(): Promise<readonly Erasure[]>;
  /** Keeps erasures, durably once it resolves. */
  add(erasures: readonly Erasure[]): Promise<void>;
  /** Those that have no report yet, as of now: their readings may still be on a disk. */
  open(): Promise<readonly Erasure[]>;
  /** What {@link Erasures.finish} kept; `null` where there is none. */
  report(id: string): Promise<string | null>;
  /** Says that nothing of an erasure is left, and keeps the report of it, as text. The first one stays. */
  finish(id: string, report: string): Promise<void>;
  /** How long readings are kept, as of now; `null`: nobody has ever said so. */
  retention(): Promise<RetentionRecord | null>;
  /** Says how long readings are kept from now on, durably once it resolves. `'same'`: that was said before, and nothing is written. */
  keepFor(input: RetentionInput): Promise<'said' | 'same'>;
  /** Takes over what another store says, as a copy does. */
  adopt(record: RetentionRecord): Promise<void>;
}
