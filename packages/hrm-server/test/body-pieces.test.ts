/** A body that is parsed in pieces gives what it gives as a whole: the same values, the same refusals, the same paths. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { isHrmError } from 'hrm-core';
import { createQuota } from 'hrm-core/shares';
import { describe, expect, it } from 'vitest';
import { expectSame } from '../../../test/support/same.js';
import { type Body, withBody } from '../src/http/body.js';
import { parseItems, parseNdjson } from '../src/http/json.js';
import { PIECE_BYTES } from '../src/http/json-scan.js';
import type { Call } from '../src/routes/handler.js';
import { post, startTest, wireReading } from './support.js';

const budget = createQuota(2 ** 26);
/** Whoever sends needs no key. */
const ANYBODY = { onEnd: () => () => undefined };

const LIMITS = { maxBytes: 2 ** 24, budget, announced: budget, client: 'ana', idleMs: 10_000 };

async function outcomeOf(text: string, parse: (body: Body, yieldTurn: () => Promise<void>) => Promise<unknown>) {
  const incoming = Object.assign(Readable.from([Buffer.from(text)]), { headers: {} as IncomingMessage['headers'] });
  let turns = 0;
  async function yieldTurn(): Promise<void> {
    turns += 1;
  }
  try {
    return {
      value: await withBody({ incoming, access: ANYBODY } as unknown as Call, LIMITS, (body) => parse(body, yieldTurn)),
      turns,
    };
  } catch (error) {
    return { value: isHrmError(error) ? error.code : error, turns };
  }
}

function wholeOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return 'not_json';
  }
}

/** What a line of NDJSON is, or nothing. */
function lineOf(line: string): { items: unknown[]; isMalformed: boolean } {
  const text = line.trim();
  if (text === '') return { items: [], isMalformed: false };
  const value = wholeOf(text);
  return value === 'not_json' ? { items: [null], isMalformed: true } : { items: [value], isMalformed: false };
}

const blank = fc.constantFrom('', ' ', '\n', '\r\n\t');
/** Of some kilobytes, so that few of them are several pieces; with all that has a meaning in JSON inside of strings. */
const text = fc.tuple(
  fc.constantFrom('"],[', '}', '\\', '\\"', ',{', '€', '\n', '😀'),
  fc.integer({ min: 500, max: 5_000 }),
);
const item = fc.oneof(
  text.map(([part, times]) => part.repeat(times)),
  text.map(([part, times]) => ({ [part.repeat(10)]: [[part.repeat(times), { a: [] }], {}] })),
  fc.constantFrom(1, null, [], {}, [[[]]]),
);
const items = fc.array(item, { maxLength: 60, size: 'max' });

