/**
 * The calls that take readings.
 */
import { type Clock, enqueueUntrusted, HrmError, isHrmError, MAX_ENQUEUE_READINGS, type Queue } from 'hrm-core';
import type { Settings } from 'hrm-core/settings';
import type { Access } from './access.js';
import { OPERATIONS } from './api/operations.js';
import { type BodyLimits, createByteBudget, withBodyText } from './body.js';
import { type Call, type Handler, jsonResponse } from './handler.js';
import { parseJson, parseNdjson } from './json.js';
import { MAX_BATCH_BYTES, MAX_BODY_IDLE_MS, MAX_HELD_BYTES, MAX_READING_BYTES } from './limits.js';
import { readMediaType } from './media-type.js';
import { invalidError } from './problem.js';
import { asSpan, countReadings } from './requests.js';

/** Where readings go. */
export interface IngestComponents {
  readonly queue: Queue;
  readonly clock?: Clock | undefined;
}

/** The settings that decide what is a reading. */
export type IngestSettings = Pick<Settings, 'naiveTimestamps' | 'maxFutureMs'>;

/** Takes one reading. */
export function postReading(components: IngestComponents, settings: IngestSettings): Handler {
  const limits = bodyLimits(MAX_READING_BYTES);
  return async (call) => {
    const { incoming, access } = call;
    readMediaType(incoming.headers, ['application/json']);
    const accept = async (text: string) => {
      const reading = parseJson(text);
      if (Array.isArray(reading))
        throw invalidError('not_a_reading', `must be one reading: batches go to ${OPERATIONS.postBatch.path}`);
      requireUsers(access, [reading]);
      await enqueueUntrusted(components, reading, enqueueOptions(settings));
    };
    await withBodyText(incoming, limits, (text) => asSpan(incoming, 'enqueue', () => accept(text)));
    return jsonResponse(call, 202, { status: 'accepted' });
  };
}

/** Takes a batch, whole or not at all. */
export function postBatch(components: IngestComponents, settings: IngestSettings): Handler {
  const limits = bodyLimits(MAX_BATCH_BYTES);
  return async (call) => {
    const { incoming } = call;
    const type = readMediaType(incoming.headers, ['application/json', 'application/x-ndjson']);
    const accept = type === 'application/json' ? acceptArray : acceptNdjson;
    const count = await withBodyText(incoming, limits, (text) =>
      asSpan(incoming, 'enqueue', () => accept(components, settings, call, text)),
    );
    return jsonResponse(call, 202, { status: 'accepted', count });
  };
}

/** Each call has a budget of its own. */
function bodyLimits(maxBytes: number): BodyLimits {
  return { maxBytes, budget: createByteBudget(MAX_HELD_BYTES), idleMs: MAX_BODY_IDLE_MS };
}

async function acceptArray(
  components: IngestComponents,
  settings: IngestSettings,
  { incoming, access }: Call,
  text: string,
): Promise<number> {
  const readings = parseJson(text);
  if (!Array.isArray(readings)) throw invalidError('not_an_array', 'must be an array of readings');
  countReadings(incoming, readings.length);
  requireUsers(access, readings);
  return (await enqueueUntrusted(components, readings, enqueueOptions(settings))).accepted;
}

async function acceptNdjson(
  components: IngestComponents,
  settings: IngestSettings,
  { incoming, access }: Call,
  text: string,
): Promise<number> {
  const { items, malformed } = parseNdjson(text, MAX_ENQUEUE_READINGS);
  countReadings(incoming, items.length);
  requireUsers(access, items);
  try {
    return (await enqueueUntrusted(components, items, enqueueOptions(settings))).accepted;
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

/** Before anything else is said of the readings: whatever else is wrong, a foreign user is what is answered. */
function requireUsers({ userIds, requireUser }: Access, items: readonly unknown[]): void {
  if (userIds === null) return;
  for (const item of items) {
    if (typeof item === 'object' && item !== null && 'user_id' in item) requireUser(item.user_id);
  }
}

function enqueueOptions({ naiveTimestamps, maxFutureMs }: IngestSettings) {
  return { naiveTimestamps, maxFutureMs, wireOnly: true };
}
