/**
 * The queue in Amazon SQS, or in what speaks like it: for many producers and consumers on many machines, without a server of one's own.
 *
 * ```
 *  push ---> one message of many elements ---> SQS ---> in hand (hands.ts) ---> claimed (claims.ts) ---> deleted
 *            (push.ts, frame.ts)                ^            |                       |
 *                                               +------------+-----------------------+---> dead letters, in a place
 *                                                 given back, lease ended, redriven          of their own (letters.ts)
 * ```
 * docs/design/sqs.md says what SQS cannot promise, and why nothing depends on it.
 * @module
 */
import { DEFAULTS } from '../../../defaults.js';
import { HrmError, isHrmError, throwIfAborted } from '../../../errors.js';
import { DAY_MS } from '../../../limits.js';
import { type Clock, systemClock } from '../../../ports/clock.js';
import type { DeadLetterPlace } from '../../../ports/dead-letter-place.js';
import type { DeadLetterInput, Queue, QueueDepth, QueueWarning } from '../../../ports/queue.js';
import { createAwsClient } from '../../aws/client.js';
import { type Credentials, credentialsOf } from '../../aws/credentials.js';
import type { Exchange } from '../../aws/exchange.js';
import { epochMs } from '../times.js';
import { siblingUrl, sqsAddress } from './address.js';
import { createAdopter } from './adopt.js';
import { createSqsApi } from './api.js';
import { checkOf, createAttributes, createMeanReadings, depthOf, sqsWarnings } from './attributes.js';
import { createSqsClaims } from './claims.js';
import { headOf, packFrames } from './frame.js';
import { createHands } from './hands.js';
import { lettersOf, sqsDeadLetters } from './letters.js';
import { peekMessages } from './peek.js';
import { watchPlace } from './place.js';
import { createSqsPusher } from './push.js';
import { receiveMessages } from './receive.js';
import { sqsStoreMemory } from './store-memory.js';
import { createWaits } from './wait.js';

export { bothPlaces } from '../../letters/both.js';
export { openDeadLetterBucket } from '../../letters/bucket.js';
export { hasDeadLetters, openDeadLetterDirectory } from '../../letters/directory.js';

/** Where a queue of SQS is, and what it needs beside it. */
export interface SqsQueueOptions {
  /** The URL of a standard queue, as SQS tells it: `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`. */
  readonly url: string;
  /** Where dead letters are kept: as `openDeadLetterBucket` makes it where the data are in S3, else `openDeadLetterDirectory`. */
  readonly deadLetters: DeadLetterPlace;
  /** `AWS_*` variables: keys, region, endpoint; default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** The lease of what was received and not claimed yet, milliseconds; default 30,000. Best that of the claims, and 3,000 at least: below it no request waits for messages. */
  readonly leaseMs?: number | undefined;
  /** How long a request waits for messages, whole seconds, 0 to 20; default 5. Closing takes as long. */
  readonly waitSeconds?: number | undefined;
  readonly credentials?: Credentials | undefined;
  /** Measures leases and ages; for tests. */
  readonly clock?: Clock | undefined;
  /** The way to the service; default by HTTP. Tests let it fail. */
  readonly exchange?: Exchange | undefined;
  /** How long a first store's identity settles, milliseconds; for tests. */
  readonly settleMs?: number | undefined;
}

/**
 * Opens a queue in SQS. `push` resolves when SQS has the readings, which it keeps on several machines.
 * @throws HrmError kind `unavailable`, code `queue_unavailable` or `queue_denied`; kind `invalid` for a URL or keys that are none.
 */
