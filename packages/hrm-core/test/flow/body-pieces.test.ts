/** A body that is parsed in pieces gives what it gives as a whole: the same values, the same refusals, the same paths. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectSame } from '../../../../test/support/same.js';
import { parseItems, parseLines } from '../../src/flow/write/parse-json.js';
import { PIECE_BYTES } from '../../src/flow/write/scan-json.js';
import { enqueueBytes, isHrmError } from '../../src/index.js';

type Parse = (json: Buffer, yieldTurn: () => Promise<void>) => Promise<unknown>;

async function outcomeOf(text: string, parse: Parse) {
  let turns = 0;
  async function yieldTurn(): Promise<void> {
    turns += 1;
  }
  try {
    return { value: await parse(Buffer.from(text), yieldTurn), turns };
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
        const whole = wholeOf(body);
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
          const { value } = await outcomeOf(lines.join(end), (json, yieldTurn) => parseLines(json, 10_000, yieldTurn));
          const each = lines.map(lineOf).filter(({ items: found }) => found.length > 0);
          const malformed = new Set(each.flatMap(({ isMalformed }, i) => (isMalformed ? [i] : [])));
          expectSame(value, { items: each.flatMap(({ items: found }) => found), malformed });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('gives way between lines, too, where they are short and no JSON', async () => {
    const { value, turns } = await outcomeOf('x\n'.repeat(9_000), (json, yieldTurn) =>
      parseLines(json, 10_000, yieldTurn),
    );
    expect(value).toMatchObject({ malformed: { size: 9_000 } });
    expect(turns).toBeGreaterThanOrEqual(18);
  });

  it('has so many values in one reading, of an array or a line', async () => {
    const members = (count: number) => `{${Array.from({ length: count }, (_, i) => `"field ${i}":1`).join()}}`;
    const [few, many] = [members(9_900), members(10_100)];
    for (const body of [`[${few},${few}]`, few])
      expect((await outcomeOf(body, parseItems)).value).toEqual(JSON.parse(body));
    for (const body of [`[${many}]`, many, `[${few},${many}]`, `${few}\n${many}\n`])
      expect((await outcomeOf(body, parseItems)).value).toBe('body_too_large');
    const lines = await outcomeOf(`${few}\n${few}\n`, (json, yieldTurn) => parseLines(json, 10, yieldTurn));
    expect(lines.value).toMatchObject({ items: [{}, {}] });
  });

  it('names the reading that is at fault, behind many pieces', async () => {
    const lines = Array.from({ length: 9_000 }, (_, i) =>
      JSON.stringify({
        user_id: 'ana',
        device_id: 'watch',
        timestamp: '2024-01-15T10:00:00Z',
        note: 'x'.repeat(20),
        heart_rate: i === 8_765 ? 7 : 70,
      }),
    );
    const queue = { push: () => Promise.reject(new TypeError('nothing is to be pushed')) };
    for (const [form, body] of [
      ['array', `[${lines.join()}]`],
      ['lines', lines.join('\n')],
    ] as const)
      await expect(enqueueBytes({ queue }, Buffer.from(body), { form })).rejects.toMatchObject({
        faults: [{ path: '/8765/heart_rate' }],
      });
  });

  it('is refused that is not UTF-8, and taken behind a byte order mark', async () => {
    const pushed: number[] = [];
    const queue = { push: async (elements: readonly unknown[]) => void pushed.push(elements.length) };
    const reading = { user_id: 'é', device_id: 'watch', timestamp: '2024-01-15T10:00:00Z', heart_rate: 70 };
    const json = Buffer.from(JSON.stringify([reading]));
    const broken = Buffer.from(json.toString('latin1').replace('Ã©', 'Ã'), 'latin1');
    await expect(enqueueBytes({ queue }, broken)).rejects.toMatchObject({ code: 'not_utf8' });
    expect(pushed).toEqual([]);
    expect(await enqueueBytes({ queue }, Buffer.concat([Buffer.from('\uFEFF'), json]))).toEqual({ accepted: 1 });
    expect(pushed).toEqual([1]);
  });
});