describe('a large body in pieces', () => {
  it('is the array that it is as a whole, wherever blanks are', async () => {
    let many = 0;
    await fc.assert(
      fc.asyncProperty(items, blank, async (values, space) => {
        const text = `${space}[${values.map((value) => space + JSON.stringify(value)).join(`${space},`)}${space}]${space}`;
        const { value, turns } = await outcomeOf(text, parseItems);
        expectSame(value, values);
        many += turns > 1 ? 1 : 0;
      }),
      { numRuns: 200 },
    );
    expect(many).toBeGreaterThan(20);
  });

  it('is refused where it is as a whole: with bytes too many, too few or others', async () => {
    const some = JSON.stringify(Array.from({ length: 4_000 }, (_, i) => ({ a: [i, 'x],[{"'], b: { c: 'é' } })));
    const places = [some.indexOf(',{', PIECE_BYTES), some.lastIndexOf(',{'), 0, some.length - 1];
    const place = fc.oneof(fc.nat(some.length - 1), fc.constantFrom(...places, ...places.map((at) => at + 1)));
    const other = fc.constantFrom(
      '',
      ',',
      ',,',
      '[',
      ']',
      '],[',
      '{',
      '}',
      '"',
      '\\',
      ' ',
      ':',
      'null,',
      '\uFEFF',
      '\u00a0',
    );
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(place, other, fc.nat(1), async (at, text, taken) => {
        const body = some.slice(0, at) + text + some.slice(at + taken);
        const { value } = await outcomeOf(body, parseItems);
        // One mark at the beginning may be there.
        const whole = wholeOf(body.replace(/^\uFEFF/, ''));
        refused += whole === 'not_json' ? 1 : 0;
        // Where a bracket is never closed, all behind it is one reading with too many values.
        const isRefused = whole === 'not_json' && value === 'body_too_large';
        if (!isRefused) expectSame(value, whole);
      }),
      { numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(50);
  });

  it.each(['[', ']', '[,]', '[1,]', '[1][2]', '[1],[2]', '{"a":1}', '"a"'])(
    'is refused as a small one is: %s',
    async (end) => {
      const blanks = ' '.repeat(2 * PIECE_BYTES);
      for (const body of [blanks + end, end + blanks, `[1${blanks}${end.slice(1)}`])
        expect((await outcomeOf(body, parseItems)).value).toEqual(wholeOf(body));
      const many = `[${'1,'.repeat(PIECE_BYTES - 1)}1`;
      for (const body of [many + end, `${many},${end}`])
        expect((await outcomeOf(body, parseItems)).value).toEqual(wholeOf(body));
    },
  );

  it('is the lines that it is as a whole', async () => {
    const line = fc.oneof(
      item.map((value) => JSON.stringify(value)),
      fc.constantFrom('', ' ', '{', '[1', '\uFEFF1', '\u00a0'),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 60, size: 'max' }),
        fc.constantFrom('\n', '\r\n'),
        async (lines, end) => {
          const { value } = await outcomeOf(lines.join(end), (body, yieldTurn) => parseNdjson(body, 10_000, yieldTurn));
          const each = lines.map(lineOf).filter(({ items: found }) => found.length > 0);
          const malformed = new Set(each.flatMap(({ isMalformed }, i) => (isMalformed ? [i] : [])));
          expectSame(value, { items: each.flatMap(({ items: found }) => found), malformed });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('gives way between lines, too, where they are short and no JSON', async () => {
    const { value, turns } = await outcomeOf('x\n'.repeat(9_000), (body, yieldTurn) =>
      parseNdjson(body, 10_000, yieldTurn),
    );
    expect(value).toMatchObject({ malformed: { size: 9_000 } });
    expect(turns).toBeGreaterThanOrEqual(18);
  });

  it('has so many values in one reading, of an array or a line', async () => {
    const members = (count: number) => `{${Array.from({ length: count }, (_, i) => `"field ${i}":1`).join()}}`;
    const [few, many] = [members(9_900), members(10_100)];
    const parse = (body: Body, yieldTurn: () => Promise<void>) => parseItems(body, yieldTurn);
    for (const body of [`[${few},${few}]`, few]) expect((await outcomeOf(body, parse)).value).toEqual(JSON.parse(body));
    for (const body of [`[${many}]`, many, `[${few},${many}]`, `${few}\n${many}\n`])
      expect((await outcomeOf(body, parse)).value).toBe('body_too_large');
    const lines = await outcomeOf(`${few}\n${few}\n`, (body, yieldTurn) => parseNdjson(body, 10, yieldTurn));
    expect(lines.value).toMatchObject({ items: [{}, {}] });
  });

  it('names the reading that is at fault, behind many pieces', async () => {
    const { url } = await startTest();
    const readings = Array.from({ length: 9_000 }, (_, i) => ({
      ...wireReading(),
      note: 'x'.repeat(20),
      heart_rate: i === 8_765 ? 7 : 70,
    }));
    const lines = readings.map((one) => JSON.stringify(one));
    for (const [type, body] of [
      ['application/json', `[${lines.join()}]`],
      ['application/x-ndjson', lines.join('\n')],
    ] as const) {
      const response = await post(`${url}/metrics/heart-rate/batch`, body, { 'Content-Type': type });
      expect([response.status, JSON.stringify(await response.json())]).toEqual([
        400,
        expect.stringContaining('/8765/heart_rate'),
      ]);
    }
  });
});
