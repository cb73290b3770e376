/**
 * No long piece of work: whatever is asked of it, the process goes on answering everybody else. What it was held up by is measured inside
 * the process, as processor time between two turns of its event loop, so that a busy machine makes no difference.
 */
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { environment, postBatch, type Service, startService, temporaryDirectory } from './support/hrm.js';
import { leastOfTries, MAX_HOSTILE_MS, MAX_PLAIN_MS, type Stalls, watchStalls } from './support/stalls.js';

const START_MS = Date.UTC(2024, 0, 15);

async function start(...parts: string[]): Promise<{ service: Service; stalls: Stalls }> {
  const stalls = watchStalls();
  const env = environment(await temporaryDirectory(), stalls.env);
  const service = await startService(env, '--only', 'api', ...parts);
  await fetch(`${service.url}/health/live`);
  stalls.longestMs();
  return { service, stalls };
}

function readings(count: number, user_id = 'ana') {
  return Array.from({ length: count }, (_, i) => {
    return { user_id, device_id: 'watch', timestamp: new Date(START_MS + i * 1_000).toISOString(), heart_rate: 72 };
  });
}

/** An open stream, of which only the events are counted. */
interface CountedStream {
  readonly readings: () => number;
  readonly gaps: () => number;
}

/** @param after - Last-Event-ID. @returns once the stream has begun. */
async function openStream(url: string, userId: string, after?: string): Promise<CountedStream & { id: string }> {
  const headers = after === undefined ? {} : { 'Last-Event-ID': after };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = get(`${url}/metrics/heart-rate/live?user_id=${userId}`, { headers, agent: false }, resolve);
    request.on('error', reject);
    onTestFinished(() => void request.destroy());
  });
  response.on('error', () => undefined);
  const counts = { reading: 0, gap: 0 };
  let rest = '';
  let id = '';
  response.setEncoding('latin1').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === 'event: reading') counts.reading += 1;
      else if (line === 'event: gap') counts.gap += 1;
      else if (id === '' && line.startsWith('id: ')) id = line.slice(4);
    }
  });
  await expect.poll(() => response.statusCode === 200 && (after !== undefined || id !== '')).toBe(true);
  return { readings: () => counts.reading, gaps: () => counts.gap, id };
}

/** Batches of 10,000 that are valid, plain and hostile, as JSON values. */
const BATCHES: Readonly<Record<string, () => readonly object[]>> = {
  'of one device': () => readings(10_000),
  'of 10,000 users and devices with the longest ids': () =>
    readings(10_000).map((reading, i) => ({ ...reading, ...longIds(i) })),
  'with a long field that is ignored': () =>
    readings(10_000).map((reading) => ({ ...reading, note: 'x'.repeat(1_200) })),
};

function longIds(i: number) {
  return { user_id: `${'u'.repeat(120)}${i}`, device_id: `${'€'.repeat(120)}${i}` };
}

describe('no long piece of work', () => {
  it.each(Object.entries(BATCHES))('in taking batches %s, in either form', async (name, batch) => {
    const { service, stalls } = await start();
    const values = batch();
    const bodies = {
      'application/json': JSON.stringify(values),
      'application/x-ndjson': values.map((value) => JSON.stringify(value)).join('\n'),
    };
    const maxMs = name === 'of one device' ? MAX_PLAIN_MS : MAX_HOSTILE_MS;
    for (const [type, body] of Object.entries(bodies)) {
      const longestMs = await leastOfTries(stalls, maxMs, async () => {
        const headers = { 'content-type': type };
        const response = await fetch(`${service.url}/metrics/heart-rate/batch`, { method: 'POST', headers, body });
        expect([response.status, await response.text()]).toEqual([202, expect.stringContaining('10000')]);
      });
      expect([type, longestMs <= maxMs ? 'short' : longestMs]).toEqual([type, 'short']);
    }
  });

  it('in storing whole claims of a consumer, plain and with the longest ids', async () => {
    const { service, stalls } = await start('--only', 'consumer');
    for (const batch of [readings(10_000), readings(10_000).map((reading, i) => ({ ...reading, ...longIds(i) }))]) {
      for (let i = 0; i < 5; i += 1) expect(await postBatch(service.url, batch)).toBe(202);
    }
    async function waiting(): Promise<number> {
      const { queue } = (await (await fetch(`${service.url}/system`)).json()) as {
        queue: { readings: number; claimed_readings: number };
      };
      return queue.readings + queue.claimed_readings;
    }
    await expect.poll(waiting, { timeout: 60_000 }).toBe(0);
    expect(stalls.longestMs()).toBeLessThanOrEqual(MAX_HOSTILE_MS);
  });

  it('where a hundred come back to the live view at once, from long ago', async () => {
    const { service, stalls } = await start('--only', 'consumer');
    const first = await openStream(service.url, 'ana');
    for (let i = 0; i < 10; i += 1) expect(await postBatch(service.url, readings(10_000, 'ben'))).toBe(202);
    expect(await postBatch(service.url, readings(1))).toBe(202);
    await expect.poll(first.readings).toBe(1);
    stalls.longestMs();
    const again = await Promise.all(Array.from({ length: 100 }, () => openStream(service.url, 'ana', first.id)));
    for (const stream of again)
      await expect.poll(() => stream.readings() + stream.gaps(), { timeout: 60_000 }).toBeGreaterThan(0);
    expect(stalls.longestMs()).toBeLessThanOrEqual(MAX_HOSTILE_MS);
  });

  it('in a batch that 250 live streams show', async () => {
    const { service, stalls } = await start('--only', 'consumer');
    const streams: CountedStream[] = [];
    for (let i = 0; i < 250; i += 1) streams.push(await openStream(service.url, 'ana'));
    expect(await postBatch(service.url, readings(10_000))).toBe(202);
    for (const stream of streams)
      await expect.poll(() => stream.readings() === 10_000 || stream.gaps() > 0, { timeout: 60_000 }).toBe(true);
    await sleep(10);
    expect(stalls.longestMs()).toBeLessThanOrEqual(MAX_HOSTILE_MS);
  });
});
