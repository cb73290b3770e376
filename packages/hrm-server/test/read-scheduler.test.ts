import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createReadScheduler } from 'hrm-core/shares';
import { describe, expect, it } from 'vitest';
import { createLinger } from '../src/http/connections/linger.js';
import { MAX_LINGERING, MAX_TURN_LINGER_BYTES } from '../src/limits.js';

const CHUNK_BYTES = 64 * 1024;

/** A sender who never ends. */
function endless(): Readable {
  return new Readable({
    read() {
      this.push(Buffer.alloc(CHUNK_BYTES));
    },
  });
}

describe('a line in which bodies are read', () => {
  it('reads so much a turn of all of them, and owners take turns', async () => {
    // A clock that stands still makes no rate.
    const scheduleRead = createReadScheduler({ turnBytes: 4 * CHUNK_BYTES, nowMs: () => 0 });
    const read = { busy: 0, other: 0 };
    const bodies = Array.from({ length: 50 }, endless);
    for (const body of bodies) scheduleRead(body, 'busy', (chunk) => (read.busy += chunk.length));
    await nextTurn();
    const other = endless();
    scheduleRead(other, 'other', (chunk) => (read.other += chunk.length));
    const before = read.busy;
    const turns = 10;
    for (let i = 0; i < turns; i += 1) await nextTurn();
    // A turn may have been under way, and the last of its reads may bring more than is left.
    expect(read.busy + read.other - before).toBeLessThanOrEqual((turns + 1) * 6 * CHUNK_BYTES);
    expect(read.other).toBeGreaterThan((read.busy - before) / 4);
    for (const body of [...bodies, other]) body.destroy();
  });

  it('reads no faster than its rate, whatever comes', async () => {
    let nowMs = 0;
    const scheduleRead = createReadScheduler({ turnBytes: 2 ** 30, bytesPerSecond: 2 ** 20, nowMs: () => nowMs });
    let bytes = 0;
    const body = endless();
    const stop = scheduleRead(body, 'ana', (chunk) => (bytes += chunk.length));
    await expect.poll(() => bytes).toBeGreaterThanOrEqual(2 ** 20);
    const first = bytes;
    for (let i = 0; i < 20; i += 1) await nextTurn();
    expect(bytes).toBe(first);
    nowMs += 1_000;
    await expect.poll(() => bytes).toBeGreaterThanOrEqual(2 ** 20 + first);
    expect(bytes).toBeLessThan(3 * 2 ** 20);
    stop();
    body.destroy();
  });

  it('gives all of a body, in order, and its end', async () => {
    const scheduleRead = createReadScheduler({ turnBytes: 10 });
    const body = new PassThrough();
    let text = '';
    scheduleRead(body, 'ana', (chunk) => (text += chunk.toString()));
    const parts = Array.from({ length: 100 }, (_, i) => `${i},`);
    for (const part of parts) {
      body.write(part);
      if (part.startsWith('5')) await nextTurn();
    }
    const ended = new Promise((resolve) => body.on('end', resolve));
    body.end();
    await ended;
    expect(text).toBe(parts.join(''));
  });
});

/** A refused request whose body goes on and on. */
function refuse(linger: ReturnType<typeof createLinger>) {
  const state = { bytes: 0, isCut: false };
  const body = new Readable({
    highWaterMark: 1,
    read() {
      state.bytes += CHUNK_BYTES;
      this.push(Buffer.alloc(CHUNK_BYTES));
    },
  });
  const socket = {
    remoteAddress: '127.0.0.1',
    bytesRead: 0,
    destroySoon: () => undefined,
    end: () => undefined,
    destroy: () => {
      state.isCut = true;
      body.destroy();
    },
  };
  const outgoing = new EventEmitter();
  const incoming = Object.assign(body, { socket, complete: false });
  linger.ofBody(incoming as unknown as IncomingMessage, outgoing as unknown as ServerResponse);
  outgoing.emit('prefinish');
  socket.destroySoon();
  return { state, body };
}

describe('refused bodies that are read on', () => {
  it('are little of a turn, however many they are', async () => {
    const linger = createLinger({ lingerMs: 10_000 });
    const all = Array.from({ length: 100 }, () => refuse(linger));
    const count = () => all.reduce((sum, { state }) => sum + state.bytes, 0);
    await nextTurn();
    const before = count();
    const turns = 10;
    for (let i = 0; i < turns; i += 1) await nextTurn();
    expect(count() - before).toBeLessThanOrEqual((turns + 1) * (MAX_TURN_LINGER_BYTES + CHUNK_BYTES));
    expect(count()).toBeGreaterThan(before);
    for (const { body } of all) body.destroy();
  });

  it('are so many at once, and the oldest gives way', () => {
    const linger = createLinger({ lingerMs: 10_000 });
    const all = Array.from({ length: MAX_LINGERING + 2 }, () => refuse(linger));
    expect(all.map(({ state }) => state.isCut).lastIndexOf(true)).toBe(1);
    for (const { body } of all) body.destroy();
  });
});
