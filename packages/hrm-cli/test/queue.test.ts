import { enqueue } from 'hrm-core';
import { openEmbeddedQueue } from 'hrm-core/embedded';
import { openRedisQueue } from 'hrm-core/redis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRedis } from '../../../test/support/redis-server.js';
import { makeSandbox, type Sandbox } from './hrm.js';

const READING = { user_id: 'ana', device_id: 'watch', timestamp: '2024-01-15T10:00:00Z', heart_rate: 72 };
const WIRE = { device_id: 'watch', user_id: 'ana', timestamp_ms: 1_705_312_800_000, heart_rate: 72, received_ms: 5e11 };
const clock = { nowMs: () => 5e11 };
const OPTIONS = { maxFutureMs: 1e13 };

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

describe('hrm queue peek', () => {
  it('shows batches and single readings as JSON, and leaves them there', async () => {
    const queue = await openEmbeddedQueue({ directory: sandbox.queueDir });
    await enqueue({ queue, clock }, READING, OPTIONS);
    await enqueue({ queue, clock }, [READING, { ...READING, heart_rate: 73 }], OPTIONS);
    await queue.push([{ bytes: Uint8Array.of(0xff, 0x1b), readings: 1 }]);
    await queue.close();
    for (let times = 0; times < 2; times += 1) {
      const { code, stdout } = await sandbox.run(['queue', 'peek', '--json']);
      expect(code).toBe(0);
      const { items, count } = JSON.parse(stdout);
      expect(count).toBe(3);
      expect(JSON.parse(items[0].text)).toEqual(WIRE);
      expect(JSON.parse(items[1].text)).toEqual([WIRE, { ...WIRE, heart_rate: 73 }]);
      expect(items[1]).toMatchObject({ readings: 2, byte_length: expect.any(Number) });
      expect(items[2]).toEqual({ readings: 1, byte_length: 2, base64: '/xs=' });
    }
    const { stdout } = await sandbox.run(['queue', 'peek', '--limit', '2']);
    expect(stdout).toMatch(
      /^1 reading, \d+ bytes:\n\{"device_id".*\}\n2 readings, \d+ bytes:\n\[\{.*\]\n2 elements\n$/,
    );
    expect((await sandbox.run(['drain', '--all', '--json'])).stdout).toContain('"claimed":4');
    expect((await sandbox.run(['queue', 'peek'])).stdout).toBe('0 elements\n');
    expect((await sandbox.run(['queue', 'peek', '--json'])).stdout).toBe('{"items":[],"count":0}\n');
  });

  it('shows a batch as JSON too that an older consumer set aside, and stores it after its redrive', async () => {
    const queue = await openEmbeddedQueue({ directory: sandbox.queueDir });
    await enqueue({ queue, clock }, [READING, { ...READING, heart_rate: 73 }], OPTIONS);
    const claim = await queue.claim({ maxReadings: 10, maxBytes: 1e6, maxElements: 10, leaseMs: 60_000 });
    const deadLetters = (claim?.elements ?? []).map((element) => ({ ...element, reason: 'not_json: as it was said' }));
    expect(await queue.ack(claim?.token ?? '', { deadLetters })).toBe('acked');
    await queue.close();
    const { items } = JSON.parse((await sandbox.run(['dlq', 'list', '--json'])).stdout);
    const { stdout } = await sandbox.run(['dlq', 'show', items[0].id, '--json']);
    expect(JSON.parse(JSON.parse(stdout).text)).toEqual([WIRE, { ...WIRE, heart_rate: 73 }]);
    await sandbox.run(['dlq', 'redrive', '--all']);
    expect(JSON.parse((await sandbox.run(['drain', '--all', '--json'])).stdout)).toMatchObject({
      claimed: 2,
      dead_lettered: 0,
    });
  });

  it('shows what waits in Redis', async () => {
    const redis = await startRedis();
    const queue = await openRedisQueue({ server: redis.url });
    await enqueue({ queue, clock }, [READING, READING], OPTIONS);
    await queue.close();
    const { stdout } = await sandbox.run(['queue', 'peek', '--redis-url', redis.url, '--json']);
    const { items } = JSON.parse(stdout);
    expect(items).toHaveLength(1);
    expect(JSON.parse(items[0].text)).toEqual([WIRE, WIRE]);
    await redis.stop();
  });

  it.each(['0', '1001', 'x'])('refuses a limit of "%s"', async (limit) => {
    const { code, stderr } = await sandbox.run(['queue', 'peek', `--limit=${limit}`]);
    expect(code).toBe(2);
    expect(stderr).toContain('it must be an integer from 1 to 1000');
  });
});
