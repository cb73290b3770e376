import { isUtf8 } from 'node:buffer';
import { faultError, HrmError, isHrmError } from '../../errors.js';
import { MAX_ENQUEUE_READINGS } from '../../limits.js';
import { isSeries } from '../../pure/reading/is-series.js';
import type { BatchForm } from '../../pure/reading/scan-bytes.js';
import { areSeries, countSeries } from '../../pure/reading/series.js';
import { createYielder, type Yielder } from '../files/yielder.js';
import {
  type Accepted,
  type EnqueueComponents,
  type EnqueueOptions,
  enqueuePlain,
  enqueueUntrusted,
} from './enqueue.js';
import { parseItems, parseLines } from './parse-json.js';

/** Whose readings a batch brings, as far as it can be read. */
export interface BatchHead {
  /** Items of the batch, or readings of its series; it may be 0. */
  readonly length: number;
  /** The users that it names, each once. */
  readonly users: readonly string[];
  /** As users. */
  readonly devices: readonly string[];
}

/** How {@link enqueueBytes} judges a batch. */
export interface EnqueueBytesOptions extends Omit<EnqueueOptions, 'wireOnly'> {
  /** How readings follow each other; default `array`: they are items of one. */
  readonly form?: BatchForm | undefined;
  /** Called once, before a fault is told and before anything is pushed; what it throws refuses the batch. */
  readonly admit?: ((batch: BatchHead) => void) | undefined;
}

/**
 * Does what {@link enqueueUntrusted} does with the JSON of a batch, from its bytes: for a third of the cost where all of it is plainly
 * valid. What is not is parsed in pieces, and others have turns in between.
 *
 * @param bytes - JSON in UTF-8: an array of readings or of series by their snake_case names, one series, or either a line.
 * @throws HrmError as {@link enqueueUntrusted}; kind `invalid`, code `not_utf8`, `not_json`, `not_an_array` or `body_too_large`, for bytes of
 *   which no item can be read; whatever `admit` throws.
 * @example
 * await enqueueBytes({ queue }, await readFile('readings.ndjson'), { form: 'lines' }); // { accepted: 5000 }
 */
export async function enqueueBytes(
  components: EnqueueComponents,
  bytes: Uint8Array,
  { form = 'array', admit, ...options }: EnqueueBytesOptions = {},
): Promise<Accepted> {
  const accepted = await enqueuePlain(components, bytes, { ...options, form, admit });
  if (accepted !== null) return accepted;
  const { yieldTurn } = createYielder({ owner: options.owner });
  await yieldTurn();
  const json = toJson(bytes);
  const rules = { ...options, wireOnly: true };
  if (form === 'lines') return await enqueueLines(components, json, { admit, rules, yieldTurn });
  const given = await parseItems(json, yieldTurn);
  if (!Array.isArray(given) && !isSeries(given))
    throw faultError('not_an_array', 'must be an array of readings or series, or one series');
  admit?.(headOf(given));
  return await enqueueUntrusted(components, given, rules);
}

/** JSON without the mark that RFC 8259, 8.1, lets a parser ignore. */
function toJson(given: Uint8Array): Buffer {
  if (!isUtf8(given)) throw faultError('not_utf8', 'the batch is not UTF-8');
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  return bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)
    ? bytes.subarray(BYTE_ORDER_MARK.length)
    : bytes;
}

const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

/** How lines are taken that are not plain. */
interface LineRules extends Pick<EnqueueBytesOptions, 'admit'>, Pick<Yielder, 'yieldTurn'> {
  readonly rules: EnqueueOptions;
}

async function enqueueLines(
  components: EnqueueComponents,
  json: Buffer,
  { admit, rules, yieldTurn }: LineRules,
): Promise<Accepted> {
  const { items, malformed } = await parseLines(json, MAX_ENQUEUE_READINGS, yieldTurn);
  admit?.(headOf(items));
  try {
    return await enqueueUntrusted(components, items, rules);
  } catch (error) {
    if (!isHrmError(error) || malformed.size === 0) throw error;
    // A line that is not JSON went in as what no reading is, so that all faults of a batch come together.
    const faults = error.faults.map((fault) =>
      malformed.has(Number(fault.path.slice(1))) ? { ...fault, message: 'the line is not JSON' } : fault,
    );
    const { message, kind, code, faultCount } = error;
    throw new HrmError(message, { kind, code, faults, faultCount });
  }
}

function headOf(given: unknown): BatchHead {
  const items: readonly unknown[] = Array.isArray(given) ? given : [given];
  const [users, devices] = [new Set<string>(), new Set<string>()];
  for (const item of items) {
    if (typeof item !== 'object' || item === null) continue;
    const { user_id: userId, device_id: deviceId } = item as {
      readonly user_id?: unknown;
      readonly device_id?: unknown;
    };
    if (typeof userId === 'string') users.add(userId);
    if (typeof deviceId === 'string') devices.add(deviceId);
  }
  const length = areSeries(given) ? countSeries(given) : items.length;
  return { length, users: [...users], devices: [...devices] };
}
