import { DEFAULTS } from '../../defaults.js';
import { type Fault, faultError, HrmError, throwIfAborted } from '../../errors.js';
import { DAY_MS, MAX_ELEMENT_READINGS, MAX_ENQUEUE_READINGS, MAX_FAULTS, MAX_SERIES_READINGS } from '../../limits.js';
import { type Clock, systemClock } from '../../ports/clock.js';
import type { Erasures } from '../../ports/erasures.js';
import type { CallOptions, Queue, QueueElement } from '../../ports/queue.js';
import { dayOfMs, type Retention } from '../../pure/erasure/retention.js';
import { encodeElement, encodeElements } from '../../pure/reading/element.js';
import { type QueuedReadings, queuedFrom } from '../../pure/reading/queued-readings.js';
import { parseReadings, type ReadingRules } from '../../pure/reading/reading.js';
import { scanSteps } from '../../pure/reading/scan-batch.js';
import type { BatchForm } from '../../pure/reading/scan-bytes.js';
import { scanSeriesSteps } from '../../pure/reading/scan-series.js';
import { areSeries, countSeries, type Enqueueable, seriesSteps } from '../../pure/reading/series.js';
import type { NaiveTimestamps } from '../../pure/reading/timestamp.js';
import { inTurns } from '../../steps.js';
import { createYielder } from '../files/yielder.js';
import type { DeviceBound, DeviceCount } from './device-bound.js';
import { isRowExpired } from './leave-expired.js';
import { receivedNowMs } from './received-now.js';

/** What `enqueue` works on. */
export interface EnqueueComponents {
  /** All that it needs of a queue, so that a caller who only wants a judgement can pass one that keeps nothing. */
  readonly queue: Pick<Queue, 'push'>;
  /** Stamps readings with the time of their acceptance; the machine's by default. */
  readonly clock?: Clock | undefined;
  /** Where the readings will be stored: it says how long they are kept. What it says is taken as it was known last: nothing waits for it. */
  readonly storage?: { readonly erasures: Pick<Erasures, 'known'> } | undefined;
}

/** How `enqueue` judges readings. */
export interface EnqueueOptions extends CallOptions {
  /** What a timestamp without an offset means; default `reject`. */
  readonly naiveTimestamps?: NaiveTimestamps | undefined;
  /** How far ahead of the clock a timestamp may lie, milliseconds, inclusive; default 24 hours. */
  readonly maxFutureMs?: number | undefined;
  /** How far behind the clock a timestamp may lie, milliseconds, inclusive; default: it may be of 1970. */
  readonly maxPastMs?: number | undefined;
  /** How long readings are kept: older ones are refused. Default: as the storage says, where there is one. */
  readonly retention?: Retention | undefined;
  /** The readings are straight from a wire: only the snake_case names count. Default false: camelCase counts too. */
  readonly wireOnly?: boolean | undefined;
  /** Refuses readings of more devices than a user may have on a day; none by default. */
  readonly deviceBound?: DeviceBound | undefined;
  /**
   * Hears of the UTC days that valid readings lie on, in days from 1970 on, before any is accepted: what it throws refuses all.
   * What it returns is called where the queue then does not take them.
   */
  readonly admitDays?: ((days: ReadonlySet<number>) => () => void) | undefined;
  /**
   * When the readings count as received, epoch milliseconds; default: now. {@link RECEIVED_BEFORE_ALL} for what an export has, so that nothing
   * which was posted loses against it.
   */
  readonly receivedMs?: number | undefined;
}

/** What was accepted. */
export interface Accepted {
  /** Readings, >= 1. */
  readonly accepted: number;
}

/**
 * Validates readings, all of them, and puts all or none into the queue; resolves once the queue holds them as durably as it
 * is configured to. What has no type yet, since it came from a wire or a file, goes to {@link enqueueUntrusted}.
 *
 * Of readings with the same user, device and millisecond, the one received in the latest minute wins, and within that
 * minute the maximum heart rate. So enqueuing again is harmless, and a correction that lowers a value must come at
 * least a minute after the value it corrects.
 *
 * @param readings - one reading or 1 to 10,000 of them: `{ userId, deviceId, timestamp, heartRate }`, where `timestamp` is ISO 8601,
 *   a Date or epoch milliseconds, or `{ user_id, device_id, timestamp, heart_rate }`, where it is ISO 8601. Or one series or 1 to 10,000 of
 *   them, with at most 100,000 readings: `{ userId, deviceId, timestamps, heartRates }`, or `start` and `intervalMs` in place of `timestamps`.
 * @throws HrmError kind `invalid`, code `invalid_readings` (with every fault), `empty_batch` or `too_many_readings`;
 *   kind `unavailable` when the queue cannot take them now, and, code `bad_clock`, when the clock gives no usable time.
 * @example
 * await enqueue({ queue }, {
 *   userId: 'ana', deviceId: 'watch', timestamp: '2024-01-15T10:00:00Z', heartRate: 72,
 * }); // { accepted: 1 }
 */
