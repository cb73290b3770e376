/**
 * A series is the readings that it stands for: sent as one, from its bytes or parsed, it gives the same queue contents and the same faults as
 * the same readings sent plainly.
 */
import { expect, it } from 'vitest';
import { expectSame } from '../../../../test/support/same.js';
import { enqueuePlain } from '../../src/flow/write/enqueue.js';
import { type BatchForm, createDeviceBound, enqueueUntrusted, isHrmError, type QueueElement } from '../../src/index.js';
import { randomFrom, testSeed } from '../support/random.js';

/** A twentieth of the batches that are read both ways, since each has many readings more, but enough for all kinds of refusals. */
const BODIES = Math.max(2_000, Math.ceil(Number(process.env.HRM_BODIES ?? 4_000) / 20));
const NOW_MS = Date.parse('2024-01-15T12:00:00Z');
const clock = { nowMs: () => NOW_MS };
const OPTIONS = { maxFutureMs: 3_600_000, maxPastMs: 86_400_000 } as const;

type Wire = Readonly<Record<string, unknown>>;
type Push = (elements: readonly QueueElement[]) => Promise<void>;

/** What is pushed, or the faults. */
async function outcome(take: (queue: { push: Push }) => Promise<unknown>) {
  const pushed: string[] = [];
  const push: Push = async (elements) => {
    for (const { bytes, readings } of elements) pushed.push(`${readings} ${Buffer.from(bytes).toString('hex')}`);
  };
  try {
    return { accepted: await take({ push }), pushed, faults: [], faultCount: 0 };
  } catch (error) {
    if (!isHrmError(error)) throw error;
    return { accepted: error.code, pushed, faults: error.faults, faultCount: error.faultCount };
  }
}

function bounded() {
  return { ...OPTIONS, deviceBound: createDeviceBound(1) };
}

function asParsed(body: unknown) {
  return outcome((queue) => enqueueUntrusted({ queue, clock }, body, { ...bounded(), wireOnly: true }));
}

function asBytes(text: string, form: BatchForm) {
  return outcome((queue) => enqueuePlain({ queue, clock }, Buffer.from(text), { ...bounded(), form }));
}

const IDS = ['ana', 'ben', 'aña🫀', 'x'.repeat(128)];
const BAD_IDS = ['', 'x'.repeat(129), 'a\u0000', '\ud800', 7, null];
const TIMES = ['2024-01-15T10:00:00Z', '2024-01-15T10:00:00.123Z', '2024-01-15T11:00:00.25+01:00', NOW_MS, NOW_MS - 1];
const BAD_TIMES = ['2024-01-15T10:00:00', '2024-01-15T13:00:01Z', '1969-12-31T23:59:59Z', 'x'];
const RATES = [30, 72, 99, 220];
const BAD_RATES = [29, 221, 72.5, '72', null, {}];

/** Draws series; how often something in them is bad is drawn for each batch. */
function createSeries(random: () => number): () => readonly Wire[] {
  const pick = (list: readonly unknown[]) => list[Math.floor(random() * list.length)];
  return () => {
    const oddity = pick([0, 0, 0.02, 0.2]) as number;
    const either = (good: readonly unknown[], bad: readonly unknown[]) => pick(random() < oddity ? bad : good);
    return Array.from({ length: 1 + Math.floor(random() * 6) }, () => {
      const length = random() < 0.01 ? 1_500 : 1 + Math.floor(random() * 8);
      const ids = { user_id: either(IDS, BAD_IDS), device_id: either(IDS, BAD_IDS) };
      const heart_rates = Array.from({ length }, () => either(RATES, BAD_RATES));
      if (random() < 0.3) {
        const interval_ms = pick([1, 250, 1_000]);
        return { ...ids, heart_rates, start: pick(['2024-01-15T10:00:00Z', NOW_MS - 3_600_000]), interval_ms };
      }
      return { heart_rates, timestamps: Array.from({ length }, () => either(TIMES, BAD_TIMES)), ...ids };
    });
  };
}

/** The readings, and of each the series and its place in it. */
function plainly(series: readonly Wire[]) {
  const places: (readonly [number, number])[] = [];
  const readings = series.flatMap((one, s) =>
    (one.heart_rates as unknown[]).map((heart_rate, i) => {
      places.push([s, i]);
      const { user_id, device_id } = one;
      const given = Array.isArray(one.timestamps)
        ? one.timestamps[i]
        : new Date(one.start as string | number).getTime() + i * (one.interval_ms as number);
      const timestamp = typeof given === 'number' ? new Date(given).toISOString() : given;
      return { user_id, device_id, timestamp, heart_rate };
    }),
  );
  return { readings, places };
}

