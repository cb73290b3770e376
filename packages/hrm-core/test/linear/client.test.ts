/** Linear in hostile answers: what the client reads, of a server that is none of this system, with every shape. */
import { expect, it } from 'vitest';
import { type Feed, type GrowthOptions, growthFaults } from '../../../../test/support/growth.js';
import { createBatcher } from '../../src/client/batcher.js';
import { createClient } from '../../src/client/client.js';
import { baseOf, checkEventId, checkId, checkKey, instantText, userSegment } from '../../src/client/options.js';
import { problemError } from '../../src/client/problem.js';
import { toSystem } from '../../src/client/system.js';
import { parseJson, toDevices, toRow } from '../../src/client/wire.js';
import { HrmError } from '../../src/errors.js';

const HOUR = { userId: 'ana', start: '2024-01-15T10:00:00Z', end: '2024-01-15T11:00:00Z' };

/** A client whose server answers everything with one text, in pieces. */
function answering(text: string, pieceBytes: number) {
  const bytes = Buffer.from(text);
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }
  const send: typeof fetch = async (_, init) => {
    const type = new Headers(init?.headers).get('accept') ?? '';
    return new Response(ReadableStream.from(pieces()), { headers: { 'Content-Type': type } });
  };
  return createClient({ url: 'http://a', fetch: send, retries: 0 });
}

async function readRows(text: string, pieceBytes: number): Promise<void> {
  for await (const _ of answering(text, pieceBytes).query(HOUR));
}

/** The stream's events, until it would be asked for again. */
async function readLive(text: string, pieceBytes: number): Promise<void> {
  const stop = new AbortController();
  const events = answering(`${text}\n\nevent: gap\n\nevent: gap\n\n`, pieceBytes).live(
    { userId: 'ana' },
    { signal: stop.signal },
  );
  for await (const { type } of events) if (type === 'gap') stop.abort();
}

async function refuseBatch(path: string): Promise<void> {
  const error = new HrmError('no', { kind: 'invalid', code: 'invalid_readings', faults: [{ path, message: 'x' }] });
  const batcher = createBatcher({ enqueue: () => Promise.reject(error) }, { maxReadings: 1 });
  await batcher.add({ ...HOUR, deviceId: 'a', timestamp: HOUR.start, heartRate: 72 });
}

const PARSERS: readonly (readonly [name: string, feed: Feed, options?: GrowthOptions])[] = [
  ['rows', (text) => readRows(text, 65_536)],
  ['rows in small pieces', (text) => readRows(text, 16)],
  ['a row', (text) => toRow(parseJson(text))],
  ['the timestamp of a row', (text) => toRow({ timestamp: text })],
  ['events', (text) => readLive(text, 65_536)],
  ['events in small pieces', (text) => readLive(text, 16)],
  ['the data of an event', (text) => readLive(`event: reading\ndata: ${text}`, 65_536)],
  ['when an event says to come back', (text) => readLive(`retry: ${text}`, 65_536)],
  ['a problem', (text) => problemError(400, text)],
  ['when a problem says to come back', (text) => problemError(503, '', text)],
  ['a fault of a batch', (text) => refuseBatch(`/0/${text}`)],
  ['the place of a fault', (text) => refuseBatch(text)],
  ['devices', (text) => toDevices(parseJson(text))],
  ['figures', (text) => toSystem(parseJson(text))],
  ['the URL of the server', (text) => [baseOf(`http://a/${text}`), baseOf(text)]],
  ['an API key', checkKey],
  ['the id of an event', checkEventId],
  ['a user', (text) => [checkId('userId', text), userSegment(text)]],
  ['an instant', (text) => instantText('start', text)],
];

it.each(PARSERS.map(([name, feed, options]) => ({ name, feed, options })))('$name', async ({ feed, options }) => {
  expect(await growthFaults(feed, options)).toEqual([]);
});

it('reads the answers that it makes', async () => {
  const row = { timestamp: HOUR.start, heart_rate: 72, min: 72, max: 72, count: 1, device_ids: ['a'] };
  await readRows(`${`${JSON.stringify(row)}\n`.repeat(3)}{"end":true,"count":3}\n`, 7);
  await expect(readLive('event: reading\ndata: {}', 7)).rejects.toMatchObject({ code: 'bad_answer' });
  const reading = JSON.stringify({ device_id: 'a', timestamp: HOUR.start, heart_rate: 72 });
  await expect(readLive(`id: 1\nevent: reading\ndata: ${reading}`, 7)).rejects.toMatchObject({ code: 'aborted' });
});
