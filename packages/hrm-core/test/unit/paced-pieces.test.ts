import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { pacedPieces } from '../../src/import/upload/paced-pieces.js';
import { MAX_UPLOAD_IDLE_MS, MIN_UPLOAD_BYTES_PER_SECOND, UPLOAD_GRACE_MS } from '../../src/limits.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Of the faked clock, for an upload that never ends. */
const MAX_TEST_MS = 1_000_000;

/** A piece every so often, for ever or for so many. */
async function* every(waitMs: number, bytes: number, count = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    yield new Uint8Array(bytes);
  }
}

/** How an upload of these pieces ends: the code of its error or how many bytes came, and after how long. */
async function endOf(pieces: AsyncIterator<Uint8Array>, maxBytes = 1e9) {
  const sinceMs = performance.now();
  let end: { code: string; bytes: number; ms: number } | null = null;
  let bytes = 0;
  async function take(): Promise<string> {
    for await (const piece of pacedPieces(pieces, maxBytes)) bytes += piece.length;
    return 'whole';
  }
  void take()
    .catch((error: { code: string }) => error.code)
    .then((code) => {
      end = { code, bytes, ms: performance.now() - sinceMs };
    });
  while (end === null && performance.now() - sinceMs < MAX_TEST_MS) await vi.advanceTimersByTimeAsync(100);
  return end;
}

it('ends an upload that is silent for longer than it may be, at its beginning and later', async () => {
  const silent = { next: () => new Promise<never>(() => undefined) };
  expect(await endOf(silent)).toEqual({ code: 'request_timeout', bytes: 0, ms: MAX_UPLOAD_IDLE_MS });
  async function* stopping() {
    yield* every(1_000, 1_000_000, 3);
    yield* every(MAX_UPLOAD_IDLE_MS + 1, 1);
  }
  expect(await endOf(stopping())).toEqual({
    code: 'request_timeout',
    bytes: 3_000_000,
    ms: 3_000 + MAX_UPLOAD_IDLE_MS,
  });
  // Just short of that it is no silence, for a file that is small enough to come in its time.
  expect(await endOf(every(MAX_UPLOAD_IDLE_MS - 1, 10, 5))).toMatchObject({ code: 'whole', bytes: 50 });
});

it('ends one that dribbles once its grace is over, and none that comes just fast enough', async () => {
  const dribble = await endOf(every(5_000, 1_000));
  expect(dribble).toEqual({ code: 'request_timeout', bytes: 12_000, ms: UPLOAD_GRACE_MS + 5_000 });
  // Each second it is 16 KiB behind: after four minutes it has used up what the grace gave it ahead.
  const slow = await endOf(every(1_000, (MIN_UPLOAD_BYTES_PER_SECOND * 3) / 4));
  expect(slow).toMatchObject({ code: 'request_timeout', ms: 4 * UPLOAD_GRACE_MS + 1_000 });
  const steady = await endOf(every(1_000, MIN_UPLOAD_BYTES_PER_SECOND, 600));
  expect(steady).toMatchObject({ code: 'whole', ms: 600_000 });
});

it('ends one of more bytes than it may have, and one whose connection breaks', async () => {
  expect(await endOf(every(1, 100, 10), 1_000)).toMatchObject({ code: 'whole', bytes: 1_000 });
  expect(await endOf(every(1, 100, 10), 999)).toMatchObject({ code: 'body_too_large', bytes: 900 });
  const broken = { next: () => Promise.reject(new Error('aborted')) };
  expect(await endOf(broken)).toMatchObject({ code: 'client_gone', bytes: 0 });
});
