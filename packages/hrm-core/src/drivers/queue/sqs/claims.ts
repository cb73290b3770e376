/**
 * Claims: messages in the hands of one consumer, hidden from all others.
 *
 * A token is the service's receipt handles themselves, so that it is good in any handle of the queue. Whether a claim still holds is judged
 * by the handle that made it, by its own clock: the service deletes nothing by a stale receipt handle, and says that it did.
 * @module
 */
import { randomUUID } from 'node:crypto';
import type { Claim, ClaimedElement, ClaimLimits, DeadLetterInput, Remainder } from '../../../ports/queue.js';
import { requireReadings } from '../group-commit.js';
import { requireLease } from '../times.js';
import type { SqsApi } from './api.js';
import { deleteMessages, hideMessages } from './batches.js';
import { frameOf, unpack } from './frame.js';
import type { Hands, Message } from './hands.js';

/** What a message needs to be deleted, or hidden. */
interface Held {
  readonly handle: string;
}

interface OwnClaim {
  messages: Message[];
  endsMs: number;
}

/** The claims of one handle of a queue. */
export interface SqsClaims {
  claim(limits: ClaimLimits): Promise<Claim | null>;
  renew(token: string, leaseMs: number): Promise<'renewed' | 'stale'>;
  ack(token: string, remainder?: Remainder): Promise<'acked' | 'stale'>;
  release(token: string): Promise<'released' | 'stale'>;
  /** A message of a claim that holds. */
  messageOf(id: string): Message | undefined;
}

/** What claims are made of. */
export interface ClaimsContext {
  readonly api: SqsApi;
  readonly hands: () => Hands;
  readonly nowMs: () => number;
  /** How long a claim waits where nothing is in hand, seconds: a request that does not wait asks only some of the service's servers. */
  readonly waitSeconds: number;
  /** Keeps dead letters. */
  readonly keep: (letters: readonly DeadLetterInput[], claim: string) => Promise<void>;
  /** Sends frames to the end of the queue. */
  readonly send: (frames: readonly Buffer[]) => Promise<unknown>;
}

/** No claim is made at first. */
export function createSqsClaims(context: ClaimsContext): SqsClaims {
  const { api, nowMs } = context;
  const instance = randomUUID();
  const claims = new Map<string, OwnClaim>();
  const messages = new Map<string, Message>();

  function forget(token: string): OwnClaim | undefined {
    const claim = claims.get(token);
    claims.delete(token);
    for (const { id } of claim?.messages ?? []) messages.delete(id);
    return claim;
  }

  function remember(token: string, claim: OwnClaim): void {
    claims.set(token, claim);
    for (const message of claim.messages) messages.set(message.id, message);
  }

  function forgetEnded(): void {
    const now = nowMs();
    for (const [token, { endsMs }] of claims) if (endsMs <= now) forget(token);
  }

  /** The messages of a claim that holds, as far as can be told; `null`: it does not. */
  async function messagesOf(token: string): Promise<readonly Held[] | null> {
    forgetEnded();
    const own = claims.get(token);
    if (own !== undefined) return own.messages;
    const handles = token.startsWith(instance) ? null : readToken(token);
    if (handles === null) return null;
    // Another handle's: the service tells which are hidden by these receipt handles, if any.
    const lost = await hideMessages(api, handles, FOREIGN_LEASE_MS);
    return lost.length > 0 ? null : handles;
  }

  async function claim(limits: ClaimLimits): Promise<Claim | null> {
    requireLease(limits.leaseMs);
    const hands = context.hands();
    hands.want();
    forgetEnded();
    const { leaseMs } = limits;
    const startMs = nowMs();
    if (hands.size === 0) await hands.gather(limits, { leaseMs, waitSeconds: context.waitSeconds });
    const fromMs = nowMs();
    const taken = hands.take(limits);
    // What came just now has the right lease; that of everything else begins anew.
    const stale = taken.filter(({ endsMs }) => endsMs < startMs + leaseMs || endsMs > fromMs + leaseMs);
    const lost = new Set(stale.length > 0 ? await hideMessages(api, stale, leaseMs) : []);
    for (const message of stale) message.endsMs = fromMs + leaseMs;
    const own = taken.filter((message) => !lost.has(message));
    if (own.length === 0) return null;
    const elements: ClaimedElement[] = [];
    for (const message of own) for (const element of await unpack(message)) elements.push(element);
    const token = `${instance}.${writeToken(own)}`;
    const endsMs = own.reduce((first, message) => Math.min(first, message.endsMs), fromMs + leaseMs);
    remember(token, { messages: own, endsMs });
    return { token, elements };
  }

  return {
    claim,
    messageOf(id) {
      forgetEnded();
      return messages.get(id);
    },
    async renew(token, leaseMs) {
      requireLease(leaseMs);
      const held = await messagesOf(token);
      if (held === null) return 'stale';
      const fromMs = nowMs();
      const lost = new Set(await hideMessages(api, held, leaseMs));
      const own = claims.get(token);
      if (own === undefined) return lost.size > 0 ? 'stale' : 'renewed';
      for (const { id } of own.messages.filter((message) => lost.has(message))) messages.delete(id);
      // What is somebody else's comes again, which is harmless: the others are still ours.
      own.messages = own.messages.filter((message) => !lost.has(message));
      own.endsMs = fromMs + leaseMs;
      if (own.messages.length > 0) return 'renewed';
      forget(token);
      return 'stale';
    },
    async ack(token, { deadLetters = [], requeue = [] } = {}) {
      for (const { readings } of requeue) requireReadings(readings);
      const held = await messagesOf(token);
      if (held === null) return 'stale';
      if (deadLetters.length > 0) await context.keep(deadLetters, token);
      if (requeue.length > 0) await context.send(requeue.map((element) => frameOf(element, element.stampMs)));
      const own = claims.get(token);
      await deleteMessages(api, own?.messages ?? held);
      forget(token);
      return 'acked';
    },
    async release(token) {
      const held = await messagesOf(token);
      if (held === null) return 'stale';
      const own = forget(token);
      await hideMessages(api, own?.messages ?? held, 0);
      return 'released';
    },
  };
}

/** How long the claim of another handle, which acknowledges by this one, may take for it, milliseconds. */
const FOREIGN_LEASE_MS = 30_000;

function writeToken(own: readonly Held[]): string {
  return Buffer.from(JSON.stringify(own.map(({ handle }) => handle))).toString('base64url');
}

function readToken(token: string): readonly Held[] | null {
  try {
    const handles: unknown = JSON.parse(Buffer.from(token.slice(token.indexOf('.') + 1), 'base64url').toString());
    if (!Array.isArray(handles) || handles.length === 0) return null;
    return handles.map((handle) => ({ handle: String(handle) }));
  } catch {
    return null;
  }
}
