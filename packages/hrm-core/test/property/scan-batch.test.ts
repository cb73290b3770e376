/**
 * A batch read from its bytes is what JSON.parse and the schema make of it: the same verdict, the same columns, the same faults. Bodies are
 * batches written in many ways, and what becomes of them by changes. `HRM_BODIES` makes more of them than the default.
 */
import { expect, it } from 'vitest';
import { expectSame } from '../../../../test/support/same.js';
import { enqueuePlain } from '../../src/flow/write/enqueue.js';
import { createDeviceBound, enqueueBytes, enqueueUntrusted, isHrmError, type QueueElement } from '../../src/index.js';
import type { BatchForm } from '../../src/pure/reading/scan-bytes.js';
import { randomFrom, testSeed } from '../support/random.js';

const BODIES = Number(process.env.HRM_BODIES ?? 4_000);
const NOW_MS = Date.parse('2024-01-15T12:00:00Z');
const clock = { nowMs: () => NOW_MS };
const OPTIONS = { maxFutureMs: 3_600_000, maxPastMs: 86_400_000 } as const;

const IDS = ['ana', 'ben', 'a', 'añа🫀', '\ufeffana', 'x'.repeat(128), 'é'.repeat(128), '\ufffd', "it's {}[],:"];
const BAD_IDS = [
  '',
  'x'.repeat(129),
  'é'.repeat(129),
  'a\u0085',
  'a\u007f',
  '\\ud800',
  'a\\u0000',
  '\\u0061na',
  '\\"',
  'a\tb',
];
const TIMES = [
  '2024-01-15T10:00:00Z',
  '2024-01-15T10:00:00.123Z',
  '2024-01-15T11:00:00.25+01:00',
  '2024-01-15T10:00:00.123456789Z',
  '2024-01-15T12:59:59.999Z',
  '2024-01-14T12:00:00Z',
];
const BAD_TIMES = [
  '2024-01-15T10:00:00',
  '2024-01-15T24:00:00Z',
  '2024-01-15T10:00:60Z',
  '2024-02-30T10:00:00Z',
  '2024-01-15T13:00:01Z',
  '2024-01-14T11:59:59Z',
  '1969-12-31T23:59:59Z',
  '0099-01-15T10:00:00Z',
  '2024-01-15 10:00:00Z',
  '2024-01-15T10:00:00z',
  '2024-01-15T10:00:0éZ',
  '2024-01-15T10:00:00.1é3Z',
  '2024-01-15T10:00:00\\u005a',
  '',
];
const RATES = ['30', '72', '220', '99'];
const BAD_RATES = [
  '29',
  '221',
  '072',
  '7',
  '1000',
  '72.5',
  '72.0',
  '7.2e1',
  '-72',
  '"72"',
  'null',
  '72a',
  '[]',
  '{}',
  'true',
];
const BLANKS = ['', '', '', ' ', '\n', '\r\n', '\t', '  ', ' '.repeat(70)];
const SCRAPS = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  ' ',
  '\n',
  '0',
  'null',
  '\u00a0',
  '\ufeff',
  '"note":1,',
  '"user_id":"ben",',
];

type Pick = <T>(list: readonly T[]) => T;

