/**
 * The embedded queue: durable, on the local disk, for several processes of one machine, without a server.
 * @module
 */
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { HrmError, isHrmError, throwIfAborted } from '../../../errors.js';
import { FEED_SECRET_BYTES } from '../../../limits.js';
import { type Clock, systemClock } from '../../../ports/clock.js';
import type { Feed, FeedPage } from '../../../ports/feed.js';
import type {
  BatchThreshold,
  CallOptions,
  FedQueue,
  QueueCheck,
  QueueElement,
  Remainder,
} from '../../../ports/queue.js';
import { type PendingPush, requireReadings, takeGroup } from '../group-commit.js';
import { createSleepers, pollFeed, type Sleepers } from '../sleepers.js';
import { epochMs, requireLease } from '../times.js';
import { embeddedDeadLetters } from './dead-letters.js';
import { type Environment, openEnvironment } from './environment.js';
import { keepFeedSecret, readFeed, readFeedSecret, recordPushed, watchFeed } from './feed.js';
import { packElement } from './records.js';
import {
  ackClaim,
  appendElements,
  isBatchDue,
  measureDepth,
  peekElements,
  readCounters,
  readStore,
  releaseClaim,
  rememberStore,
  renewClaim,
  takeClaim,
} from './store.js';

/** Where the queue is. */
export interface EmbeddedQueueOptions {
  /** Of the queue's own file; created (0700) with its parents. On a local file system, since processes share memory through it. */
  readonly directory: string;
  /** Whether to make a queue where there is none; default true. Without it that is `queue_missing`. */
  readonly create?: boolean | undefined;
  /** Stamps elements and measures leases; default the machine's. */
  readonly clock?: Clock | undefined;
}

/**
 * How often `wait` looks for what other processes did; this process's pushes wake it at once. A look costs some 20
 * microseconds, so that an idle consumer uses a two-thousandth of a core, against batches that fill in seconds.
 */
const POLL_MS = 50;

/** Bytes in one group commit; what was pushed beyond it is the next turn's, so that memory and lock time stay bounded. */
const MAX_COMMIT_BYTES = 64 * 1024 * 1024;

interface State {
  readonly environment: Environment;
  readonly clock: Clock;
  pending: PendingPush[];
  isCommitScheduled: boolean;
  readonly sleepers: Sleepers;
  isClosed: boolean;
}

/**
 * Opens the queue in `options.directory`, creating it if there is none. Any number of processes may have it open, and
 * any of them may be killed at any moment.
 *
 * A call that resolves is on the disk (fdatasync). All pushes of one event-loop turn share one commit. The file reuses
 * the space of what was acknowledged, and never shrinks. Every method but `wait` does its work in one synchronous
 * transaction: the event loop stands still for it, and while another process commits (a millisecond, as a rule).
 * A claim whose lease ended keeps its token until somebody takes it over.
 * Pushes are refused (`queue_full`) while less than 16 MiB would be left on the disk; claims and acknowledgements go on.
 * A failing disk may crash the process, not only fail the call: see environment.ts. Nothing acknowledged is lost.
 *
 * When the queue file is deleted or replaced under the process, every call fails with `queue_unavailable` until it is back
 * or the process was restarted.
 *
 * @throws HrmError kind `unavailable`, code `queue_unavailable`, `queue_full`, `queue_missing` or `queue_in_use`; kind `data`, code `queue_layout`,
 * when the file there is not a queue, or one of another version; kind `invalid`, code `worker_thread`, anywhere but in the
 * main thread.
 */
export async function openEmbeddedQueue(options: EmbeddedQueueOptions): Promise<FedQueue> {
  const state: State = {
    environment: await openEnvironment(options.directory, { create: options.create ?? true }),
    clock: options.clock ?? systemClock,
    pending: [],
    isCommitScheduled: false,
    sleepers: createSleepers(),
    isClosed: false,
  };
  const nowMs = () => epochMs(state.clock);
  return {
    push: (elements, callOptions) => push(state, elements, callOptions),
    wait: (threshold, callOptions) => wait(state, threshold, callOptions),
    claim: async (limits, callOptions) => {
      throwIfAborted(callOptions?.signal, 'claiming a batch');
      requireLease(limits.leaseMs);
      const token = randomUUID();
      return opened(state).write((tables) => takeClaim(tables, limits, token, nowMs()));
    },
    peek: async ({ limit }) => opened(state).read((tables) => peekElements(tables, limit)),
    renew: async (token, leaseMs) => {
      requireLease(leaseMs);
      const isRenewed = opened(state).write((tables) => renewClaim(tables, token, leaseMs, nowMs()));
      return isRenewed ? 'renewed' : 'stale';
    },
    ack: async (token, remainder) => ack(state, token, remainder),
    release: async (token) => {
      const isReleased = opened(state).write((tables) => releaseClaim(tables, token, randomUUID()));
      if (isReleased) state.sleepers.wake();
      return isReleased ? 'released' : 'stale';
    },
    depth: async () => opened(state).read((tables) => measureDepth(tables, nowMs())),
    check: async () => check(state),
    deadLetters: embeddedDeadLetters(
      (action) => action(opened(state)),
      () => state.sleepers.wake(),
    ),
    store: {
      get: async () => opened(state).read(readStore),
      remember: async (identity, { replace = false } = {}) =>
        opened(state).write((tables) => rememberStore(tables, identity, replace)),
    },
    feed: embeddedFeed(state),
    close: async () => close(state),
  };
}

