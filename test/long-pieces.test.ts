/**
 * No long piece of work: whatever is asked of it, the process goes on answering everybody else. What it was held up by is measured inside
 * the process, as processor time between two turns of its event loop, so that a busy machine makes no difference.
 */
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { environment, postBatch, type Service, startService, temporaryDirectory } from './support/hrm.js';
import { type Stalls, watchStalls } from './support/stalls.js';

/** Milliseconds of processor time in one piece, for what is valid and hostile. */
const MAX_PIECE_MS = 50;

const START_MS = Date.UTC(2024, 0, 15);

async function start(settings: Record<string, string> = {}): Promise<{ service: Service; stalls: Stalls }> {
  const stalls = watchStalls();
  const env = environment(await temporaryDirectory(), { ...settings, ...stalls.env });
  const service = await startService(env, '--only', 'api', '--only', 'consumer');
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

describe('no long piece of work', () => {
  it('in a batch that a hundred live streams show', async () => {
    const { service, stalls } = await start();
    const streams: CountedStream[] = [];
    for (let i = 0; i < 100; i += 1) streams.push(await openStream(service.url, 'ana'));
    expect(await postBatch(service.url, readings(10_000))).toBe(202);
    for (const stream of streams)
      await expect.poll(() => stream.readings() === 10_000 || stream.gaps() > 0, { timeout: 60_000 }).toBe(true);
    await sleep(10);
    expect(stalls.longestMs()).toBeLessThanOrEqual(MAX_PIECE_MS);
  });
});