/** Writes batches; how seldom something is odd in one is drawn for each. */
function createBodies(random: () => number): () => { readonly form: BatchForm; readonly bytes: Buffer } {
  const below = (limit: number) => Math.floor(random() * limit);
  const pick: Pick = (list) => list[below(list.length)] as (typeof list)[number];
  function reading(oddity: number, blank: () => string): string {
    const either = (good: readonly string[], bad: readonly string[]) => pick(random() < oddity ? bad : good);
    const members = [
      `"user_id"${blank()}:${blank()}"${either(IDS, BAD_IDS)}"`,
      `"device_id":${blank()}"${either(IDS, BAD_IDS)}"`,
      `"timestamp":${blank()}"${either(TIMES, BAD_TIMES)}"`,
      `"heart_rate":${blank()}${either(RATES, BAD_RATES)}`,
    ];
    if (random() < 0.3) members.reverse();
    if (random() < 0.2) members.push(...members.splice(below(4), 1));
    if (random() < oddity) members.splice(below(4), 1);
    if (random() < oddity)
      members.push(pick(['"note":1', '"timestamp":7', '"user_id":"ben"', '"heart_rate":72', '"__proto__":{}']));
    return `{${blank()}${members.join(`${blank()},${blank()}`)}${blank()}}`;
  }
  function damaged(bytes: Buffer): Buffer {
    const at = below(bytes.length + 1);
    const kind = below(5);
    if (kind === 0) return bytes.subarray(0, at);
    if (kind === 1) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    if (kind === 2) return Buffer.concat([bytes.subarray(0, at), Buffer.from(pick(SCRAPS)), bytes.subarray(at)]);
    if (kind === 3) return Buffer.concat([bytes.subarray(0, at), Buffer.of(below(256)), bytes.subarray(at)]);
    const flipped = Buffer.from(bytes);
    if (at < flipped.length) flipped[at] = (flipped[at] as number) ^ (1 << below(8));
    return flipped;
  }
  return () => {
    const form = pick(['array', 'lines'] as const);
    const oddity = pick([0, 0, 0.01, 0.1]);
    const spread = pick([0, 0, 0.1, 0.9]);
    const inLine = BLANKS.filter((text) => form === 'array' || !text.includes('\n') || random() < 0.1);
    const blank = () => (random() < spread ? pick(inLine) : '');
    const texts = Array.from({ length: random() < 0.05 ? 0 : 1 + below(12) }, () => reading(oddity, blank));
    const separator = form === 'array' ? ',' : pick(['\n', '\n', '\r\n', '\n\n']);
    const text = texts.join(separator);
    let bytes = Buffer.from(
      form === 'array' ? `${blank()}[${text}${blank()}]${blank()}` : text + pick(['', '\n', ' \n\n']),
    );
    while (random() < 0.4 * Math.min(1, oddity * 20 + 0.5)) bytes = Buffer.from(damaged(bytes));
    return { form, bytes };
  };
}

/** As the server reads what is not plain; what is no JSON is text. */
function parsed(form: BatchForm, bytes: Buffer): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (form === 'array') {
      const items: unknown = JSON.parse(text);
      return Array.isArray(items) ? items : 'no array';
    }
    return text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [JSON.parse(line.trim())]));
  } catch {
    return 'no JSON';
  }
}

/** What is pushed, or the faults. */
async function outcome(take: (queue: { push(elements: readonly QueueElement[]): Promise<void> }) => Promise<unknown>) {
  const pushed: string[] = [];
  const queue = {
    push: async (elements: readonly QueueElement[]) => {
      for (const { bytes, readings } of elements) pushed.push(`${readings} ${Buffer.from(bytes).toString('hex')}`);
    },
  };
  try {
    return { accepted: await take(queue), pushed };
  } catch (error) {
    if (!isHrmError(error)) throw error;
    return { code: error.code, faults: error.faults, faultCount: error.faultCount, pushed };
  }
}

/** What bytes are refused as of which no item can be read. */
const REFUSALS = /^(?:not_json|not_utf8|not_an_array|body_too_large|invalid_readings)$/;

const seed = testSeed();
it(`says of each body what JSON.parse and the schema say, seed ${seed}`, async () => {
  const next = createBodies(randomFrom(seed));
  const counts = { plain: 0, validThough: 0, refused: 0, noJson: 0 };
  for (let i = 0; i < BODIES; i += 1) {
    const { form, bytes } = next();
    const items = parsed(form, bytes);
    const plain = await outcome((queue) =>
      enqueuePlain({ queue, clock }, bytes, { ...OPTIONS, form, deviceBound: createDeviceBound(4) }),
    );
    const given = await outcome((queue) =>
      enqueueBytes({ queue, clock }, bytes, { ...OPTIONS, form, deviceBound: createDeviceBound(4) }),
    );
    if (typeof items === 'string') {
      expectSame(plain, { accepted: null, pushed: [] }, bytes.toString('latin1'));
      const { code, pushed } = given;
      if (code === undefined || !REFUSALS.test(code) || pushed.length > 0)
        expect(given, bytes.toString('latin1')).toMatchObject({ code: expect.stringMatching(REFUSALS), pushed: [] });
      counts.noJson += 1;
      continue;
    }
    const whole = await outcome((queue) =>
      enqueueUntrusted({ queue, clock }, items, { ...OPTIONS, wireOnly: true, deviceBound: createDeviceBound(4) }),
    );
    expectSame(given, whole, bytes.toString('latin1'));
    const isPlain = plain.accepted !== null;
    if (isPlain) expectSame(plain, whole, bytes.toString('latin1'));
    else expectSame(plain.pushed, []);
    if (isPlain) counts.plain += 1;
    else if ('accepted' in whole) counts.validThough += 1;
    else counts.refused += 1;
  }
  console.log(`scan-batch: ${JSON.stringify(counts)}`);
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(BODIES / 50);
}, 600_000);