function opened(state: State): Environment {
  if (state.isClosed) throw closedError();
  return state.environment;
}

function closedError(): HrmError {
  return new HrmError('The queue was closed', { kind: 'closed', code: 'queue_closed' });
}

async function push(state: State, elements: readonly QueueElement[], options: CallOptions = {}): Promise<void> {
  throwIfAborted(options.signal, 'pushing to the queue');
  opened(state);
  const nowMs = epochMs(state.clock);
  const records = elements.map((element) => newRecord(element, nowMs));
  if (records.length === 0) return;
  const byteLength = records.reduce((sum, record) => sum + record.byteLength, 0);
  await new Promise<void>((resolve, reject) => {
    state.pending.push({ records, byteLength, signal: options.signal, resolve, reject });
    scheduleCommit(state);
  });
}

/** Copies the bytes, before the call returns: the caller may change them then. */
function newRecord({ bytes, readings }: QueueElement, stampMs: number): Buffer {
  requireReadings(readings);
  return packElement(bytes, readings, stampMs, 0);
}

/** At the end of the turn: whatever else it pushes goes into the same commit. */
function scheduleCommit(state: State): void {
  if (state.isCommitScheduled || state.pending.length === 0) return;
  state.isCommitScheduled = true;
  setImmediate(() => {
    state.isCommitScheduled = false;
    commitPending(state);
    scheduleCommit(state);
  });
}

function commitPending(state: State): void {
  const { group, rest } = takeGroup(state.pending, MAX_COMMIT_BYTES);
  state.pending = rest;
  if (group.length === 0) return;
  try {
    const records = group.flatMap((one) => one.records);
    const hasRoom = hasRoomTwice(
      state,
      group.reduce((sum, { byteLength }) => sum + byteLength, 0),
    );
    state.environment.write((tables) => {
      const fromSeq = appendElements(tables, records);
      recordPushed(tables, { fromSeq, records, nowMs: epochMs(state.clock), hasRoom });
    });
  } catch (error) {
    for (const { reject } of group) reject(error);
    return;
  }
  for (const { resolve } of group) resolve();
  state.sleepers.wake();
}

/** Whether there is room for the feed too. @throws HrmError kind `unavailable` where there is none even for the queue. */
function hasRoomTwice({ environment }: State, byteLength: number): boolean {
  try {
    environment.requireSpace(2 * byteLength);
    return true;
  } catch (error) {
    if (!isHrmError(error) || error.code !== 'queue_full') throw error;
    environment.requireSpace(byteLength);
    return false;
  }
}

function embeddedFeed(state: State): Feed {
  async function watch({ signal }: CallOptions = {}): Promise<string> {
    throwIfAborted(signal, 'watching the feed');
    const newId = randomInt(2 ** 32);
    return opened(state).write((tables) =>
      watchFeed(tables, readCounters(tables).tailSeq, epochMs(state.clock), newId),
    );
  }
  async function look(from: string): Promise<FeedPage> {
    const page = opened(state).read((tables) => readFeed(tables, from));
    return page ?? { entries: [], next: await watch(), isGap: true };
  }
  async function secret({ signal }: CallOptions = {}): Promise<Uint8Array> {
    throwIfAborted(signal, 'watching the feed');
    const known = opened(state).read(readFeedSecret);
    return known ?? opened(state).write((tables) => keepFeedSecret(tables, randomBytes(FEED_SECRET_BYTES)));
  }
  return { watch, read: (from, options) => pollFeed(() => look(from), state.sleepers, options), secret };
}

function ack(state: State, token: string, { deadLetters = [], requeue = [] }: Remainder = {}): 'acked' | 'stale' {
  const elements = requeue.map((element) => newRecord(element, element.stampMs));
  const isAcked = opened(state).write((tables) =>
    ackClaim(tables, token, { deadLetters, elements }, epochMs(state.clock)),
  );
  if (isAcked && elements.length > 0) state.sleepers.wake();
  return isAcked ? 'acked' : 'stale';
}

/** All that the smallest push does before it writes; a large one may still be refused. */
function check(state: State): QueueCheck {
  epochMs(state.clock);
  const environment = opened(state);
  environment.requireSpace(1);
  return { ...environment.space(), warnings: [] };
}

async function wait(
  state: State,
  threshold: BatchThreshold,
  options: CallOptions & { timeoutMs: number },
): Promise<boolean> {
  const { signal, timeoutMs } = options;
  // A duration, so by the clock that nobody sets.
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    throwIfAborted(signal, 'waiting for a batch');
    if (opened(state).read((tables) => isBatchDue(tables, threshold, epochMs(state.clock)))) return true;
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) return false;
    await state.sleepers.sleep(Math.min(leftMs, POLL_MS), signal);
  }
}

function close(state: State): void {
  if (state.isClosed) return;
  // Pushes that were accepted into this turn's commit are not cut off.
  while (state.pending.length > 0) commitPending(state);
  state.isClosed = true;
  state.sleepers.wake();
  state.environment.close();
}
