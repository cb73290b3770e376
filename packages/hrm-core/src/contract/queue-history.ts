/**
 * Random histories of a queue against a naive model of the port: lists in memory, nothing shared with any driver.
 * @module
 */
import assert from 'node:assert/strict';
import type { Claim, ClaimLimits, Queue } from '../ports/queue.js';
import { element, seededRandom } from './queue-support.js';

interface Item {
  readonly bytes: Uint8Array;
  readonly readings: number;
  /** Of one that an acknowledgement put back: the stamp it was given. */
  readonly requeuedMs?: number | undefined;
}

interface HeldClaim {
  readonly token: string;
  readonly items: readonly Item[];
  readonly attempts: number;
  endsMs: number;
}

interface Model {
  nowMs: number;
  nextItem: number;
  queued: Item[];
  claims: HeldClaim[];
  dead: { readonly id: string; readonly bytes: Uint8Array }[];
  readonly lostTokens: string[];
}

/**
 * Does `steps` random calls on a fresh queue and compares every answer, and the depth after each, with the model's.
 * @param handles - of one queue; each call takes one of them.
 * @param advance - moves the queue's clock.
 */
export async function checkRandomHistory(
  handles: readonly Queue[],
  advance: (ms: number) => Promise<void> | void,
  seed: number,
  steps: number,
): Promise<void> {
  const random = seededRandom(seed);
  const upTo = (limit: number) => Math.floor(random() * limit);
  const model: Model = { nowMs: 0, nextItem: 0, queued: [], claims: [], dead: [], lostTokens: ['never a token'] };
  const calls = [
    pushSome,
    pushSome,
    claimSome,
    claimSome,
    ackOne,
    releaseOne,
    renewOne,
    redriveSome,
    purgeSome,
    useLost,
  ];
  for (let step = 0; step < steps; step += 1) {
    const queue = handles[upTo(handles.length)];
    const call = calls[upTo(calls.length)];
    assert.ok(queue !== undefined && call !== undefined);
    await call(model, queue, upTo);
    if (upTo(4) === 0) {
      const ms = 1 + upTo(40);
      await advance(ms);
      model.nowMs += ms;
    }
    await compareDepth(model, queue);
  }
  await drain(model, handles, advance);
}

type UpTo = (limit: number) => number;

function readingsOf(items: readonly Item[]): number {
  return items.reduce((sum, item) => sum + item.readings, 0);
}

function living(model: Model): HeldClaim[] {
  return model.claims.filter((claim) => claim.endsMs > model.nowMs);
}

function ended(model: Model): HeldClaim[] {
  return model.claims.filter((claim) => claim.endsMs <= model.nowMs);
}

async function compareDepth(model: Model, queue: Queue): Promise<void> {
  const { oldestMs, ...depth } = await queue.depth();
  const claimable = [...ended(model).flatMap(({ items }) => items), ...model.queued];
  assert.deepEqual(
    { ...depth, isEmpty: oldestMs === null },
    {
      readings: readingsOf(claimable),
      claimedReadings: readingsOf(living(model).flatMap(({ items }) => items)),
      deadLetters: model.dead.length,
      endedClaims: ended(model).length,
      isEmpty: claimable.length === 0,
    },
  );
}

async function pushSome(model: Model, queue: Queue, upTo: UpTo): Promise<void> {
  const items = Array.from({ length: upTo(6) }, () => {
    model.nextItem += 1;
    return element(`${model.nextItem}${'✗'.repeat(upTo(20))}`, 1 + upTo(9));
  });
  await queue.push(items);
  model.queued.push(...items);
}

async function claimSome(model: Model, queue: Queue, upTo: UpTo): Promise<void> {
  const limits = {
    maxReadings: 1 + upTo(30),
    maxBytes: 1 + upTo(2_000),
    maxElements: 1 + upTo(8),
    leaseMs: 5 + upTo(60),
  };
  const claim = await queue.claim(limits);
  const candidates = ended(model);
  if (claim === null) {
    assert.equal(candidates.length + model.queued.length, 0, 'null although there was something to claim');
    return;
  }
  const takenOver = candidates.find(({ items }) => sameBytes(items[0], claim.elements[0]));
  assert.ok(candidates.length === 0 || takenOver !== undefined, 'newer elements came before an ended claim');
  const items = takenOver?.items ?? model.queued.splice(0, expectedLength(model.queued, limits));
  assertElements(claim, items);
  assertRequeued(claim, items, takenOver === undefined);
  if (takenOver !== undefined) {
    model.claims.splice(model.claims.indexOf(takenOver), 1);
    model.lostTokens.push(takenOver.token);
    for (const { attempts } of claim.elements) assert.ok(attempts > takenOver.attempts);
  }
  assert.ok(!model.lostTokens.includes(claim.token), 'a token was used twice');
  const attempts = (takenOver?.attempts ?? 0) + 1;
  model.claims.push({ token: claim.token, items, attempts, endsMs: model.nowMs + limits.leaseMs });
}