export async function enqueue(
  components: EnqueueComponents,
  readings: Enqueueable,
  options: EnqueueOptions = {},
): Promise<Accepted> {
  return await enqueueUntrusted(components, readings, options);
}

/**
 * Does what {@link enqueue} does with readings that may be anything, such as the JSON of a request: the same rules, the same faults.
 *
 * @throws HrmError as {@link enqueue}.
 * @example
 * await enqueueUntrusted({ queue }, JSON.parse(body), { wireOnly: true });
 */
export async function enqueueUntrusted(
  { queue, clock = systemClock, storage }: EnqueueComponents,
  readings: unknown,
  options: EnqueueOptions = {},
): Promise<Accepted> {
  const { signal, owner, wireOnly = false, deviceBound, admitDays, receivedMs } = options;
  const size = Array.isArray(readings) ? readings.length : 1;
  if (size === 0) throw emptyBatchError();
  if (size > MAX_ENQUEUE_READINGS) throw tooManyReadingsError(size);
  const series = areSeries(readings);
  if (series && countSeries(readings) > MAX_SERIES_READINGS) throw tooLongSeriesError();
  const nowMs = receivedNowMs(clock);
  const rules = { ...rulesAt(nowMs, options), wireOnly };
  const devices = deviceBound?.begin();
  const days = new Set<number>();
  const queuedMs = receivedMs === undefined ? undefined : nowMs;
  const kept = keptAt(options.retention ?? storage?.erasures.known().retention, nowMs);
  const preparation = { signal, owner, deviceBound, devices, days, queuedMs, kept };
  const elements = await (series ? prepareSeries : prepare)(readings, rules, receivedMs ?? nowMs, preparation);
  await pushAdmitted(queue, elements, () => admitDays?.(days), { signal, owner });
  devices?.keep();
  return { accepted: elements.reduce((sum, element) => sum + element.readings, 0) };
}

/** By what an instant is judged. */
function rulesAt(
  nowMs: number,
  {
    naiveTimestamps = DEFAULTS.naiveTimestamps,
    maxFutureMs = DEFAULTS.maxFutureMs,
    maxPastMs = DEFAULTS.maxPastMs,
  }: Pick<EnqueueOptions, 'naiveTimestamps' | 'maxFutureMs' | 'maxPastMs'>,
) {
  return { naiveTimestamps, earliestMs: nowMs - maxPastMs, latestMs: nowMs + maxFutureMs };
}

/** What is kept as of some day. */
interface Kept {
  readonly retention: Retention;
  readonly today: number;
}

function keptAt(retention: Retention | undefined, nowMs: number): Kept | undefined {
  return retention === undefined || retention.isNone ? undefined : { retention, today: dayOfMs(nowMs) };
}

/** Pushes what is admitted, and gives back what was taken for it where that fails. */
async function pushAdmitted(
  queue: Pick<Queue, 'push'>,
  elements: readonly QueueElement[],
  admit: () => (() => void) | undefined,
  options: CallOptions,
): Promise<void> {
  const giveBack = admit();
  try {
    await queue.push(elements, options);
  } catch (error) {
    giveBack?.();
    throw error;
  }
}

/** How {@link enqueuePlain} judges a batch. */
export interface PlainOptions extends Omit<EnqueueOptions, 'wireOnly'> {
  readonly form: BatchForm;
  /** Called once before they are pushed, with how many there are, whose, and of which devices; what it throws refuses them. */
  readonly admit?: ((batch: Pick<QueuedReadings, 'length' | 'users' | 'devices'>) => void) | undefined;
}