it('takes what clients send: as JSON.stringify and Python write it, indented, NDJSON, up to 10,000 readings', async () => {
  const readings = Array.from({ length: 10_000 }, (_, i) => ({
    timestamp: new Date(NOW_MS - i * 1_000).toISOString(),
    heart_rate: 60 + (i % 90),
    device_id: `watch ${i % 7}`,
    user_id: `user-${i % 3_000}`,
  }));
  const few = readings.slice(0, 50);
  const bodies: [BatchForm, string, number][] = [
    ['array', JSON.stringify(readings), 10_000],
    ['array', JSON.stringify(few, null, 2), 50],
    ['array', JSON.stringify(few).replaceAll(':"', ': "').replaceAll(',"', ', "'), 50],
    ['lines', few.map((one) => JSON.stringify(one)).join('\n'), 50],
    ['lines', few.map((one) => `${JSON.stringify(one)}\r\n`).join(''), 50],
  ];
  for (const [form, text, count] of bodies) {
    const result = await outcome((queue) => enqueuePlain({ queue, clock }, Buffer.from(text), { form }));
    expect(result.accepted, text.slice(0, 200)).toEqual({ accepted: count });
    const whole = await outcome((queue) => enqueueUntrusted({ queue, clock }, parsed(form, Buffer.from(text))));
    expect(result.pushed).toEqual(whole.pushed);
  }
  const tooMany = Buffer.from(JSON.stringify([...readings, readings[0]]));
  const plain = await outcome((queue) => enqueuePlain({ queue, clock }, tooMany, { form: 'array' }));
  expect(plain).toEqual({ accepted: null, pushed: [] });
  const refused = await outcome((queue) => enqueueBytes({ queue, clock }, tooMany));
  expect(refused).toMatchObject({ code: 'too_many_readings', pushed: [] });
});

it('leaves a batch to the schema whose ids all have one hash', async () => {
  const ids: string[] = [];
  for (let i = 0; ids.length < 300; i += 1) if (hashOf(`u${i}`) % 1_024 === 0) ids.push(`u${i}`);
  const readings = ids.map((user_id) => ({
    user_id,
    device_id: 'w',
    timestamp: '2024-01-15T10:00:00Z',
    heart_rate: 72,
  }));
  const bytes = Buffer.from(JSON.stringify(readings));
  const plain = await outcome((queue) => enqueuePlain({ queue, clock }, bytes, { form: 'array' }));
  expect(plain).toEqual({ accepted: null, pushed: [] });
  const careful = await outcome((queue) => enqueueBytes({ queue, clock }, bytes));
  expect(careful).toMatchObject({ accepted: { accepted: 300 } });
});

function hashOf(text: string): number {
  let hash = 0;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

it('asks before it pushes, and then pushes nothing that is refused', async () => {
  const reading = { user_id: 'ben', device_id: 'w', timestamp: '2024-01-15T10:00:00Z', heart_rate: 72 };
  const bytes = Buffer.from(JSON.stringify([reading, { ...reading, user_id: 'ana' }, reading]));
  const asked: unknown[] = [];
  const admit = (batch: unknown) => {
    asked.push(batch);
    throw new TypeError('not these');
  };
  const refused = outcome((queue) => enqueueBytes({ queue, clock }, bytes, { admit }));
  await expect(refused).rejects.toThrow('not these');
  expect(asked).toMatchObject([{ length: 3, users: ['ben', 'ana'], devices: ['w'] }]);
});

it('asks for the days of a batch as enqueue does, and gives them back where the queue takes nothing', async () => {
  const reading = { user_id: 'ben', device_id: 'w', timestamp: '2024-01-15T10:00:00Z', heart_rate: 72 };
  const readings = ['2024-01-15', '2023-12-31', '2024-01-15'].map((date) => ({
    ...reading,
    timestamp: `${date}T10:00:00Z`,
  }));
  const days: number[][] = [];
  let givenBack = 0;
  const admitDays = (asked: ReadonlySet<number>) => {
    days.push([...asked]);
    return () => {
      givenBack += 1;
    };
  };
  const bytes = Buffer.from(JSON.stringify(readings));
  await outcome((queue) => enqueueBytes({ queue, clock }, bytes, { admitDays }));
  await outcome((queue) => enqueueUntrusted({ queue, clock }, readings, { admitDays }));
  expect(days).toEqual([
    [19_737, 19_722],
    [19_737, 19_722],
  ]);
  expect(givenBack).toBe(0);
  const full = { push: () => Promise.reject(new TypeError('full')) };
  await expect(enqueueBytes({ queue: full, clock }, bytes, { admitDays })).rejects.toThrow('full');
  expect(givenBack).toBe(1);
});