export async function openSqsQueue(options: SqsQueueOptions): Promise<Queue> {
  // In JavaScript nobody else says so before the first bad reading.
  if (typeof options.deadLetters?.put !== 'function')
    throw new HrmError(
      'a queue in SQS needs a place for its dead letters: give `deadLetters`, or open the queue by `openQueue` of hrm-core/open',
      {
        kind: 'invalid',
        code: 'invalid_settings',
      },
    );
  const clients = connect(options);
  try {
    // A queue that is not there, or wrong keys, are told at once.
    const { maxLength } = await clients.attributes.get();
    return createQueue(options, clients, maxLength);
  } catch (error) {
    clients.close();
    throw error;
  }
}

/** What a queue of SQS says of itself, for a person who looks after it. */
export interface SqsReport {
  readonly region: string;
  readonly host: string;
  /** The variable of the environment by which it is there, and not at the URL's host; `null`: none. */
  readonly endpointFrom: string | null;
  /** Its clock less this machine's, milliseconds, where requests were refused for it; else 0. */
  readonly clockAheadMs: number;
  /** What one request took, milliseconds: the least of three. */
  readonly roundTripMs: number;
  /** Days after which the service deletes what nobody has consumed. */
  readonly retentionDays: number;
  /** What of it could lose accepted readings. */
  readonly warnings: readonly QueueWarning[];
}

/**
 * Asks a queue for what `Queue.check` has no word for; changes nothing.
 * @throws as {@link openSqsQueue}.
 */
export async function describeSqs(options: Omit<SqsQueueOptions, 'deadLetters'>): Promise<SqsReport> {
  const clients = connect(options);
  const { attributes, address, main, close } = clients;
  try {
    let roundTripMs = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 3; round += 1) {
      const beganMs = performance.now();
      await attributes.get(0);
      roundTripMs = Math.min(roundTripMs, performance.now() - beganMs);
    }
    const facts = await attributes.get(Number.POSITIVE_INFINITY);
    const { region, endpoint, endpointFrom } = address;
    const dead = await deadQueueOf(clients);
    const adopt = dead === null ? null : await failureOf(() => receiveMessages(dead, ONLY_SHOWN));
    const warnings = sqsWarnings(facts, { adopt, letters: null });
    return {
      region,
      host: endpoint.host,
      endpointFrom,
      clockAheadMs: main.skewMs,
      roundTripMs,
      retentionDays: Math.round(facts.retentionMs / DAY_MS),
      warnings,
    };
  } finally {
    close();
  }
}

/** Messages stay where they are, and nobody waits. */
const ONLY_SHOWN = { hiddenSeconds: 0, waitSeconds: 0 };

/** Why it cannot be done now; `null`: it can. */
async function failureOf(work: () => Promise<unknown>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (!isHrmError(error)) throw error;
    return error.message;
  }
}

/** Two ways, since requests that wait for messages must not hold up those that push: a service that says "slow" allows one at once. */
function connect({ url, env = process.env, credentials, clock, exchange }: Omit<SqsQueueOptions, 'deadLetters'>) {
  const address = sqsAddress(url, env);
  const { endpoint, region } = address;
  const settings = {
    endpoint,
    region,
    service: 'sqs',
    credentials: credentials ?? credentialsOf(env),
    clock,
    exchange,
  };
  const [main, receiving] = [createAwsClient(settings), createAwsClient(settings)];
  const api = createSqsApi(main, url);
  return {
    address,
    main,
    api,
    receiving: createSqsApi(receiving, url),
    attributes: createAttributes(api),
    close() {
      main.close();
      receiving.close();
    },
  };
}

type Clients = ReturnType<typeof connect>;

