/**
 * Random histories of a queue that promises no order: every element is somewhere, in one place, and comes again until it is acknowledged.
 * @module
 */
import assert from 'node:assert/strict';
import type { Queue } from '../ports/queue.js';
import { element, seededRandom, texts } from './queue-support.js';

interface HeldClaim {
  readonly queue: Queue;
  readonly token: string;
  readonly names: readonly string[];
  endsMs: number;
}

interface Model {
  nowMs: number;
  nextItem: number;
  /** Names of elements that were pushed, and neither acknowledged nor set aside. */
  readonly queued: Set<string>;
  /** Stamps of those that an acknowledgement put back. */
  readonly stamps: Map<string, number>;
  readonly dead: Map<string, string>;
  claims: HeldClaim[];
  readonly lost: { readonly queue: Queue; readonly token: string }[];
}

type UpTo = (limit: number) => number;

/** Longer than any lease here, milliseconds. */
const ALL_LEASES_MS = 40_000;

/** Looks at the queue before what is missing is taken for lost. */
const MAX_DRAIN_ROUNDS = 200;

/** As `checkRandomHistory`, without what is true only of ordered queues. */
export async function checkLooseHistory(
  handles: readonly Queue[],
  advance: (ms: number) => Promise<void> | void,
  seed: number,
  steps: number,
): Promise<void> {
  const random = seededRandom(seed);
  const upTo = (limit: number) => Math.floor(random() * limit);
  const model: Model = {
    nowMs: 0,
    nextItem: 0,
    queued: new Set(),
    stamps: new Map(),
    dead: new Map(),
    claims: [],
    lost: handles.map((queue) => ({ queue, token: 'never a token' })),
  };
  const calls = [pushSome, pushSome, claimSome, claimSome, ackOne, releaseOne, renewOne, moveDead, useLost];
  for (let step = 0; step < steps; step += 1) {
    const queue = handles[upTo(handles.length)];
    const call = calls[upTo(calls.length)];
    assert.ok(queue !== undefined && call !== undefined);
    await call(model, queue, upTo);
    if (upTo(4) > 0) continue;
    const ms = 1 + upTo(1_500);
    await advance(ms);
    model.nowMs += ms;
  }
  for (let round = 0; model.queued.size > 0; round += 1) {
    assert.ok(round < MAX_DRAIN_ROUNDS, `lost: ${[...model.queued].join()}`);
    const queue = handles[round % handles.length];
    assert.ok(queue !== undefined);
    await claimSome(model, queue, upTo);
    if (living(model).length === 0) {
      await advance(ALL_LEASES_MS);
      model.nowMs += ALL_LEASES_MS;
    }
    while (living(model).length > 0) await ackOne(model, queue, () => 0);
  }
  for (const queue of handles) assert.equal(await queue.claim({ ...WIDE, leaseMs: 1_000 }), null);
}

const WIDE = { maxReadings: 1_000, maxBytes: 1_000_000, maxElements: 1_000 };

function living(model: Model): HeldClaim[] {
  return model.claims.filter((claim) => claim.endsMs > model.nowMs);
}

function pickLiving(model: Model, upTo: UpTo): HeldClaim | undefined {
  const claims = living(model);
  return claims[upTo(claims.length)];
}

async function pushSome(model: Model, queue: Queue, upTo: UpTo): Promise<void> {
  const items = Array.from({ length: upTo(6) }, () => {
    model.nextItem += 1;
    return { name: `${model.nextItem}${'✗'.repeat(upTo(20))}`, readings: 1 + upTo(9) };
  });
  await queue.push(items.map(({ name, readings }) => element(name, readings)));
  for (const { name } of items) model.queued.add(name);
}

