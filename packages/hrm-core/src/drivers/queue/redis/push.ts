/**
 * Group commit: what one event-loop turn pushes goes to Redis as one RPUSH (or one script, see feed.ts), in which every
 * push is whole.
 * @module
 */
import { HrmError, throwIfAborted } from '../../../errors.js';
import type { CallOptions, QueueElement } from '../../../ports/queue.js';
import { type PendingPush, requireReadings, takeGroup } from '../group-commit.js';
import { packPushed } from './element.js';

/** Bytes of one RPUSH; what was pushed beyond it goes into the next, which may leave in the same turn. */
const MAX_COMMIT_BYTES = 4 * 1024 * 1024;

/** Bytes that wait for Redis' answer: a server that stopped answering must not fill this process's memory. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

/** Pushes of one handle. */
export interface Pusher {
  /** @throws HrmError kind `invalid`, code `invalid_element`; kind `unavailable`; kind `closed`. */
  push(elements: readonly QueueElement[], options?: CallOptions): Promise<void>;
  /** Resolves when nothing is on its way any more. */
  settled(): Promise<void>;
}

interface State {
  readonly send: (records: Buffer[]) => Promise<unknown>;
  pending: PendingPush[];
  heldBytes: number;
  isScheduled: boolean;
  readonly sending: Set<Promise<void>>;
}

/**
 * @param send - appends records to the queue, all or none.
 * @param nowMs - the time, for the rare element that needs a stamp of its own.
 */
export function createPusher(send: (records: Buffer[]) => Promise<unknown>, nowMs: () => number): Pusher {
  const state: State = { send, pending: [], heldBytes: 0, isScheduled: false, sending: new Set() };
  return {
    async push(elements, { signal } = {}) {
      throwIfAborted(signal, 'pushing to the queue');
      for (const { readings } of elements) requireReadings(readings);
      if (elements.length === 0) return;
      await enqueue(
        state,
        elements.map((element) => packPushed(element, nowMs())),
        signal,
      );
    },
    async settled() {
      sendPending(state);
      await Promise.allSettled(state.sending);
    },
  };
}

function enqueue(state: State, records: readonly Buffer[], signal: AbortSignal | undefined): Promise<void> {
  const byteLength = records.reduce((sum, record) => sum + record.byteLength, 0);
  if (state.heldBytes > 0 && state.heldBytes + byteLength > MAX_HELD_BYTES) throw busyError();
  state.heldBytes += byteLength;
  return new Promise<void>((resolve, reject) => {
    state.pending.push({ records, byteLength, signal, resolve, reject });
    if (state.isScheduled) return;
    state.isScheduled = true;
    setImmediate(() => {
      state.isScheduled = false;
      sendPending(state);
    });
  });
}

function sendPending(state: State): void {
  while (state.pending.length > 0) {
    const { group, aborted, rest } = takeGroup(state.pending, MAX_COMMIT_BYTES);
    state.pending = rest;
    for (const { byteLength } of aborted) state.heldBytes -= byteLength;
    const sending = sendGroup(state, group);
    state.sending.add(sending);
    sending.finally(() => state.sending.delete(sending));
  }
}

async function sendGroup(state: State, group: readonly PendingPush[]): Promise<void> {
  if (group.length === 0) return;
  try {
    await state.send(group.flatMap(({ records }) => records));
    for (const { resolve } of group) resolve();
  } catch (error) {
    for (const { reject } of group) reject(error);
  } finally {
    for (const { byteLength } of group) state.heldBytes -= byteLength;
  }
}

function busyError(): HrmError {
  return new HrmError('Redis takes readings slower than they come: try again in a moment', {
    kind: 'unavailable',
    code: 'queue_busy',
  });
}
