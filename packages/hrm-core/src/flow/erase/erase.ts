import * as v from 'valibot';
import { type Fault, faultsError, throwIfAborted } from '../../errors.js';
import { type Clock, systemClock } from '../../ports/clock.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Storage } from '../../ports/storage.js';
import { faultPath, parseInstant } from '../../pure/answer/question.js';
import { createErasure, type ErasureTarget, lastMinute } from '../../pure/erasure/erasure.js';
import { IdSchema } from '../../pure/reading/reading.js';
import { formatInstant, type Instant, type NaiveTimestamps } from '../../pure/reading/timestamp.js';
import { settingsFileName } from '../../pure/user-settings.js';
import { pause } from '../../waits.js';

/** What `erase` works on. */
export interface EraseComponents {
  readonly storage: Pick<Storage, 'erasures' | 'removeSettingsFile'>;
  /** Tells what was accepted until now; the machine's by default. */
  readonly clock?: Clock | undefined;
  /** Forgets what else is kept of a user, such as alerts; called where all of a user is erased. */
  readonly forget?: ((userId: string) => Promise<void>) | undefined;
}

/** Whose readings are to be erased, and which. */
export interface EraseInput {
  readonly userId: string;
  /** Only this device's; all by default. */
  readonly deviceId?: string | undefined;
  /** Only those measured from then on, inclusive; default: from the first on. */
  readonly start?: Instant | undefined;
  /** Only those measured before then, exclusive; default: to the last. */
  readonly end?: Instant | undefined;
}

/** How it is asked. */
export interface EraseOptions extends CallOptions {
  /** What a `start` or `end` without an offset means; default `reject`. */
  readonly naiveTimestamps?: NaiveTimestamps | undefined;
  /** Faults name the fields as the wire spells them (`/user_id`); default false. */
  readonly wireNames?: boolean | undefined;
}

/** What is remembered. */
export interface EraseSummary {
  /** 32 hex digits, by which its status is asked for. */
  readonly id: string;
  /** Readings that were accepted until then are erased, ISO 8601 in UTC. */
  readonly until: string;
}

/**
 * Erases readings of a user: once it resolves, no answer of any process that begins then holds one that was accepted before the call, wherever it is: in
 * files, in the queue, in a batch that is delivered again, in a backup that is brought back. Readings that are accepted after it resolved
 * count as ever. Those accepted meanwhile may be on either side.
 *
 * An erasure of all readings takes the user's settings along.
 *
 * It takes a second, in S3 five: until every process has looked again what is erased. The bytes go later, see `finishErasures`. To erase the same again is harmless.
 *
 * @throws HrmError kind `invalid`, code `invalid_erasure`, with every fault; kind `unavailable` when the storage cannot now: the erasure may be in
 *   force all the same; kind `closed` when aborted, likewise.
 * @example
 * const { id } = await erase({ storage }, { userId: 'ana' });
 */
export async function erase(
  { storage, clock = systemClock, forget }: EraseComponents,
  input: EraseInput,
  { signal, naiveTimestamps = 'reject', wireNames = false }: EraseOptions = {},
): Promise<EraseSummary> {
  const target = parseTarget(input, { naiveTimestamps, wireNames });
  throwIfAborted(signal, 'erasing');
  const { erasures } = storage;
  // In the middle of the wait, so that clocks may differ by half of it.
  const untilMs = clock.nowMs() + Math.floor(erasures.holdMs / 2);
  const erasure = createErasure(target, untilMs, await erasures.all());
  await erasures.add([erasure]);
  if (isWhole(target)) {
    await storage.removeSettingsFile(settingsFileName(target.userId));
    await forget?.(target.userId);
  }
  await pause(erasures.holdMs, signal);
  throwIfAborted(signal, 'erasing');
  // Of two at once one has not seen the other, after which something may have been accepted.
  const others = (await erasures.all()).filter(({ id, until_ms: ms }) => id !== erasure.id && ms <= untilMs);
  if (lastMinute(target.userId, others) >= erasure.until_minute)
    await erasures.add([createErasure(target, untilMs, others)]);
  return { id: erasure.id, until: formatInstant(untilMs) };
}

/** Whether everything of a user is erased: then also what the user said of himself. */
function isWhole({ deviceId, fromMs, toMs }: ErasureTarget): boolean {
  return deviceId === undefined && fromMs === null && toMs === null;
}

const FIELDS: readonly string[] = ['userId', 'deviceId', 'start', 'end'] satisfies readonly (keyof EraseInput)[];

function parseTarget(
  given: EraseInput,
  { naiveTimestamps, wireNames }: { readonly naiveTimestamps: NaiveTimestamps; readonly wireNames: boolean },
) {
  const input: Partial<EraseInput> = typeof given === 'object' && given !== null ? given : {};
  const faults: Fault[] = [];
  function fault(name: string, message: string): void {
    faults.push({ path: faultPath(name, wireNames), message });
  }
  function checkId(name: 'userId' | 'deviceId'): void {
    const result = v.safeParse(IdSchema, input[name]);
    if (!result.success) fault(name, result.issues[0].message);
  }
  function instant(name: 'start' | 'end'): number | null {
    if (input[name] === undefined) return null;
    const parsed = parseInstant(input[name], naiveTimestamps);
    if (typeof parsed === 'number') return parsed;
    fault(name, parsed);
    return null;
  }
  // A name that is misspelled would erase more than was meant.
  for (const [name, value] of Object.entries(input))
    if (value !== undefined && !FIELDS.includes(name)) fault(name, `is no field of an erasure: ${FIELDS.join(', ')}`);
  checkId('userId');
  if (input.deviceId !== undefined) checkId('deviceId');
  const [fromMs, toMs] = [instant('start'), instant('end')];
  if (fromMs !== null && toMs !== null && fromMs >= toMs) fault('start', 'must be before end');
  if (faults.length > 0) throw faultsError('invalid_erasure', faults, { what: 'the erasure is not valid' });
  return { userId: input.userId ?? '', deviceId: input.deviceId, fromMs, toMs };
}
