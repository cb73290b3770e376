/**
 * The calls that take readings.
 */
import {
  type BatchHead,
  type Clock,
  type DeviceBound,
  enqueueBytes,
  enqueueParquet,
  enqueueUntrusted,
  isSeries,
  type Queue,
  type Storage,
} from 'hrm-core';
import { requireValid } from 'hrm-core/keys';
import { OPERATIONS } from 'hrm-core/schemas';
import type { Settings } from 'hrm-core/settings';
import { createQuota, createScheduler, type DayLimiter } from 'hrm-core/shares';
import { invalidError } from '../api/problem.js';
import { type Body, type BodyLimits, withBody } from '../http/body.js';
import { type BodyType, PARQUET_TYPE, readMediaType } from '../http/media-type.js';
import { MAX_BATCH_BYTES, MAX_BATCH_STEPS, MAX_BODY_IDLE_MS, MAX_HELD_BYTES, MAX_READING_BYTES } from '../limits.js';
import { type Call, clientOf, type Handler, jsonResponse } from './handler.js';
import { asSpan, countReadings } from './requests.js';

/** Where readings go. */
export interface IngestComponents {
  readonly queue: Queue;
  readonly clock?: Clock | undefined;
  /** Says how long readings are kept. */
  readonly storage: Storage;
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
    readMediaType(incoming.headers, ['application/json']);
    const accept = async (body: Body) => {
      const reading = parseReading(body);
      if (Array.isArray(reading) || isSeries(reading))
        throw invalidError(
          'not_a_reading',
          `must be one reading: batches and series go to ${OPERATIONS.postBatch.path}`,
        );
      const { user_id: userId, device_id: deviceId } = (reading ?? {}) as Partial<Record<string, unknown>>;
      access.requireUser(userId);
      access.requireDevice(deviceId ?? undefined);
      call.trail?.addReadings(1);
      requireValid(access);
      await enqueueUntrusted(components, reading, { ...enqueueOptions(components, settings, call), wireOnly: true });
    };
    await withBody(call, limitsFor(call), (body) => asSpan(incoming, 'enqueue', () => accept(body)));
    return jsonResponse(call, 202, { status: 'accepted' });
  };
}

/** @throws HrmError kind `invalid`, code `not_json`. The parser's own message repeats the input, which is health data. */
export function parseReading({ bytes }: Body): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw invalidError('not_json', 'the body is not JSON');
  }
}

/** Takes a batch, whole or not at all. */
export function postBatch(components: IngestComponents, settings: IngestSettings): Handler {
  const limitsFor = bodyLimits(MAX_BATCH_BYTES);
  const share = createScheduler(MAX_BATCH_STEPS);
  return async (call) => {
    const { incoming, signal } = call;
    const type = readMediaType(incoming.headers, ['application/json', 'application/x-ndjson', PARQUET_TYPE]);
    // What will be refused need not be read.
    components.queue.requireRoom?.({ owner: call.access.keyId ?? undefined });
    const count = await withBody(call, { ...limitsFor(call), isText: type !== PARQUET_TYPE }, (body) =>
      share.run(
        clientOf(call),
        () => asSpan(incoming, 'enqueue', () => acceptBatch(components, settings, { call, body, type })),
        signal,
      ),
    );
    return jsonResponse(call, 202, { status: 'accepted', count });
  };
}

/** Each call has a budget of its own, and of that a key may have less than others. */
export function bodyLimits(maxBytes: number): (call: Pick<Call, 'access' | 'incoming'>) => BodyLimits {
  const budget = createQuota(MAX_HELD_BYTES);
  // What is only announced takes the room of nobody else: it may never come.
  const announced = createQuota(Number.POSITIVE_INFINITY, MAX_HELD_BYTES / 4);
  return (call) => {
    const { body_bytes: most } = call.access.limits;
    const own = { budget: budget.atMost(most), announced: announced.atMost(most) };
    return { maxBytes, ...own, client: clientOf(call), idleMs: MAX_BODY_IDLE_MS };
  };
}

/** A batch whose body is there. */
interface Batch {
  readonly call: Call;
  readonly body: Body;
  readonly type: BodyType;
}

async function acceptBatch(
  components: IngestComponents,
  settings: IngestSettings,
  { call, body, type }: Batch,
): Promise<number> {
  const { incoming, access, trail } = call;
  const admit = ({ length, users, devices }: BatchHead) => {
    countReadings(incoming, length);
    trail?.addReadings(length);
    for (const userId of users) access.requireUser(userId);
    for (const deviceId of devices) access.requireDevice(deviceId);
    requireValid(access);
  };
  const options = { ...enqueueOptions(components, settings, call), admit };
  if (type === PARQUET_TYPE) return (await enqueueParquet(components, body.bytes, options)).accepted;
  const form = type === 'application/json' ? 'array' : 'lines';
  return (await enqueueBytes(components, body.bytes, { ...options, form })).accepted;
}

/** How readings of a call are judged and bounded. */
export function enqueueOptions(
  { deviceBound, dayLimiter }: IngestComponents,
  { naiveTimestamps, maxFutureMs, maxPastMs }: IngestSettings,
  call: Call,
) {
  // A key has a share of the queue. Without keys all are one, who may fill it to its mark.
  const owner = call.access.keyId ?? undefined;
  const admitDays = (days: ReadonlySet<number>) => dayLimiter.take(clientOf(call), days);
  return { owner, naiveTimestamps, maxFutureMs, maxPastMs, deviceBound, admitDays };
}