/**
 * Does what {@link enqueueUntrusted} does with the JSON of a batch, from its bytes and for a third of the cost, where all of it is plainly valid.
 * @returns `null` where it is not plain, and then nothing was done.
 * @throws whatever `admit` throws; else as {@link enqueueUntrusted} of what is valid.
 */
export async function enqueuePlain(
  { queue, clock = systemClock, storage }: EnqueueComponents,
  bytes: Uint8Array,
  options: PlainOptions,
): Promise<Accepted | null> {
  const { signal, owner, deviceBound, admitDays, form, admit } = options;
  const nowMs = receivedNowMs(clock);
  const rules = rulesAt(nowMs, options);
  const { yieldTurn } = createYielder({ owner });
  const readings =
    (await inTurns(scanSteps(bytes, form, rules, nowMs), yieldTurn)) ??
    (await inTurns(scanSeriesSteps(bytes, form, rules, nowMs), yieldTurn));
  if (readings === null) return null;
  const { length } = readings;
  admit?.(readings);
  const devices = deviceBound?.begin();
  const days = new Set<number>();
  const kept = keptAt(options.retention ?? storage?.erasures.known().retention, nowMs);
  const elements = await encodeAll(readings, { signal, owner, devices, days, kept });
  if (elements === null) return null;
  await pushAdmitted(queue, elements, () => admitDays?.(days), { signal, owner });
  devices?.keep();
  return { accepted: length };
}

/** What is taken along while readings become elements. */
interface Preparation extends CallOptions, Pick<EnqueueOptions, 'deviceBound'> {
  readonly devices?: DeviceCount | undefined;
  /** Older ones are refused. */
  readonly kept?: Kept | undefined;
  /** Their UTC days are added to it. */
  readonly days: Set<number>;
  /** When they enter the queue, where that is not when they count as received. */
  readonly queuedMs?: number | undefined;
}

/** Columns as elements, giving way between them. @returns `null` where a user has one device too many on a day, or one is too old to be kept. */
async function encodeAll(
  readings: QueuedReadings,
  { signal, owner, devices, days, queuedMs, kept }: Preparation,
): Promise<QueueElement[] | null> {
  const { yieldTurn } = createYielder({ owner });
  const elements: QueueElement[] = [];
  for (let from = 0; from < readings.length; from += MAX_ELEMENT_READINGS) {
    await yieldTurn();
    throwIfAborted(signal, 'taking readings');
    const to = Math.min(readings.length, from + MAX_ELEMENT_READINGS);
    if (devices?.hasTooMany(readings, from, to) || expiredRow(readings, from, to, kept) !== null) return null;
    addDays(readings.timestampMs.subarray(from, to), days);
    elements.push(encodeElement(readings, from, to, queuedMs));
  }
  return elements;
}

/** As {@link prepare}, of series. */
async function prepareSeries(
  given: unknown,
  rules: ReadingRules,
  receivedMs: number,
  preparation: Preparation,
): Promise<QueueElement[]> {
  const { owner, deviceBound, kept } = preparation;
  const { yieldTurn } = createYielder({ owner });
  // The caller may change the array meanwhile.
  const series = Array.isArray(given) ? [...given] : given;
  const parsed = await inTurns(seriesSteps(series, rules, receivedMs), yieldTurn);
  if ('faults' in parsed) throw invalidReadingsError(parsed.faults, parsed.faultCount);
  const elements = await encodeAll(parsed.readings, preparation);
  if (elements !== null) return elements;
  const devices = deviceBound?.begin();
  const faults: Fault[] = [];
  let [from, faultCount] = [0, 0];
  for (const [i, end] of parsed.ends.entries()) {
    await yieldTurn();
    if (devices?.hasTooMany(parsed.readings, from, end)) {
      faultCount += 1;
      const path = `${Array.isArray(series) ? `/${i}` : ''}/${rules.wireOnly ? 'device_id' : 'deviceId'}`;
      if (faults.length < MAX_FAULTS) faults.push({ path, message: tooManyDevices(deviceBound?.maxDevices ?? 0) });
    }
    const expired = expiredRow(parsed.readings, from, end, kept);
    if (expired !== null) {
      faultCount += 1;
      const path = `${Array.isArray(series) ? `/${i}` : ''}/timestamps/${expired - from}`;
      if (faults.length < MAX_FAULTS) faults.push({ path, message: EXPIRED_FAULT });
    }
    from = end;
  }
  throw invalidReadingsError(faults, faultCount);
}

