/**
 * Claims: a batch is moved to a list of its own by several small calls under a token that this side made up, so that
 * every call can be repeated when its reply is lost.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { throwIfAborted } from '../../../errors.js';
import type { CallOptions, Claim, ClaimedElement, ClaimLimits, Remainder } from '../../../ports/queue.js';
import { requireReadings } from '../group-commit.js';
import { requireLease } from '../times.js';
import type { RedisArgument } from './client.js';
import { insist, nowArgument, type RedisContext } from './context.js';
import { packReturned, unpackElement } from './element.js';
import { SCRIPTS } from './scripts.js';

/** Bytes moved by one call: the server serves nobody else meanwhile. 50,000 elements at once took 85 ms. */
const CALL_BYTES = 1024 * 1024;

/** Claims that one call finds ended and tries to take over; each one lost is somebody else's success. */
const MAX_TAKE_OVERS = 1_000;

/** What this handle knows of its claims. */
export interface Claims {
  claim(limits: ClaimLimits, options?: CallOptions): Promise<Claim | null>;
  renew(token: string, leaseMs: number): Promise<'renewed' | 'stale'>;
  ack(token: string, remainder?: Remainder): Promise<'acked' | 'stale'>;
  release(token: string): Promise<'released' | 'stale'>;
}

interface State {
  readonly context: RedisContext;
  /** Tokens of claims that failed without an answer: they may hold elements, which the next claim under them gets. */
  readonly unresolved: string[];
  /** Token -> until when nobody else can have taken the claim over, by this process's monotonic clock. */
  readonly heldUntilMs: Map<string, number>;
}

/** The claims of one handle. */
export function createClaims(context: RedisContext): Claims {
  const state: State = { context, unresolved: [], heldUntilMs: new Map() };
  return {
    claim: (limits, options) => claim(state, limits, options),
    renew: (token, leaseMs) => renew(state, token, leaseMs),
    ack: (token, remainder) => ack(state, token, remainder),
    release: (token) => release(state, token),
  };
}

async function claim(state: State, limits: ClaimLimits, { signal }: CallOptions = {}): Promise<Claim | null> {
  throwIfAborted(signal, 'claiming a batch');
  requireLease(limits.leaseMs);
  const token = state.unresolved.pop() ?? randomUUID();
  try {
    return await claimAs(state, token, limits, signal);
  } catch (error) {
    if (signal?.aborted) await release(state, token).catch(() => undefined);
    else state.unresolved.push(token);
    throw error;
  }
}

async function claimAs(
  state: State,
  token: string,
  limits: ClaimLimits,
  signal: AbortSignal | undefined,
): Promise<Claim | null> {
  const { context } = state;
  const elements: ClaimedElement[] = [];
  for (let takeOvers = 0; takeOvers < MAX_TAKE_OVERS; ) {
    throwIfAborted(signal, 'claiming a batch');
    const sentMs = performance.now();
    const [status, ...rest] = await claimMore(context, token, limits, elements.length);
    if (status === 'empty') return null;
    if (status === 'ended') {
      takeOvers += 1;
      await takeOver(context, String(rest[0]), token, limits.leaseMs);
      continue;
    }
    if (status === 'stale') {
      // So slow that the lease ended half-way, and the batch is somebody else's: whatever comes next is a new one.
      elements.length = 0;
      continue;
    }
    const [isWhole, stampMs, attempts, stored] = rest;
    for (const one of stored as Buffer[]) elements.push(unpackElement(one, Number(stampMs), Number(attempts)));
    if (isWhole === 0) continue;
    if (elements.length > 0) {
      state.heldUntilMs.set(token, sentMs + limits.leaseMs);
      return { token, elements };
    }
    // Somebody deleted its elements by hand.
    await ack(state, token);
  }
  return null;
}

/** One call of claim.lua: its status as a string, and what follows it. */
async function claimMore(
  context: RedisContext,
  token: string,
  { leaseMs, maxReadings, maxBytes, maxElements }: ClaimLimits,
  received: number,
): Promise<[string, ...unknown[]]> {
  const { queue, claims, processing, count, batch } = context.keys;
  const limits = [maxReadings, maxBytes, maxElements].map((limit) => Math.min(limit, Number.MAX_SAFE_INTEGER));
  const { reply } = await insist(
    context,
    SCRIPTS.claim,
    [queue, claims, batch(token), processing, count],
    [nowArgument(context), token, leaseMs, received, ...limits, CALL_BYTES],
  );
  const [status, ...rest] = reply as unknown[];
  return [String(status), ...rest];
}

/** Somebody else may be first; then the next call of claim.lua tells what is there. */
async function takeOver(context: RedisContext, ended: string, token: string, leaseMs: number): Promise<void> {
  const { claims, batch } = context.keys;
  const args = [nowArgument(context), ended, token, leaseMs];
  await insist(context, SCRIPTS.takeOver, [claims, batch(ended), batch(token)], args);
}

async function renew(state: State, token: string, leaseMs: number): Promise<'renewed' | 'stale'> {
  requireLease(leaseMs);
  const { context, heldUntilMs } = state;
  const sentMs = performance.now();
  const { reply } = await insist(context, SCRIPTS.renew, [context.keys.claims], [nowArgument(context), token, leaseMs]);
  if (reply !== 1) return 'stale';
  if (heldUntilMs.has(token)) heldUntilMs.set(token, sentMs + leaseMs);
  return 'renewed';
}

async function ack(
  state: State,
  token: string,
  { deadLetters = [], requeue = [] }: Remainder = {},
): Promise<'acked' | 'stale'> {
  for (const { readings } of requeue) requireReadings(readings);
  const { context, heldUntilMs } = state;
  const { claims, batch, queue, dead } = context.keys;
  const args: RedisArgument[] = [nowArgument(context), token, deadLetters.length];
  for (const { reason, stampMs, attempts, bytes } of deadLetters) {
    args.push(reason, stampMs, attempts, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }
  for (const element of requeue) args.push(packReturned(element));
  const { reply, isRepeated } = await insist(context, SCRIPTS.ack, [claims, batch(token), queue, dead], args);
  const isHeld = performance.now() < (heldUntilMs.get(token) ?? 0);
  heldUntilMs.delete(token);
  // Nobody else can have had it: the acknowledgement whose reply was lost had been executed.
  return reply === 1 || (isRepeated && isHeld) ? 'acked' : 'stale';
}

async function release(state: State, token: string): Promise<'released' | 'stale'> {
  const { context, heldUntilMs } = state;
  const { claims, batch } = context.keys;
  const nobody = randomUUID();
  const keys = [claims, batch(token), batch(nobody)];
  const { reply, isRepeated } = await insist(context, SCRIPTS.release, keys, [token, nobody]);
  const isHeld = performance.now() < (heldUntilMs.get(token) ?? 0);
  heldUntilMs.delete(token);
  return reply === 1 || (isRepeated && isHeld) ? 'released' : 'stale';
}