/** What the methods of one queue share. */
function createParts(options: SqsQueueOptions, clients: Clients, maxLength: number) {
  const { leaseMs = DEFAULTS.leaseMs, waitSeconds = WAIT_S, clock } = options;
  const { api, receiving, attributes } = clients;
  const closing = new AbortController();
  const means = createMeanReadings();
  const place = watchPlace(options.deadLetters);
  const nowMs = clock === undefined ? () => performance.now() : () => clock.nowMs();
  const wallMs = () => epochMs(clock ?? systemClock);
  function requireOpen(): void {
    if (closing.signal.aborted) throw new HrmError('The queue was closed', { kind: 'closed', code: 'queue_closed' });
  }
  async function send(frames: readonly Buffer[]): Promise<number> {
    const messages = await packFrames(frames, maxLength);
    let length = 0;
    for (const message of messages) {
      means.add(headOf(message));
      length += message.length;
      await api.call('SendMessage', { MessageBody: message });
    }
    return length;
  }
  async function keep(letters: readonly DeadLetterInput[], scope: string): Promise<void> {
    await place.put(lettersOf(letters, scope, wallMs()));
  }
  const adopter = createAdopter({ deadQueue: () => deadQueueOf(clients), keep });
  const oneSecond = Math.min(1, waitSeconds);
  const claims = createSqsClaims({ api, hands: () => hands, nowMs, waitSeconds: oneSecond, keep, send });
  const hands = createHands({
    api: receiving,
    nowMs,
    epochMs: wallMs,
    claimedMessage: claims.messageOf,
    onSeen: means.add,
    leaseMs,
  });
  return {
    closing,
    requireOpen,
    adopter,
    claims,
    hands,
    waits: createWaits({ hands, requireOpen, leaseMs, waitSeconds, closing: closing.signal }),
    pusher: createSqsPusher(send),
    deadLetters: sqsDeadLetters({ place, send, adopt: adopter.adopt, requireOpen }),
    store: sqsStoreMemory(api, requireOpen, options.settleMs),
    async depth(): Promise<QueueDepth> {
      const [facts, dead] = await Promise.all([attributes.get(), place.lastCount()]);
      return depthOf(facts, means.mean, { messages: hands.size, readings: hands.readings }, dead);
    },
    check: async () => checkOf(await attributes.get(), { adopt: adopter.failure, letters: place.failure }),
  };
}

function createQueue(options: SqsQueueOptions, clients: Clients, maxLength: number): Queue {
  const parts = createParts(options, clients, maxLength);
  const { closing, requireOpen, adopter, claims, hands, waits, pusher, deadLetters, store } = parts;
  /** What only an open queue does, and what may be news for those who wait. */
  async function whileOpen<T>(work: () => Promise<T>): Promise<T> {
    requireOpen();
    const result = await work();
    waits.wake();
    return result;
  }
  return {
    push: (elements, callOptions) => whileOpen(() => pusher.push(elements, callOptions)),
    wait: waits.wait,
    async claim(limits, { signal } = {}) {
      requireOpen();
      throwIfAborted(signal, 'claiming from the queue');
      adopter.adoptSometimes();
      return await claims.claim(limits);
    },
    peek: ({ limit }) => whileOpen(() => peekMessages(clients.api, limit)),
    renew: (token, leaseMs) => whileOpen(() => claims.renew(token, leaseMs)),
    ack: (token, remainder) => whileOpen(() => claims.ack(token, remainder)),
    release: (token) => whileOpen(() => claims.release(token)),
    depth: () => whileOpen(parts.depth),
    check: () => whileOpen(parts.check),
    deadLetters,
    store,
    feed: null,
    async close() {
      if (closing.signal.aborted) return;
      closing.abort();
      await Promise.all([pusher.settled(), hands.close(), adopter.settled()]);
      clients.close();
    },
  };
}

/** How long a request waits for messages, seconds. Its end cannot be hurried: what an abandoned one takes is hidden for a whole lease. */
const WAIT_S = 5;

/** How old what is known of a queue's dead-letter queue may be, milliseconds. */
const REDRIVE_KNOWN_MS = 60_000;

/** The queue that the service moves to what was received too often. */
async function deadQueueOf({ main, attributes, address }: Clients) {
  const { redrive } = await attributes.get(REDRIVE_KNOWN_MS);
  const url = redrive === null ? null : siblingUrl(address.queueUrl, redrive.deadQueueArn);
  return url === null ? null : createSqsApi(main, url);
}
