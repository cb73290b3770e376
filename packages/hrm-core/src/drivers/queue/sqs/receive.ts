/** Messages as the service delivers them. @module */
import type { SqsAnswer, SqsApi } from './api.js';
import type { Delivered } from './frame.js';

/** Messages of one request; the service's bound. */
const RECEIVE_MESSAGES = 10;

/** A message, and this delivery of it. */
export interface Received extends Delivered {
  /** By which the service knows this delivery. */
  readonly handle: string;
}

/** How messages are received. */
export interface ReceiveOptions {
  /** How long they are hidden from others, whole seconds; 0: they are only shown. */
  readonly hiddenSeconds: number;
  /** How long the service waits for the first, whole seconds. With 0 it asks only some of its servers. */
  readonly waitSeconds: number;
}

const ATTRIBUTES = ['SentTimestamp', 'ApproximateReceiveCount'];

/** Receives up to ten. @throws as the api's calls. */
export async function receiveMessages(api: SqsApi, options: ReceiveOptions): Promise<Received[]> {
  const answer = await api.call('ReceiveMessage', {
    MaxNumberOfMessages: RECEIVE_MESSAGES,
    VisibilityTimeout: options.hiddenSeconds,
    WaitTimeSeconds: options.waitSeconds,
    MessageSystemAttributeNames: ATTRIBUTES,
    // By which older services know it.
    AttributeNames: ATTRIBUTES,
  });
  return Array.isArray(answer.Messages) ? (answer.Messages as SqsAnswer[]).flatMap(readMessage) : [];
}

function readMessage({ MessageId: id, ReceiptHandle: handle, Body: body, Attributes }: SqsAnswer): Received[] {
  if (typeof id !== 'string' || typeof handle !== 'string' || typeof body !== 'string') return [];
  const { SentTimestamp, ApproximateReceiveCount } = (Attributes ?? {}) as SqsAnswer;
  const sentMs = Number(SentTimestamp ?? Date.now());
  return [{ id, handle, body, sentMs, attempts: Math.max(1, Number(ApproximateReceiveCount ?? 1)) }];
}
