/**
 * Readings one by one, sent together: a request a reading costs fifty times more.
 */
import { type Fault, faultsError, HrmError, isHrmError } from '../errors.js';
import { MAX_ENQUEUE_READINGS, MAX_TIMER_MS } from '../limits.js';
import type { ReadingInput, WireReading } from '../pure/reading/reading.js';
import type { Client } from './client.js';
import { checkNumber } from './options.js';
import { toWire } from './wire.js';

/** When a batch goes out, and how many readings may wait. */
export interface BatcherOptions {
  /** Sent at so many; default 1,000, from 1 to 10,000. */
  readonly maxReadings?: number | undefined;
  /** Or when the oldest has waited so long, whole milliseconds; default 1,000. */
  readonly maxAgeMs?: number | undefined;
  /** Readings that may wait, those on their way included; default 100,000, at least 1. */
  readonly maxPending?: number | undefined;
}

/** Collects readings. */
export interface Batcher {
  /**
   * Takes a reading; resolves when the server has accepted it.
   * @throws HrmError kind `invalid`, with the faults of this reading, paths from it on (`/heart_rate`): the others go on; code
   *   `foreign_user` for a user whom the key is not bound to: the batch is sent again in halves, by users, since the refusal
   *   names none, so that each such user costs some requests; kind `unavailable`, code `batcher_full`, when too many wait: see
   *   {@link Batcher.room}; kind `closed` after `close`; and what the server says, when the client's retries did not help.
   */
  add(reading: ReadingInput | WireReading): Promise<void>;
  /** Resolves when there is room for another reading. */
  room(): Promise<void>;
  /** Sends what waits; resolves when nothing does. What becomes of each reading its `add` says. */
  flush(): Promise<void>;
  /** Takes no more, and sends what waits. */
  close(): Promise<void>;
}

interface Pending {
  readonly reading: ReadingInput | WireReading;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Creates a batcher. One batch is on its way at a time, so that a user's readings arrive in order.
 * @throws HrmError kind `invalid`, code `invalid_options`.
 * @example
 * const batcher = createBatcher(createClient({ url: 'http://localhost:8000' }));
 * for await (const reading of readings) {
 *   await batcher.room();
 *   batcher.add(reading).catch(console.error); // awaited, each would go out alone, a second later
 * }
 * await batcher.close();
 */
export function createBatcher(client: Pick<Client, 'enqueue'>, options: BatcherOptions = {}): Batcher {
  const { maxReadings = 1_000, maxAgeMs = 1_000, maxPending = 100_000 } = options;
  checkNumber('maxReadings', maxReadings, { min: 1, max: MAX_ENQUEUE_READINGS });
  checkNumber('maxAgeMs', maxAgeMs, { min: 0, max: MAX_TIMER_MS });
  checkNumber('maxPending', maxPending, { min: 1, max: Number.MAX_SAFE_INTEGER });
  const waiting: Pending[] = [];
  let underWay = 0;
  let sending: Promise<void> | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;
  let awaited: (() => void)[] = [];

  function schedule(): void {
    if (waiting.length >= maxReadings) void send();
    else if (waiting.length > 0) timer ??= setTimeout(() => void send(), maxAgeMs);
  }

  function send(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    sending ??= sendAll().finally(() => {
      sending = null;
      schedule();
    });
    return sending;
  }

  /** What is there now, and what came meanwhile if that fills a batch. */
  async function sendAll(): Promise<void> {
    do {
      const batch = waiting.splice(0, maxReadings);
      underWay = batch.length;
      await sendBatch(client, batch);
      underWay = 0;
      for (const resolve of awaited) resolve();
      awaited = [];
    } while (waiting.length >= maxReadings);
  }

  async function flush(): Promise<void> {
    while (waiting.length + underWay > 0) await send();
  }

  return {
    add(reading) {
      if (isClosed) return Promise.reject(closedError());
      if (waiting.length + underWay >= maxPending) return Promise.reject(fullError(maxPending));
      return new Promise((resolve, reject) => {
        waiting.push({ reading, resolve, reject });
        schedule();
      });
    },
    async room() {
      while (waiting.length + underWay >= maxPending) {
        const isThere = new Promise<void>((resolve) => awaited.push(resolve));
        void send();
        await isThere;
      }
    },
    flush,
    async close() {
      isClosed = true;
      await flush();
    },
  };
}

/** Sends a batch, and again without the readings that the server names as bad; settles every one of them. */
async function sendBatch(client: Pick<Client, 'enqueue'>, batch: readonly Pending[]): Promise<void> {
  let rest = batch;
  while (rest.length > 0) {
    try {
      await client.enqueue(rest.map(({ reading }) => reading));
      for (const { resolve } of rest) resolve();
      return;
    } catch (error) {
      const halves = isForeign(error) ? halvesByUser(rest) : null;
      if (halves !== null) {
        for (const half of halves) await sendBatch(client, half);
        return;
      }
      const faults = isHrmError(error) && error.kind === 'invalid' ? faultsByReading(error.faults) : new Map();
      const isNamed = [...faults.keys()].some((i) => i < rest.length);
      for (const [i, { reject }] of rest.entries()) {
        if (!isNamed) reject(error);
        else if (faults.has(i)) reject(badReadingError(faults.get(i) ?? [], error));
      }
      rest = isNamed ? rest.filter((_, i) => !faults.has(i)) : [];
    }
  }
}

/** Whether a batch was refused for one of its users; the answer does not say for which. */
function isForeign(error: unknown): boolean {
  return isHrmError(error) && error.code === 'foreign_user';
}

/** The readings of half of the users and those of the others; `null` where there is but one. */
function halvesByUser(batch: readonly Pending[]): [Pending[], Pending[]] | null {
  // In plain JavaScript null may have been added.
  const userOf = ({ reading }: Pending) => (toWire(reading) as WireReading | null | undefined)?.user_id;
  const users = [...new Set(batch.map(userOf))];
  if (users.length < 2) return null;
  const first = new Set(users.slice(0, users.length >> 1));
  return [batch.filter((one) => first.has(userOf(one))), batch.filter((one) => !first.has(userOf(one)))];
}

/** Of paths like `/3/heart_rate`. */
function faultsByReading(faults: readonly Fault[]): Map<number, Fault[]> {
  const byReading = new Map<number, Fault[]>();
  for (const { path, message } of faults) {
    const [, index, rest = ''] = /^\/(\d+)(\/.*)?$/.exec(path) ?? [];
    if (index === undefined) continue;
    byReading.set(Number(index), [...(byReading.get(Number(index)) ?? []), { path: rest, message }]);
  }
  return byReading;
}

function badReadingError(faults: readonly Fault[], cause: unknown): HrmError {
  return faultsError('invalid_readings', faults, { what: 'the reading is not valid', cause });
}

function fullError(maxPending: number): HrmError {
  return new HrmError(`${maxPending} readings wait already: wait for room() before the next`, {
    kind: 'unavailable',
    code: 'batcher_full',
  });
}

function closedError(): HrmError {
  return new HrmError('the batcher was closed', { kind: 'closed', code: 'batcher_closed' });
}