/**
 * Readings as elements, an element after the other: a large batch gives way between them.
 * @throws HrmError code `invalid_readings`, with the faults of all.
 */
async function prepare(
  given: unknown,
  rules: ReadingRules,
  receivedMs: number,
  { signal, owner, deviceBound, devices, days, queuedMs, kept }: Preparation,
): Promise<QueueElement[]> {
  // The caller may change the array meanwhile.
  const readings = Array.isArray(given) && given.length > MAX_ELEMENT_READINGS ? [...given] : given;
  const size = Array.isArray(readings) ? readings.length : 1;
  const yielder = createYielder({ owner });
  const elements: QueueElement[] = [];
  const faults: Fault[] = [];
  let faultCount = 0;
  for (let from = 0; from < size; from += MAX_ELEMENT_READINGS) {
    if (from > 0) {
      await yielder.yieldTurn();
      throwIfAborted(signal, 'taking readings');
    }
    const slice =
      size > MAX_ELEMENT_READINGS ? (readings as unknown[]).slice(from, from + MAX_ELEMENT_READINGS) : readings;
    const parsed = parseReadings(slice, rules, receivedMs, from);
    if ('faults' in parsed) {
      faultCount += parsed.faultCount;
      faults.push(...parsed.faults.slice(0, MAX_FAULTS - faults.length));
      continue;
    }
    const columns = queuedFrom(parsed.readings);
    addDays(columns.timestampMs, days);
    for (let row = 0; kept !== undefined && row < columns.length; row += 1) {
      if (!isRowExpired(columns, row, kept.retention, kept.today)) continue;
      faultCount += 1;
      const path = `${Array.isArray(readings) ? `/${from + row}` : ''}/timestamp`;
      if (faults.length < MAX_FAULTS) faults.push({ path, message: EXPIRED_FAULT });
    }
    const tooMany = devices?.add(parsed.readings) ?? [];
    faultCount += tooMany.length;
    for (const i of tooMany.slice(0, MAX_FAULTS - faults.length)) {
      const path = `${Array.isArray(readings) ? `/${from + i}` : ''}/${rules.wireOnly ? 'device_id' : 'deviceId'}`;
      faults.push({ path, message: tooManyDevices(deviceBound?.maxDevices ?? 0) });
    }
    if (faultCount === 0) elements.push(...encodeElements(columns, queuedMs));
  }
  if (faultCount === 0) return elements;
  throw invalidReadingsError(faults, faultCount);
}

function invalidReadingsError(faults: readonly Fault[], faultCount: number): HrmError {
  const message = `${faultCount} fault${faultCount === 1 ? '' : 's'} in the readings; none was accepted`;
  return new HrmError(message, { kind: 'invalid', code: 'invalid_readings', faults, faultCount });
}

/** What is wrong with a reading whose day is over. */
const EXPIRED_FAULT = 'is of a day that is kept no longer: send newer readings only (HRM_RETENTION_DAYS)';

/** The first of some rows that is kept no longer; `null`: all are kept. */
function expiredRow(readings: QueuedReadings, fromRow: number, toRow: number, kept: Kept | undefined): number | null {
  if (kept === undefined) return null;
  for (let row = fromRow; row < toRow; row += 1)
    if (isRowExpired(readings, row, kept.retention, kept.today)) return row;
  return null;
}

function addDays(timestamps: Float64Array, days: Set<number>): void {
  let last = -1;
  for (const timestampMs of timestamps) {
    const day = Math.floor(timestampMs / DAY_MS);
    // Mostly they are of one day.
    if (day !== last) days.add(day);
    last = day;
  }
}

function tooManyDevices(maxDevices: number): string {
  return `is one device too many: a user may have ${maxDevices} on a day; if there are more, raise HRM_MAX_DEVICES`;
}

function emptyBatchError(): HrmError {
  const message = 'a batch must hold at least one reading';
  return faultError('empty_batch', message);
}

function tooManyReadingsError(size: number): HrmError {
  const message = `a batch may hold at most ${MAX_ENQUEUE_READINGS} readings, not ${size}: split it`;
  return faultError('too_many_readings', message);
}

function tooLongSeriesError(): HrmError {
  const message = `series may hold at most ${MAX_SERIES_READINGS} readings at a time: split them`;
  return faultError('too_many_readings', message);
}