/** Faults of readings as those of the series have them: of the ids once. */
function gatheredFaults(
  faults: readonly { readonly path: string; readonly message: string }[],
  places: readonly (readonly [number, number])[],
) {
  const paths = faults.map(({ path, message }) => {
    const [, index, field] = path.split('/');
    const [s, i] = places[Number(index)] as readonly [number, number];
    const isList = field === 'timestamp' || field === 'heart_rate';
    return `/${s}/${field}${isList ? `s/${i}` : ''} ${message}`;
  });
  return [...new Set(paths)].sort();
}

function isOfReading(fault: string): boolean {
  return !fault.includes('HRM_MAX_DEVICES');
}

const seed = testSeed();
it(`makes of series what their readings make, seed ${seed}`, async () => {
  const next = createSeries(randomFrom(seed));
  const counts = { accepted: 0, refused: 0, tooManyDevices: 0 };
  for (let b = 0; b < BODIES; b += 1) {
    const series = next();
    const { readings, places } = plainly(series);
    const text = JSON.stringify(series, null, b % 3);
    const plain = await asParsed(readings);
    const whole = await asParsed(JSON.parse(text));
    expectSame(whole.pushed, plain.pushed, text);
    expectSame(whole.accepted, plain.accepted, text);
    if (plain.faultCount <= 100) {
      const own = whole.faults.map(({ path, message }) => `${path} ${message}`);
      // Where a reading has another fault, devices are counted in a slice of the others, or in none: how many differs.
      const some = own.filter((fault) => isOfReading(fault) || !own.some(isOfReading));
      const expected = gatheredFaults(plain.faults, places);
      const those = expected.filter((fault) => isOfReading(fault) || !expected.some(isOfReading));
      expectSame(some.sort(), those, text);
      expectSame(whole.faultCount, own.length, text);
    }
    const lines = series.map((one) => JSON.stringify(one)).join('\n');
    for (const scanned of [await asBytes(text, 'array'), await asBytes(lines, 'lines')]) {
      // Surrogates that are alone are escaped, and so not plain; and the others are valid or have faults that only the schema tells.
      if (typeof plain.accepted === 'string') expect(scanned).toMatchObject({ accepted: null, pushed: [] });
      else expectSame(scanned, plain, text);
    }
    if (typeof plain.accepted !== 'string') counts.accepted += 1;
    else if (plain.faults.some(({ message }) => message.includes('HRM_MAX_DEVICES'))) counts.tooManyDevices += 1;
    else counts.refused += 1;
  }
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(BODIES / 50);
}, 600_000);

it(`takes of damaged bytes nothing but what JSON.parse and the schema take, seed ${seed}`, async () => {
  const random = randomFrom(seed + 1);
  const below = (limit: number) => Math.floor(random() * limit);
  const scraps = ['{', '}', '[', ']', ',', '"', '\\', ' ', '\n', '0', '.5', 'e1', '-', '"start":0,', '"note":1,'];
  const next = createSeries(random);
  let taken = 0;
  for (let b = 0; b < BODIES; b += 1) {
    const series = next().slice(0, 2);
    let text = JSON.stringify(below(2) === 0 ? series : series[0]);
    for (let change = 0; change < 2; change += 1) {
      const at = below(text.length + 1);
      text = text.slice(0, at) + scraps[below(scraps.length)] + text.slice(at + below(2));
    }
    // Half a character is another one as bytes.
    text = text.toWellFormed();
    const scanned = await asBytes(text, 'array');
    if (scanned.accepted === null) continue;
    taken += 1;
    expect(scanned, text).toEqual(await asParsed(JSON.parse(text)));
  }
  expect(taken).toBeGreaterThan(0);
}, 600_000);

const SERIES = { user_id: 'ana', device_id: 'watch', timestamps: [NOW_MS, NOW_MS - 1], heart_rates: [70, 71] };
const { timestamps: _, ...COUNTED } = { ...SERIES, start: '2024-01-15T10:00:00Z', interval_ms: 1_000 };
const AT = '2024-01-15T10:00:00Z';

