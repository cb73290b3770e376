/**
 * The messages that one handle has received and nobody has claimed yet. SQS has no way to look: whoever wants to know what is there takes
 * it, and hides it from others for as long as a lease.
 *
 * ```
 *  queued --- receive ---> in hand --- take ---> claimed (claims.ts)
 *     ^                       |
 *     +-- lease ended, or -----
 *         given back: nobody wanted it any more
 * ```
 * What is in hand is renewed every third of its lease. It is given back where a batch was due and nobody claimed it, or nobody waits any
 * more, for {@link GIVE_BACK_LEASES} leases: so a consumer that cannot write keeps nothing from those that can.
 *
 * Leases are measured by the clock that nobody sets, from before the request that began them: they end for us a little before they end for
 * the service.
 * @module
 */
import { MAX_CLAIM_BYTES } from '../../../limits.js';
import type { BatchThreshold, ClaimLimits } from '../../../ports/queue.js';
import type { SqsApi } from './api.js';
import { hiddenSeconds, hideMessages } from './batches.js';
import { type Delivered, headOf, type MessageHead } from './frame.js';
import { receiveMessages } from './receive.js';

/** Receives at once while there is more than they bring. */
const MAX_RECEIVES = 8;

/** Messages in hand, at most: of the 120,000 that a queue lets all its consumers have. */
const MAX_HELD_MESSAGES = 10_000;

/** Bytes of messages in hand, at most; what they unpack to is bounded by the claim. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

/** Leases after which what nobody wants is given back. */
const GIVE_BACK_LEASES = 2;

/** A received message. */
export interface Message extends Delivered {
  readonly head: MessageHead;
  /** When it came, by our own clock. */
  readonly cameMs: number;
  attempts: number;
  /** Of its last delivery: only by that it can be deleted. */
  handle: string;
  /** When its lease ends, by our own clock. */
  endsMs: number;
}

/** The messages in hand of one handle of a queue. */
export interface Hands {
  /**
   * Receives until there is enough for a claim, or there is no more.
   * @param options.waitSeconds - how long the first request waits for something.
   * @returns how many came.
   */
  gather(limits: Enough, options: { readonly leaseMs: number; readonly waitSeconds: number }): Promise<number>;
  /** Takes the oldest that fit; at least one, if there is any. They are the caller's from now on. */
  take(limits: ClaimLimits): Message[];
  /** Whether a batch is due, and how long until it is, milliseconds; infinite where nothing is in hand. */
  dueInMs(threshold: BatchThreshold): number;
  /** Somebody wants what is in hand. */
  want(): void;
  readonly size: number;
  readonly readings: number;
  /** Gives everything back, once what is on its way has come. */
  close(): Promise<void>;
}

/** What a claim takes at most. */
type Enough = Pick<ClaimLimits, 'maxReadings'>;

/** What hands need to know of their queue. */
export interface HandsContext {
  readonly api: SqsApi;
  /** By no clock that anybody sets, milliseconds. */
  readonly nowMs: () => number;
  /** Epoch milliseconds. */
  readonly epochMs: () => number;
  /** The message that was claimed already and has not ended: it came twice. */
  readonly claimedMessage: (id: string) => Message | undefined;
  /** Hears of each message. */
  readonly onSeen: (head: MessageHead) => void;
  /** The lease of what is in hand and not claimed. */
  readonly leaseMs: number;
}