async function claimSome(model: Model, queue: Queue, upTo: UpTo): Promise<void> {
  const leaseMs = 1_000 + upTo(3_000);
  const limits = { maxReadings: 1 + upTo(60), maxBytes: 1 + upTo(4_000), maxElements: 1 + upTo(16), leaseMs };
  const claim = await queue.claim(limits);
  if (claim === null) return;
  const names = texts(claim);
  assert.ok(names.length > 0, 'an empty claim');
  const held = new Set(living(model).flatMap((one) => one.names));
  for (const [index, name] of names.entries()) {
    assert.ok(model.queued.has(name), `${name} was acknowledged before, or comes twice`);
    assert.ok(!held.has(name), `${name} is in another claim`);
    held.add(name);
    const stampMs = model.stamps.get(name);
    if (stampMs !== undefined) assert.equal(claim.elements[index]?.stampMs, stampMs, 'a stamp changed');
  }
  for (const ended of model.claims.filter(({ endsMs }) => endsMs <= model.nowMs)) model.lost.push(ended);
  model.claims = living(model);
  model.claims.push({ queue, token: claim.token, names, endsMs: model.nowMs + leaseMs });
}

async function ackOne(model: Model, _: Queue, upTo: UpTo): Promise<void> {
  const claim = pickLiving(model, upTo);
  if (claim === undefined) return;
  const bad = claim.names.slice(0, upTo(3));
  const putBack = claim.names.slice(bad.length, bad.length + upTo(4));
  const deadLetters = bad.map((name) => ({ reason: 'bad ✗', bytes: element(name).bytes, stampMs: 1, attempts: 1 }));
  const requeue = putBack.map((name) => ({ ...element(name, 1 + upTo(9)), stampMs: 1 + upTo(1_000_000) }));
  assert.equal(await claim.queue.ack(claim.token, { deadLetters, requeue }), 'acked');
  for (const name of claim.names) model.queued.delete(name);
  for (const [index, name] of putBack.entries()) {
    model.queued.add(name);
    model.stamps.set(name, requeue[index]?.stampMs ?? 0);
  }
  forget(model, claim);
  if (bad.length > 0) await findDead(model, claim.queue, bad);
}

async function findDead(model: Model, queue: Queue, bad: readonly string[]): Promise<void> {
  const all = await queue.deadLetters.list({ limit: 1_000 });
  assert.equal(all.length, model.dead.size + bad.length);
  assert.deepEqual(
    all.map(({ id }) => id),
    all.map(({ id }) => id).sort(),
  );
  const names = new Map(all.map(({ id, bytes }) => [JSON.parse(Buffer.from(bytes).toString()).text as string, id]));
  for (const name of bad) {
    const id = names.get(name);
    assert.ok(id !== undefined, `no letter of ${name}`);
    model.dead.set(name, id);
  }
}

async function releaseOne(model: Model, _: Queue, upTo: UpTo): Promise<void> {
  const claim = pickLiving(model, upTo);
  if (claim === undefined) return;
  assert.equal(await claim.queue.release(claim.token), 'released');
  forget(model, claim);
}

async function renewOne(model: Model, _: Queue, upTo: UpTo): Promise<void> {
  const claim = pickLiving(model, upTo);
  if (claim === undefined) return;
  const leaseMs = 1_000 + upTo(3_000);
  assert.equal(await claim.queue.renew(claim.token, leaseMs), 'renewed');
  claim.endsMs = model.nowMs + leaseMs;
}

function forget(model: Model, claim: HeldClaim): void {
  model.claims.splice(model.claims.indexOf(claim), 1);
  model.lost.push(claim);
}

async function moveDead(model: Model, queue: Queue, upTo: UpTo): Promise<void> {
  const moved = [...model.dead].slice(0, upTo(3));
  const ids = moved.map(([, id]) => id);
  const isRedriven = upTo(2) === 0;
  assert.equal(await queue.deadLetters[isRedriven ? 'redrive' : 'purge'](ids), moved.length);
  for (const [name] of moved) {
    model.dead.delete(name);
    if (!isRedriven) continue;
    model.queued.add(name);
    model.stamps.set(name, 1);
  }
}

/** By the handle that had it: another cannot know. */
async function useLost(model: Model, _: Queue, upTo: UpTo): Promise<void> {
  const lost = model.lost[upTo(model.lost.length)];
  assert.ok(lost !== undefined);
  const { queue, token } = lost;
  assert.equal(await queue.renew(token, 1_000_000), 'stale');
  assert.equal(await queue.release(token), 'stale');
  const deadLetter = { reason: 'lost', bytes: new Uint8Array(), stampMs: 0, attempts: 1 };
  assert.equal(
    await queue.ack(token, { deadLetters: [deadLetter], requeue: [{ ...element('lost'), stampMs: 0 }] }),
    'stale',
  );
}