const FAULTY: readonly (readonly [string, unknown, readonly string[]])[] = [
  ['no heart rate', { ...SERIES, heart_rates: [], timestamps: [] }, ['/heart_rates']],
  ['fewer timestamps', { ...SERIES, timestamps: [NOW_MS] }, ['/timestamps']],
  ['more timestamps', { ...SERIES, timestamps: [NOW_MS, NOW_MS, NOW_MS] }, ['/timestamps']],
  ['timestamps that are no list', { ...SERIES, timestamps: 7 }, ['/timestamps']],
  ['heart rates that are no list', { ...SERIES, heart_rates: '70' }, ['/heart_rates']],
  ['neither timestamps nor start', { user_id: 'ana', device_id: 'watch', heart_rates: [70] }, ['/timestamps']],
  ['no heart rates', { user_id: 'ana', device_id: 'watch', timestamps: [NOW_MS] }, ['/heart_rates']],
  ['no ids', { timestamps: [NOW_MS], heart_rates: [70] }, ['/user_id', '/device_id']],
  ['timestamps and a start', { ...SERIES, start: AT }, ['/start']],
  ['no interval', { ...COUNTED, interval_ms: undefined }, ['/interval_ms']],
  ['an interval of 0', { ...COUNTED, interval_ms: 0 }, ['/interval_ms']],
  ['an interval of two days', { ...COUNTED, interval_ms: 2 * 86_400_000 }, ['/interval_ms']],
  ['half an interval', { ...COUNTED, interval_ms: 0.5 }, ['/interval_ms']],
  ['a start that is none', { ...COUNTED, start: 'x' }, ['/start']],
  ['a start too far back', { ...COUNTED, start: NOW_MS - 86_400_001 }, ['/start']],
  [
    'readings that come to lie ahead',
    { ...COUNTED, interval_ms: 3_600_000, heart_rates: Array(9).fill(70) },
    ['/heart_rates/4'],
  ],
  ['an instant with a fraction', { ...SERIES, timestamps: [NOW_MS, 1.5] }, ['/timestamps/1']],
  ['an instant that is true', { ...SERIES, timestamps: [NOW_MS, true] }, ['/timestamps/1']],
  [
    'a reading behind a series',
    [SERIES, { user_id: 'ana', device_id: 'watch', timestamp: AT, heart_rate: 72 }],
    ['/1'],
  ],
  [
    'a series behind a reading',
    [{ user_id: 'ana', device_id: 'watch', timestamp: AT, heart_rate: 72 }, SERIES],
    ['/1'],
  ],
  ['null behind a series', [SERIES, null, 7, [SERIES]], ['/1', '/2', '/3']],
];

it.each(FAULTY)('refuses %s', async (_name, body, paths) => {
  const { accepted, faults, faultCount, pushed } = await asParsed(body);
  expect({ accepted, faultCount, pushed }).toEqual({
    accepted: 'invalid_readings',
    faultCount: paths.length,
    pushed: [],
  });
  expect(faults.map(({ path }) => path)).toEqual(paths);
  expect((await asBytes(JSON.stringify(body), 'array')).accepted).toBeNull();
});

it('takes a reading for a reading, whatever else it has', async () => {
  const reading = { user_id: 'ana', device_id: 'watch', timestamp: AT, heart_rate: 72, start: 'now', timestamps: [] };
  expect((await asParsed([reading])).accepted).toEqual({ accepted: 1 });
});

it('takes 100,000 readings at a time, of one series or many, and not one more', async () => {
  const long = {
    user_id: 'ana',
    device_id: 'watch',
    start: NOW_MS - 8e7,
    interval_ms: 500,
    heart_rates: Array(100_000).fill(70),
  };
  const over = { ...long, heart_rates: [70] };
  for (const body of [
    long,
    [long],
    Array.from({ length: 100 }, () => ({ ...long, heart_rates: Array(1_000).fill(70) })),
  ]) {
    const parsed = await asParsed(body);
    expect(parsed.accepted).toEqual({ accepted: 100_000 });
    expect(await asBytes(JSON.stringify(body), 'array')).toEqual(parsed);
  }
  expect((await asParsed([long, over])).accepted).toBe('too_many_readings');
  expect((await asBytes(JSON.stringify([long, over]), 'array')).accepted).toBeNull();
  const many = Array.from({ length: 10_001 }, () => over);
  expect((await asParsed(many)).accepted).toBe('too_many_readings');
  expect((await asBytes(JSON.stringify(many), 'array')).accepted).toBeNull();
});

it('takes them by the names of JavaScript, with Dates', async () => {
  const camel = { userId: 'ana', deviceId: 'watch', heartRates: [70, 71] };
  const take = (body: unknown) => outcome((queue) => enqueueUntrusted({ queue, clock }, body, OPTIONS));
  const wire = await asParsed(SERIES);
  expect(await take({ ...camel, timestamps: [new Date(NOW_MS), NOW_MS - 1] })).toEqual(wire);
  const started = await take({ ...camel, start: new Date(NOW_MS), intervalMs: 1_000 });
  expect(started).toEqual(await asParsed({ ...COUNTED, start: NOW_MS }));
  const bad = await take([{ ...camel, deviceId: '', timestamps: [new Date(Number.NaN), NOW_MS], heartRates: [7, 70] }]);
  expect(bad.faults.map(({ path }) => path)).toEqual(['/0/deviceId', '/0/timestamps/0', '/0/heartRates/0']);
});
