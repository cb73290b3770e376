/**
 * The calls that take readings.
 */
import {
  areSeries,
  type BatchForm,
  type Clock,
  countSeries,
  createYielder,
  type DeviceBound,
  enqueueBytes,
  enqueueUntrusted,
  HrmError,
  isHrmError,
  isSeries,
  MAX_ENQUEUE_READINGS,
  type PlainBatch,
  type Queue,
} from 'hrm-core';
import { requireValid } from 'hrm-core/keys';
import type { Settings } from 'hrm-core/settings';
import { createQuota, createScheduler, type DayLimiter } from 'hrm-core/shares';
import { OPERATIONS } from '../api/operations.js';
import { invalidError } from '../api/problem.js';
import { type Body, type BodyLimits, withBody } from '../http/body.js';
import { parseItems, parseJson, parseNdjson } from '../http/json.js';
import { readMediaType } from '../http/media-type.js';
import { MAX_BATCH_BYTES, MAX_BATCH_STEPS, MAX_BODY_IDLE_MS, MAX_HELD_BYTES, MAX_READING_BYTES } from '../limits.js';
import { type Call, clientOf, type Handler, jsonResponse } from './handler.js';
import { asSpan, countReadings } from './requests.js';

/** Where readings go. */
export interface IngestComponents {
  readonly queue: Queue;
  readonly clock?: Clock | undefined;
  /** Of all readings that are accepted here. */
  readonly deviceBound: DeviceBound;
  /** As `deviceBound`. */
  readonly dayLimiter: DayLimiter;
}

/** The settings that decide what is a reading. */
export type IngestSettings = Pick<Settings, 'naiveTimestamps' | 'maxFutureMs' | 'maxPastMs'>;

/** Takes one reading. */
export function postReading(components: IngestComponents, settings: IngestSettings): Handler {
  const limitsFor = bodyLimits(MAX_READING_BYTES);
  return async (call) => {
    const { incoming, access } = call;
    const owner = clientOf(call);
    readMediaType(incoming.headers, ['application/json']);
    const accept = async (body: Body) => {
      const reading = parseJson(body);
      if (Array.isArray(reading) || isSeries(reading))
        throw invalidError(
          'not_a_reading',
          `must be one reading: batches and series go to ${OPERATIONS.postBatch.path}`,
        );
      access.requireUsersOf([reading]);
      requireValid(access);
      await enqueueUntrusted(components, reading, enqueueOptions(components, settings, call));
    };
    await withBody(call, limitsFor(owner), (body) => asSpan(incoming, 'enqueue', () => accept(body)));
    return jsonResponse(call, 202, { status: 'accepted' });
  };
}

/** Takes a batch, whole or not at all. */
export function postBatch(components: IngestComponents, settings: IngestSettings): Handler {
  const limitsFor = bodyLimits(MAX_BATCH_BYTES);
  const share = createScheduler(MAX_BATCH_STEPS);
  return async (call) => {
    const { incoming, signal } = call;
    const owner = clientOf(call);
    const type = readMediaType(incoming.headers, ['application/json', 'application/x-ndjson']);
    // What will be refused need not be read.
    components.queue.requireRoom?.({ owner: call.access.keyId ?? undefined });
    const form = type === 'application/json' ? 'array' : 'lines';
    const count = await withBody(call, limitsFor(owner), (body) =>
      share.run(
        owner,
        () => asSpan(incoming, 'enqueue', () => acceptBatch(components, settings, { call, owner, body, form })),
        signal,
      ),
    );
    return jsonResponse(call, 202, { status: 'accepted', count });
  };
}

/** Each call has a budget of its own. */
function bodyLimits(maxBytes: number): (client: string) => BodyLimits {
  const budget = createQuota(MAX_HELD_BYTES);
  // What is only announced takes the room of nobody else: it may never come.
  const announced = createQuota(Number.POSITIVE_INFINITY, MAX_HELD_BYTES / 4);
  return (client) => ({ maxBytes, budget, announced, client, idleMs: MAX_BODY_IDLE_MS });
}

/** A batch whose body is there. */
interface Batch {
  readonly call: Call;
  readonly owner: string;
  readonly body: Body;
  readonly form: BatchForm;
}

/** Takes a batch from its bytes, and parses it only where it is not plainly valid. @returns how many readings. */
async function acceptBatch(components: IngestComponents, settings: IngestSettings, batch: Batch): Promise<number> {
  const { call, body, form } = batch;
  const admit = ({ length, users }: PlainBatch) => {
    countReadings(call.incoming, length);
    for (const userId of users) call.access.requireUser(userId);
    requireValid(call.access);
  };
  const options = { ...enqueueOptions(components, settings, call), form, admit };
  const accepted = await enqueueBytes(components, body.bytes, options);
  if (accepted !== null) return accepted.accepted;
  return await (form === 'array' ? acceptArray : acceptNdjson)(components, settings, batch);
}

async function acceptArray(
  components: IngestComponents,
  settings: IngestSettings,
  { call, owner, body }: Batch,
): Promise<number> {
  const { yieldTurn } = createYielder({ owner });
  await yieldTurn();
  const readings = await parseItems(body, yieldTurn);
  if (!Array.isArray(readings) && !isSeries(readings))
    throw invalidError('not_an_array', 'must be an array of readings or series, or one series');
  return await acceptItems(components, settings, call, readings);
}

async function acceptNdjson(
  components: IngestComponents,
  settings: IngestSettings,
  { call, owner, body }: Batch,
): Promise<number> {
  const { yieldTurn } = createYielder({ owner });
  await yieldTurn();
  const { items, malformed } = await parseNdjson(body, MAX_ENQUEUE_READINGS, yieldTurn);
  try {
    return await acceptItems(components, settings, call, items);
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

/** Takes the items of a batch, in whatever form they came, or one series. @returns how many readings. */
async function acceptItems(
  components: IngestComponents,
  settings: IngestSettings,
  call: Call,
  given: unknown,
): Promise<number> {
  const { incoming, access } = call;
  const items: readonly unknown[] = Array.isArray(given) ? given : [given];
  countReadings(incoming, areSeries(given) ? countSeries(given) : items.length);
  access.requireUsersOf(items);
  requireValid(access);
  return (await enqueueUntrusted(components, given, enqueueOptions(components, settings, call))).accepted;
}

function enqueueOptions(
  { deviceBound, dayLimiter }: IngestComponents,
  { naiveTimestamps, maxFutureMs, maxPastMs }: IngestSettings,
  call: Call,
) {
  // A key has a share of the queue. Without keys all are one, who may fill it to its mark.
  const owner = call.access.keyId ?? undefined;
  const admitDays = (days: ReadonlySet<number>) => dayLimiter.take(clientOf(call), days);
  return { owner, naiveTimestamps, maxFutureMs, maxPastMs, wireOnly: true, deviceBound, admitDays };
}