function expectedLength(items: readonly Item[], limits: ClaimLimits): number {
  let length = 0;
  for (let readings = 0, byteLength = 0; length < items.length && length < limits.maxElements; length += 1) {
    readings += items[length]?.readings ?? 0;
    byteLength += items[length]?.bytes.byteLength ?? 0;
    if (length > 0 && (readings > limits.maxReadings || byteLength > limits.maxBytes)) break;
  }
  return length;
}

function sameBytes(left: { bytes: Uint8Array } | undefined, right: { bytes: Uint8Array } | undefined): boolean {
  return left !== undefined && right !== undefined && Buffer.compare(left.bytes, right.bytes) === 0;
}

function assertElements(claim: Claim, items: readonly Item[]): void {
  const hex = (elements: readonly { bytes: Uint8Array }[]) =>
    elements.map(({ bytes }) => Buffer.from(bytes).toString('hex'));
  assert.deepEqual(hex(claim.elements), hex(items));
}

function assertRequeued(claim: Claim, items: readonly Item[], isFirstDelivery: boolean): void {
  for (const [index, { requeuedMs }] of items.entries()) {
    if (requeuedMs === undefined) continue;
    const delivered = claim.elements[index];
    assert.equal(delivered?.stampMs, requeuedMs, 'a stamp changed');
    if (isFirstDelivery) assert.equal(delivered.attempts, 1, 'what was put back is a new element');
  }
}

function pickLiving(model: Model, upTo: UpTo): HeldClaim | undefined {
  const claims = living(model);
  return claims[upTo(claims.length)];
}

async function ackOne(model: Model, queue: Queue, upTo: UpTo): Promise<void> {
  const claim = pickLiving(model, upTo);
  if (claim === undefined) return;
  const bad = claim.items.slice(0, upTo(3));
  const deadLetters = bad.map(({ bytes }) => ({ reason: 'bad ✗', bytes, stampMs: 1, attempts: claim.attempts }));
  const putBack = claim.items.slice(bad.length, bad.length + upTo(4)).map((item) => {
    return { bytes: item.bytes, readings: 1 + upTo(9), requeuedMs: 1 + upTo(1_000_000) };
  });
  const requeue = putBack.map(({ bytes, readings, requeuedMs }) => ({ bytes, readings, stampMs: requeuedMs }));
  assert.equal(await queue.ack(claim.token, { deadLetters, requeue }), 'acked');
  model.queued.push(...putBack);
  model.claims.splice(model.claims.indexOf(claim), 1);
  model.lostTokens.push(claim.token);
  const afterId = model.dead.at(-1)?.id;
  const arrived = await queue.deadLetters.list({ afterId, limit: bad.length + 1 });
  assert.equal(arrived.length, bad.length);
  for (const [index, deadLetter] of arrived.entries()) assert.ok(sameBytes(deadLetter, bad[index]));
  model.dead.push(...arrived);
}

async function releaseOne(model: Model, queue: Queue, upTo: UpTo): Promise<void> {
  const claim = pickLiving(model, upTo);
  if (claim === undefined) return;
  assert.equal(await queue.release(claim.token), 'released');
  claim.endsMs = model.nowMs;
}

async function renewOne(model: Model, queue: Queue, upTo: UpTo): Promise<void> {
  const claim = pickLiving(model, upTo);
  if (claim === undefined) return;
  const leaseMs = 5 + upTo(60);
  assert.equal(await queue.renew(claim.token, leaseMs), 'renewed');
  claim.endsMs = model.nowMs + leaseMs;
}

async function redriveSome(model: Model, queue: Queue, upTo: UpTo): Promise<void> {
  const moved = model.dead.splice(0, upTo(3));
  assert.equal(await queue.deadLetters.redrive(moved.map(({ id }) => id)), moved.length);
  model.queued.push(...moved.map(({ bytes }) => ({ bytes, readings: 1 })));
}

async function purgeSome(model: Model, queue: Queue, upTo: UpTo): Promise<void> {
  const purged = model.dead.splice(0, upTo(2));
  const ids = purged.map(({ id }) => id);
  assert.equal(await queue.deadLetters.purge(ids), purged.length);
  assert.equal(await queue.deadLetters.purge(ids), 0);
}

async function useLost(model: Model, queue: Queue, upTo: UpTo): Promise<void> {
  const token = model.lostTokens[upTo(model.lostTokens.length)] ?? '';
  assert.equal(await queue.renew(token, 1_000_000), 'stale');
  assert.equal(await queue.release(token), 'stale');
  const deadLetter = { reason: 'lost', bytes: new Uint8Array(), stampMs: 0, attempts: 1 };
  const element = { bytes: new Uint8Array(), readings: 1, stampMs: 0 };
  assert.equal(await queue.ack(token, { deadLetters: [deadLetter], requeue: [element] }), 'stale');
}

async function drain(
  model: Model,
  handles: readonly Queue[],
  advance: (ms: number) => Promise<void> | void,
): Promise<void> {
  await advance(100);
  model.nowMs += 100;
  const [queue] = handles;
  assert.ok(queue !== undefined);
  for (;;) {
    await claimSome(model, queue, () => 0);
    const claim = living(model)[0];
    if (claim === undefined) break;
    await ackOne(model, queue, () => 0);
  }
  assert.equal(model.queued.length + model.claims.length, 0);
  await compareDepth(model, queue);
}
