/**
 * What the service tells of a queue: how it is set, and about how much is in it.
 * @module
 */
import { DAY_MS } from '../../../limits.js';
import type { QueueCheck, QueueDepth, QueueWarning } from '../../../ports/queue.js';
import { UNKNOWN_SPACE } from '../../../ports/space.js';
import type { SqsApi } from './api.js';
import type { MessageHead } from './frame.js';

/** Answers younger than this are told again, milliseconds: health asks for check and depth in a row, and the service charges for each. */
const KNOWN_MS = 1_000;

/** Days after which the service deletes what nobody has consumed; the most that it can be set to. */
const BEST_RETENTION_DAYS = 14;

/**
 * Deliveries after which a message may be set aside. Every batch that is given back counts as one: an hour without a disk is some hundred.
 */
const MIN_RECEIVES = 100;

/** The service's bound, characters; queues that were made before it was raised have a quarter of it. */
const MAX_MESSAGE_LENGTH = 1_048_576;

/** How a queue is set, and what is in it. */
export interface SqsFacts {
  /** Messages that can be received now, and those that somebody has in hand, about. */
  readonly visible: number;
  readonly inFlight: number;
  readonly retentionMs: number;
  /** Characters of a message. */
  readonly maxLength: number;
  /** `null`: nothing is ever set aside. */
  readonly redrive: { readonly deadQueueArn: string; readonly maxReceives: number } | null;
}

/** Asks for facts; an answer that is young enough is told again. */
export interface SqsAttributes {
  get(maxAgeMs?: number): Promise<SqsFacts>;
}

/** Nothing is known at first. */
export function createAttributes(api: SqsApi): SqsAttributes {
  let known: { readonly facts: SqsFacts; readonly atMs: number } | null = null;
  let asking: Promise<SqsFacts> | null = null;

  async function ask(): Promise<SqsFacts> {
    const { Attributes } = await api.call('GetQueueAttributes', { AttributeNames: ['All'] });
    const facts = readFacts((Attributes ?? {}) as Readonly<Record<string, string>>);
    known = { facts, atMs: performance.now() };
    return facts;
  }

  return {
    async get(maxAgeMs = KNOWN_MS) {
      if (known !== null && performance.now() - known.atMs < maxAgeMs) return known.facts;
      asking ??= ask().finally(() => {
        asking = null;
      });
      return await asking;
    },
  };
}

function readFacts(attributes: Readonly<Record<string, string>>): SqsFacts {
  const { ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible, ApproximateNumberOfMessagesDelayed } =
    attributes;
  const { MessageRetentionPeriod, MaximumMessageSize, RedrivePolicy } = attributes;
  return {
    visible: count(ApproximateNumberOfMessages) + count(ApproximateNumberOfMessagesDelayed),
    inFlight: count(ApproximateNumberOfMessagesNotVisible),
    retentionMs: count(MessageRetentionPeriod) * 1_000,
    maxLength: Math.min(MAX_MESSAGE_LENGTH, count(MaximumMessageSize) || MAX_MESSAGE_LENGTH),
    redrive: readRedrive(RedrivePolicy),
  };
}

function count(text: string | undefined): number {
  const value = Number(text ?? 0);
  return Number.isFinite(value) ? value : 0;
}

function readRedrive(policy: string | undefined): SqsFacts['redrive'] {
  if (policy === undefined || policy === '') return null;
  try {
    const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(policy) as Readonly<Record<string, unknown>>;
    return { deadQueueArn: String(deadLetterTargetArn), maxReceives: Number(maxReceiveCount) };
  } catch {
    return null;
  }
}

/** Why something failed that goes on by itself; `null`: it did not. */
export interface SqsFailures {
  /** Letters that the service made could not be moved. */
  readonly adopt: string | null;
  /** Letters could not be kept, or counted. */
  readonly letters: string | null;
}

/** What of a queue's settings may lose readings one day, and what failed. */
export function sqsWarnings({ retentionMs, redrive }: SqsFacts, failures: SqsFailures): QueueWarning[] {
  const warnings: QueueWarning[] = [];
  const days = Math.floor(retentionMs / DAY_MS);
  if (retentionMs > 0 && days < BEST_RETENTION_DAYS) {
    warnings.push({
      code: 'sqs_retention',
      message: `SQS deletes readings that no consumer has stored after ${days} ${days === 1 ? 'day' : 'days'}`,
      advice: `set MessageRetentionPeriod to 1209600 (${BEST_RETENTION_DAYS} days)`,
    });
  }
  if (redrive === null) {
    warnings.push({
      code: 'sqs_no_dlq',
      message: 'a message that ends every consumer comes again until SQS deletes it',
      advice: 'give the queue a dead-letter queue, with maxReceiveCount 1000',
    });
  } else if (redrive.maxReceives < MIN_RECEIVES) {
    warnings.push({
      code: 'sqs_redrive',
      message: `readings become dead letters after ${redrive.maxReceives} deliveries, though nothing is wrong with them`,
      advice: 'set maxReceiveCount to 1000: each batch that is given back counts as a delivery',
    });
  }
  if (failures.adopt !== null) {
    warnings.push({
      code: 'sqs_dlq_unread',
      message: 'what SQS itself has set aside cannot be read, and is deleted one day',
      advice: 'see that the dead-letter queue is there, and allow sqs:ReceiveMessage and sqs:DeleteMessage on it',
    });
  }
  if (failures.letters !== null) {
    warnings.push({
      code: 'dead_letters_unavailable',
      message: 'dead letters cannot be kept or counted, so that batches with such readings come again and again',
      advice: 'run hrm dlq list, which says why, and mend that',
    });
  }
  return warnings;
}

/** What a check found: how much room there is, SQS does not say. */
export function checkOf(facts: SqsFacts, failures: SqsFailures): QueueCheck {
  return { ...UNKNOWN_SPACE, warnings: sqsWarnings(facts, failures) };
}

/** Readings in a message: as many as those had that this handle has sent and received lately. */
export interface MeanReadings {
  add(head: Pick<MessageHead, 'readings'>): void;
  readonly mean: number;
}

/** Share of a message in the mean of those before it. */
const MEAN_SHARE = 0.02;

/** One reading a message, as long as none was seen. */
export function createMeanReadings(): MeanReadings {
  let [mean, seen] = [1, 0];
  return {
    add({ readings }) {
      seen += 1;
      mean += (readings - mean) * Math.max(MEAN_SHARE, 1 / seen);
    },
    get mean() {
      return mean;
    },
  };
}

/** What is in a queue, about. @param inHand - messages in hand that no claim holds, and their readings. */
export function depthOf(
  { visible, inFlight }: SqsFacts,
  mean: number,
  inHand: { readonly messages: number; readonly readings: number },
  deadLetters: number | null,
): QueueDepth {
  return {
    readings: Math.round(visible * mean) + inHand.readings,
    claimedReadings: Math.round(Math.max(0, inFlight - inHand.messages) * mean),
    deadLetters,
    endedClaims: 0,
    oldestMs: visible + inHand.messages === 0 ? null : undefined,
    isEstimate: true,
  };
}
