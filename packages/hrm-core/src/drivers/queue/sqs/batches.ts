/**
 * What is done to many messages: ten at a time, and each of the ten may fail by itself.
 * @module
 */
import { HrmError } from '../../../errors.js';
import { pause } from '../../../waits.js';
import type { SqsApi } from './api.js';

/** Messages of one request; the service's bound. */
const BATCH_MESSAGES = 10;

/** Requests at once. */
const MAX_AT_ONCE = 16;

/** Tries for those of a batch that the service could not do now. */
const MAX_TRIES = 4;

/** Before another try, milliseconds, doubled each time. */
const RETRY_MS = 50;

/** The longest that a message can be hidden, seconds; the service's bound. */
const MAX_HIDDEN_S = 43_200;

/** A message in somebody's hands. */
export interface Handle {
  /** By which the service knows this delivery of it. */
  readonly handle: string;
}

/** Deletes messages. A handle that is stale deletes nothing, and nobody is told. @throws HrmError kind `unavailable`, where some remain. */
export async function deleteMessages(api: SqsApi, messages: readonly Handle[]): Promise<void> {
  await applyToAll(api, 'DeleteMessageBatch', messages, {});
}

/**
 * Hides messages for some time from now on; 0: shows them.
 * @returns those that are not ours any more.
 * @throws HrmError kind `unavailable`.
 */
export async function hideMessages<T extends Handle>(api: SqsApi, messages: readonly T[], ms: number): Promise<T[]> {
  return await applyToAll(api, 'ChangeMessageVisibilityBatch', messages, { VisibilityTimeout: hiddenSeconds(ms) });
}

/** Whole seconds, as the service counts. */
export function hiddenSeconds(ms: number): number {
  return Math.min(MAX_HIDDEN_S, Math.ceil(ms / 1_000));
}

async function applyToAll<T extends Handle>(
  api: SqsApi,
  action: string,
  messages: readonly T[],
  parameters: Readonly<Record<string, number>>,
): Promise<T[]> {
  const refused: T[] = [];
  let next = 0;
  async function work(): Promise<void> {
    for (let from = next; from < messages.length; from = next) {
      next = from + BATCH_MESSAGES;
      for (const one of await applyToTen(api, action, messages.slice(from, next), parameters)) refused.push(one);
    }
  }
  await Promise.all(Array.from({ length: MAX_AT_ONCE }, work));
  return refused;
}

/** @returns those that the service refuses for what they are. */
async function applyToTen<T extends Handle>(
  api: SqsApi,
  action: string,
  ten: readonly T[],
  parameters: Readonly<Record<string, number>>,
): Promise<T[]> {
  const refused: T[] = [];
  let left = ten;
  for (let tries = 1; left.length > 0; tries += 1) {
    const Entries = left.map(({ handle }, index) => ({ Id: String(index), ReceiptHandle: handle, ...parameters }));
    const { Failed } = await api.call(action, { Entries });
    const failed = Array.isArray(Failed) ? (Failed as { Id?: unknown; SenderFault?: unknown }[]) : [];
    const again: T[] = [];
    for (const { Id, SenderFault } of failed) {
      const message = left[Number(Id)];
      if (message === undefined) continue;
      if (SenderFault === true) refused.push(message);
      else again.push(message);
    }
    if (again.length > 0 && tries >= MAX_TRIES) throw partialError(action, again.length);
    left = again;
    if (left.length > 0) await pause(RETRY_MS * 2 ** tries);
  }
  return refused;
}

function partialError(action: string, count: number): HrmError {
  const message = `SQS could not do ${action} for ${count} of its messages: they come again, which is harmless`;
  return new HrmError(message, { kind: 'unavailable', code: 'queue_unavailable' });
}
