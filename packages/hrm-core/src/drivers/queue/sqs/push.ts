/**
 * Group commit: what is pushed while others are on their way goes together as one message, up to the 64 KiB that are billed as one.
 * @module
 */
import { HrmError, isHrmError, throwIfAborted } from '../../../errors.js';
import type { CallOptions, QueueElement } from '../../../ports/queue.js';
import { type PendingPush, requireReadings, takeGroup } from '../group-commit.js';
import { frameOf } from './frame.js';

/** Messages on their way at once. With fewer than that a push leaves at once; the others gather. */
const MAX_SENDING = 8;

/** Characters that a group comes to, about: below the 64 KiB that are billed as one, whatever compresses a little worse. */
const GROUP_LENGTH = 60 * 1024;

/** Bytes of frames of a group, between these: as many as come to {@link GROUP_LENGTH}, as the last ones did. */
const MIN_GROUP_BYTES = 40 * 1024;
const MAX_GROUP_BYTES = 1024 * 1024;

/** Bytes that wait for the service's answer: one that stopped answering must not fill this process's memory. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

/** Pushes of one handle. */
export interface SqsPusher {
  /** @throws HrmError kind `invalid`, code `invalid_element` or `element_too_large`; kind `unavailable`; kind `closed`. */
  push(elements: readonly QueueElement[], options?: CallOptions): Promise<void>;
  /** Resolves when nothing is on its way any more. */
  settled(): Promise<void>;
}

/**
 * @param send - sends frames as one message, or several where they do not fit into one; tells how long they came to be.
 */
export function createSqsPusher(send: (frames: readonly Buffer[]) => Promise<number>): SqsPusher {
  let pending: PendingPush[] = [];
  let heldBytes = 0;
  let isScheduled = false;
  let groupBytes = MIN_GROUP_BYTES;
  const sending = new Set<Promise<void>>();

  function schedule(): void {
    if (isScheduled || pending.length === 0) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      sendPending();
    });
  }

  function sendPending(): void {
    while (pending.length > 0 && sending.size < MAX_SENDING) {
      const { group, aborted, rest } = takeGroup(pending, groupBytes);
      pending = rest;
      for (const { byteLength } of aborted) heldBytes -= byteLength;
      if (group.length === 0) continue;
      const one = sendGroup(group).finally(() => {
        sending.delete(one);
        schedule();
      });
      sending.add(one);
    }
  }

  async function sendGroup(group: readonly PendingPush[]): Promise<void> {
    const bytes = group.reduce((sum, { byteLength }) => sum + byteLength, 0);
    try {
      const length = await send(group.flatMap(({ records }) => records));
      groupBytes = Math.min(MAX_GROUP_BYTES, Math.max(MIN_GROUP_BYTES, Math.floor((bytes * GROUP_LENGTH) / length)));
      for (const { resolve } of group) resolve();
    } catch (error) {
      // Nothing of the group was sent, and all but one of them may be fine.
      if (group.length > 1 && isHrmError(error) && error.kind === 'invalid')
        for (const one of group) await sendAlone(one);
      else for (const { reject } of group) reject(error);
    } finally {
      heldBytes -= bytes;
    }
  }

  async function sendAlone({ records, resolve, reject }: PendingPush): Promise<void> {
    try {
      await send(records);
      resolve();
    } catch (error) {
      reject(error);
    }
  }

  return {
    async push(elements, { signal } = {}) {
      throwIfAborted(signal, 'pushing to the queue');
      for (const { readings } of elements) requireReadings(readings);
      if (elements.length === 0) return;
      const records = elements.map((element) => frameOf(element));
      const byteLength = records.reduce((sum, record) => sum + record.byteLength, 0);
      if (heldBytes > 0 && heldBytes + byteLength > MAX_HELD_BYTES) throw busyError();
      heldBytes += byteLength;
      await new Promise<void>((resolve, reject) => {
        pending.push({ records, byteLength, signal, resolve, reject });
        schedule();
      });
    },
    async settled() {
      while (pending.length > 0 || sending.size > 0) {
        sendPending();
        await Promise.allSettled(sending);
      }
    },
  };
}

function busyError(): HrmError {
  return new HrmError('SQS takes readings slower than they come: try again in a moment', {
    kind: 'unavailable',
    code: 'queue_busy',
  });
}
