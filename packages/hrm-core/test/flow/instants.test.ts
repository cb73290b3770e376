/** One shape for instants: whatever takes one takes ISO 8601, a Date or epoch milliseconds, and what is given has `timestamp`. */
import { describe, expect, it } from 'vitest';
import { openEmbeddedQueue } from '../../src/drivers/queue/embedded/embedded.js';
import { watch } from '../../src/flow/live/watch.js';
import { enqueue, enqueueUntrusted } from '../../src/flow/write/enqueue.js';
import type { Queue } from '../../src/ports/queue.js';
import { withDirectory } from '../support/temporary-directory.js';

const AT_MS = 1_705_312_800_250;
const ANA = { userId: 'ana', deviceId: 'watch', heartRate: 72 };

/** A queue that keeps what is pushed, as JSON. */
function createPushed(): { readonly queue: Pick<Queue, 'push'>; readonly values: Record<string, unknown>[] } {
  const values: Record<string, unknown>[] = [];
  return {
    queue: { push: async (elements) => void values.push(...elements.map(({ bytes }) => JSON.parse(bytes.toString()))) },
    values,
  };
}

describe('enqueue', () => {
  it.each([
    ['ISO 8601', '2024-01-15T10:00:00.250Z'],
    ['a Date', new Date(AT_MS)],
    ['epoch milliseconds', AT_MS],
  ])('takes %s', async (_, timestamp) => {
    const { queue, values } = createPushed();
    expect(await enqueue({ queue }, { ...ANA, timestamp })).toEqual({ accepted: 1 });
    expect(values).toMatchObject([{ timestamp_ms: AT_MS }]);
  });

  it.each([
    ['no Date', new Date(Number.NaN), /form/],
    ['a part of a millisecond', AT_MS + 0.5, /form/],
    ['no number', Number.NaN, /form/],
    ['what no Date can be', 9e15, /form/],
    ['before 1970', -1, /before 1970/],
    ['after 9999', new Date(253_402_300_800_000), /form/],
    ['far ahead', 253_402_300_799_999, /future/],
  ])('refuses %s, once', async (_, timestamp, message) => {
    const { queue, values } = createPushed();
    await expect(enqueue({ queue }, [{ ...ANA, timestamp }])).rejects.toMatchObject({
      code: 'invalid_readings',
      faults: [{ path: '/0/timestamp', message: expect.stringMatching(message) }],
      faultCount: 1,
    });
    expect(values).toEqual([]);
  });

  it('takes text alone by the names of the wire', async () => {
    const { queue } = createPushed();
    const reading = { user_id: 'ana', device_id: 'watch', heart_rate: 72, timestamp: AT_MS };
    // @ts-expect-error
    await expect(enqueue({ queue }, reading)).rejects.toMatchObject({ faults: [{ path: '/timestamp' }] });
    const camel = { ...ANA, timestamp: AT_MS };
    await expect(enqueue({ queue }, camel, { wireOnly: true })).rejects.toMatchObject({ code: 'invalid_readings' });
  });

  it('has a type that tells what a reading is; what has none goes to enqueueUntrusted', async () => {
    const { queue } = createPushed();
    const misspelt = { userID: 'ana', timestamp: 5 };
    // @ts-expect-error
    await expect(enqueue({ queue }, misspelt)).rejects.toMatchObject({ kind: 'invalid' });
    const unknown: unknown = misspelt;
    // @ts-expect-error
    await expect(enqueue({ queue }, unknown)).rejects.toMatchObject({ kind: 'invalid' });
    await expect(enqueueUntrusted({ queue }, unknown)).rejects.toMatchObject({ kind: 'invalid' });
    const given: unknown = JSON.parse(JSON.stringify({ ...ANA, timestamp: '2024-01-15T10:00:00Z' }));
    expect(await enqueueUntrusted({ queue }, given)).toEqual({ accepted: 1 });
  });
});

it('watch gives an instant as text, too', async () => {
  await withDirectory(async (directory) => {
    const queue = await openEmbeddedQueue({ directory });
    const live = watch({ queue }, { userId: 'ana' });
    await live.position();
    await enqueue({ queue }, { ...ANA, timestamp: new Date(AT_MS) });
    for await (const event of live) {
      expect(event).toMatchObject({ reading: { timestampMs: AT_MS, timestamp: '2024-01-15T10:00:00.250Z' } });
      break;
    }
    await queue.close();
  });
});
