/**
 * The batcher of the client: what it sends together, and what it rejects alone.
 */
import { join } from 'node:path';
import { type BatcherOptions, type Client, createBatcher, createClient } from 'hrm-core/client';
import { createKey } from 'hrm-core/keys';
import { describe, expect, it } from 'vitest';
import { input } from './client-support.js';
import { startTest, temporaryDirectory } from './support.js';

describe('a batcher', () => {
  /** A client that remembers what it sent, and accepts it when told to. */
  function recording(fail: (batch: readonly unknown[]) => unknown = () => null) {
    const sent: number[] = [];
    const enqueue = (async (readings: readonly unknown[]) => {
      sent.push(readings.length);
      await new Promise((resolve) => setTimeout(resolve, 5));
      const error = fail(readings);
      if (error !== null) throw error;
      return { accepted: readings.length };
    }) as Client['enqueue'];
    return { sent, client: { enqueue } };
  }

  it('sends when a batch is full, when it is old, and when it is told to', async () => {
    const { sent, client } = recording();
    const batcher = createBatcher(client, { maxReadings: 3, maxAgeMs: 20 });
    await Promise.all([0, 1, 2].map((i) => batcher.add(input(i))));
    await batcher.add(input(3));
    const last = batcher.add(input(4));
    await batcher.close();
    await last;
    expect(sent).toEqual([3, 1, 1]);
    await expect(batcher.add(input(5))).rejects.toMatchObject({ kind: 'closed' });
  });

  it('rejects the bad readings, each with its own faults, and sends the others', async () => {
    const { url, queue } = await startTest();
    const batcher = createBatcher(createClient({ url }), { maxReadings: 500 });
    const results = await Promise.allSettled(
      Array.from({ length: 500 }, (_, i) => batcher.add(input(i, i % 3 === 0 ? 7 : 70))),
    );
    for (const [i, result] of results.entries()) {
      expect(result.status).toBe(i % 3 === 0 ? 'rejected' : 'fulfilled');
      if (result.status === 'rejected')
        expect(result.reason).toMatchObject({ code: 'invalid_readings', faults: [{ path: '/heart_rate' }] });
    }
    expect(await queue.depth()).toMatchObject({ readings: 333 });
    await batcher.close();
  });

  it('has a bound, tells when there is room, and rejects what could not be sent', async () => {
    const { client } = recording();
    const batcher = createBatcher(client, { maxReadings: 2, maxPending: 4, maxAgeMs: 10_000 });
    const added = [0, 1, 2, 3].map((i) => batcher.add(input(i)));
    await expect(batcher.add(input(4))).rejects.toMatchObject({ kind: 'unavailable', code: 'batcher_full' });
    await batcher.room();
    const late = batcher.add(input(5));
    await batcher.close();
    await Promise.all([...added, late]);

    const error = Object.assign(new Error('no'), { name: 'HrmError', kind: 'unavailable', code: 'x', faults: [] });
    const broken = createBatcher(recording(() => error).client, { maxReadings: 2 });
    const results = await Promise.allSettled([broken.add(input(0)), broken.add(input(1))]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await broken.close();
  });

  it('rejects alone what JSON cannot say', async () => {
    const { url, queue } = await startTest();
    const batcher = createBatcher(createClient({ url }));
    const bad = { ...input(1), heartRate: 72n as unknown as number };
    const added = Promise.allSettled([input(0), bad, input(2)].map((one) => batcher.add(one)));
    await batcher.flush();
    const results = await added;
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { kind: 'invalid', code: 'invalid_readings', faults: [{ path: '' }] } });
    expect(await queue.depth()).toMatchObject({ readings: 2 });
  });

  it('rejects alone the users whom its key is not bound to', async () => {
    const keysFile = join(await temporaryDirectory(), 'keys.json');
    const userIds = ['ana', 'bo', 'cy', 'di', 'ed'];
    const { token } = await createKey(keysFile, { name: 'k', scopes: ['ingest'], userIds, expiresMs: null });
    const { url, queue } = await startTest({ keysFile });
    const batcher = createBatcher(createClient({ url, apiKey: token }));
    const users = ['ana', 'bo', 'eve', 'cy', 'ana', 'di', 'eve', 'ed', 'mallory'];
    // Neither null nor a bad reading among them changes that.
    const readings = [...users.map((userId, i) => ({ ...input(i), userId })), null as never, input(0, 7)];
    const added = Promise.allSettled(readings.map((one) => batcher.add(one)));
    await batcher.close();
    const results = await added;
    const codes = results.map((result) => (result.status === 'rejected' ? result.reason.code : 'accepted'));
    const expected = users.map((userId) => (userIds.includes(userId) ? 'accepted' : 'foreign_user'));
    expect(codes).toEqual([...expected, 'invalid_readings', 'invalid_readings']);
    expect(await queue.depth()).toMatchObject({ readings: 6 });
  });

  it.each<BatcherOptions>([
    { maxReadings: 0 },
    { maxReadings: -1 },
    { maxReadings: Number.NaN },
    { maxReadings: 0.5 },
    { maxReadings: 10_001 },
    { maxReadings: '5' as unknown as number },
    { maxAgeMs: -1 },
    { maxAgeMs: Number.NaN },
    { maxAgeMs: 2 ** 31 },
    { maxPending: 0 },
    { maxPending: Number.NaN },
    { maxPending: Number.POSITIVE_INFINITY },
  ])('does not begin with %j, which would stop it or never end', (options) => {
    const told = expect.objectContaining({ kind: 'invalid', code: 'invalid_options' });
    expect(() => createBatcher(recording().client, options)).toThrow(told);
  });
});