/** Nothing is in hand at first. */
export function createHands(context: HandsContext): Hands {
  const { api, nowMs, epochMs, leaseMs: ownLeaseMs } = context;
  const held = new Map<string, Message>();
  const receiving = new Set<Promise<unknown>>();
  let [readings, bytes] = [0, 0];
  let wantedMs = nowMs();
  let renewing: Promise<unknown> = Promise.resolve();
  let isClosed = false;
  const timer = setInterval(() => {
    renewing = tend().catch(() => undefined);
  }, ownLeaseMs / 3);
  // Nobody's program is kept from ending by it.
  timer.unref();

  function add(message: Message): void {
    held.set(message.id, message);
    readings += message.head.readings;
    bytes += message.body.length;
  }

  function drop(message: Message): void {
    if (held.get(message.id) !== message) return;
    held.delete(message.id);
    readings -= message.head.readings;
    bytes -= message.body.length;
  }

  function dropEnded(): void {
    const now = nowMs();
    for (const message of [...held.values()]) if (message.endsMs <= now) drop(message);
  }

  async function receive(leaseMs: number, waitSeconds: number): Promise<number> {
    const fromMs = nowMs();
    const messages = await receiveMessages(api, { hiddenSeconds: hiddenSeconds(leaseMs), waitSeconds });
    dropEnded();
    for (const received of messages) {
      const message: Message = {
        ...received,
        head: headOf(received.body),
        cameMs: nowMs(),
        endsMs: fromMs + leaseMs,
      };
      context.onSeen(message.head);
      const earlier = held.get(message.id) ?? context.claimedMessage(message.id);
      if (earlier === undefined) add(message);
      // It came twice. Only the last delivery can be deleted.
      else [earlier.handle, earlier.attempts] = [message.handle, message.attempts];
    }
    return messages.length;
  }

  async function tend(): Promise<void> {
    dropEnded();
    if (held.size === 0) return;
    if (nowMs() - wantedMs > GIVE_BACK_LEASES * ownLeaseMs) return await giveBack();
    const fromMs = nowMs();
    const messages = [...held.values()];
    const lost = await hideMessages(api, messages, ownLeaseMs);
    for (const message of messages) message.endsMs = fromMs + ownLeaseMs;
    for (const message of lost) drop(message);
  }

  async function giveBack(): Promise<void> {
    const messages = [...held.values()];
    for (const message of messages) drop(message);
    if (messages.length > 0) await hideMessages(api, messages, 0);
  }

  function hasRoom({ maxReadings }: Enough): boolean {
    return readings < maxReadings && held.size < MAX_HELD_MESSAGES && bytes < MAX_HELD_BYTES && !isClosed;
  }

  return {
    async gather(limits, { leaseMs, waitSeconds }) {
      let came = 0;
      dropEnded();
      for (let width = 1; hasRoom(limits); width = Math.min(MAX_RECEIVES, 2 * width)) {
        const round = Promise.all(Array.from({ length: width }, () => receive(leaseMs, came === 0 ? waitSeconds : 0)));
        receiving.add(round);
        try {
          const brought = (await round).reduce((sum, count) => sum + count, 0);
          if (brought === 0) break;
          came += brought;
        } finally {
          receiving.delete(round);
        }
      }
      return came;
    },
    take({ maxReadings, maxBytes, maxElements }) {
      dropEnded();
      const taken: Message[] = [];
      const sum = { readings: 0, bytes: 0, elements: 0 };
      for (const message of [...held.values()].sort((a, b) => a.sentMs - b.sentMs)) {
        sum.readings += message.head.readings;
        sum.bytes += message.head.bytes;
        sum.elements += message.head.elements;
        const isOver =
          sum.readings > maxReadings || sum.bytes > Math.min(maxBytes, MAX_CLAIM_BYTES) || sum.elements > maxElements;
        if (isOver && taken.length > 0) break;
        taken.push(message);
        drop(message);
      }
      return taken;
    },
    dueInMs({ readings: enough, ageMs }) {
      dropEnded();
      if (held.size === 0) return Number.POSITIVE_INFINITY;
      const all = [...held.values()];
      const isAgain = all.some(({ attempts }) => attempts > 1);
      if (readings >= enough || isAgain || !hasRoom({ maxReadings: enough })) return 0;
      // Whichever is sooner: the service's clock may be ahead of ours.
      const [ours, now] = [epochMs(), nowMs()];
      const ages = all.map(({ sentMs, cameMs }) => Math.max(ours - sentMs, now - cameMs));
      return Math.max(0, ageMs - ages.reduce((oldest, age) => Math.max(oldest, age), 0));
    },
    want() {
      wantedMs = nowMs();
    },
    get size() {
      return held.size;
    },
    get readings() {
      return readings;
    },
    async close() {
      isClosed = true;
      clearInterval(timer);
      await Promise.allSettled([...receiving, renewing]);
      // A queue that cannot be reached shows them again by itself.
      await giveBack().catch(() => undefined);
    },
  };
}
