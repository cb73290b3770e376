/** FIT, and the traps of the files that devices write. */
import { describe, expect, it } from 'vitest';
import { fitFormat } from '../../../src/formats/devices/fit/fit.js';
import { formatOf, readPieces } from '../../support/read-file-pieces.js';
import { type FitFileOptions, type FitMessage, fitSeconds, writeFit } from '../../support/write-fit.js';

const T0 = Date.UTC(2024, 0, 15, 10);
const S0 = fitSeconds(T0);

const fileId = (serial = 3939412345): FitMessage => ({
  message: 0,
  fields: [
    [0, 1, 4],
    [1, 2, 1],
    [2, 2, 3415],
    [3, 4, serial],
  ],
});
const WATCH = 'garmin-3415-3939412345';
const record = (second: number, bpm: number): FitMessage => ({
  message: 20,
  fields: [
    [253, 4, S0 + second],
    [3, 1, bpm],
    [5, 4, 7],
  ],
});

async function read(bytes: Uint8Array) {
  const whole = await readPieces(fitFormat, bytes);
  for (const pieceBytes of [1, 7, 64]) expect(await readPieces(fitFormat, bytes, { pieceBytes })).toEqual(whole);
  return { ...whole, values: whole.values.map(([device, ms, bpm]) => [device, (ms - T0) / 1000, bpm]) };
}

const write = (messages: readonly FitMessage[], options?: FitFileOptions) => writeFit([fileId(), ...messages], options);
const join = (...files: readonly Uint8Array[]) => Uint8Array.from(files.flatMap((file) => [...file]));
const PLAIN = { dropped: {}, notes: [], damages: [] };

describe('FIT', () => {
  it('is known by its header, whatever its name', () => {
    expect(formatOf(write([]))).toBe('fit');
    expect(formatOf(write([], { headerBytes: 12 }))).toBe('fit');
    expect(formatOf(new TextEncoder().encode('user_id,.FIT,x'))).not.toBe('fit');
  });

  it.each<[string, FitFileOptions]>([
    ['little endian', {}],
    ['big endian', { bigEndian: true }],
    ['with a header of 12 bytes', { headerBytes: 12 }],
  ])('has records, %s', async (_, options) => {
    const bytes = write([record(1, 71), record(2, 255), record(3, 0), record(4, 74)], options);
    expect(await read(bytes)).toEqual({
      ...PLAIN,
      values: [
        [WATCH, 1, 71],
        [WATCH, 3, 0],
        [WATCH, 4, 74],
      ],
      dropped: { absent: 1 },
    });
  });

  it('passes over the fields of developers, and messages of other kinds', async () => {
    const withField = { ...record(1, 71), developerBytes: [1, 2, 3] };
    const other: FitMessage = {
      message: 0xff00,
      fields: [
        [253, 4, S0 + 9],
        [3, 1, 99],
      ],
    };
    const noRate: FitMessage = {
      message: 21,
      fields: [
        [253, 4, S0],
        [3, 1, 88],
      ],
    };
    expect((await read(write([withField, other, noRate, record(2, 72)]))).values).toEqual([
      [WATCH, 1, 71],
      [WATCH, 2, 72],
    ]);
  });

  it('takes times from headers, which roll over every 32 s', async () => {
    const start = S0 - (S0 % 32) + 30;
    const compressed = (offset: number, bpm: number): FitMessage => ({
      message: 20,
      fields: [[3, 1, bpm]],
      compressed: offset,
    });
    const first: FitMessage = {
      message: 20,
      fields: [
        [253, 4, start],
        [3, 1, 70],
      ],
    };
    // The message of a compressed header has a local type of two bits: 0 to 3.
    const { values } = await read(
      writeFit([first, compressed(31, 71), compressed(0, 72), compressed(31, 73), compressed(31, 74)]),
    );
    expect(values.map(([, second, bpm]) => [Number(second) - (start - S0), bpm])).toEqual([
      [0, 70],
      [1, 71],
      [2, 72],
      [33, 73],
      [33, 74],
    ]);
  });

  it('has no time before there was one, nor one that counts from when the device was switched on', async () => {
    const early: FitMessage = { message: 20, fields: [[3, 1, 70]], compressed: 5 };
    const powered: FitMessage = {
      message: 20,
      fields: [
        [253, 4, 0x0fffffff],
        [3, 1, 71],
      ],
    };
    expect(await read(writeFit([early, powered]))).toEqual({ ...PLAIN, values: [], dropped: { no_time: 2 } });
  });

  it('takes 16 bits of a time as the nearest to the last whole one, before and behind', async () => {
    const whole = (second: number): FitMessage => ({
      message: 55,
      fields: [
        [253, 4, S0 + second],
        [2, 4, 1],
      ],
    });
    const low = (second: number, bpm: number): FitMessage => ({
      message: 55,
      fields: [
        [26, 2, (S0 + second) % 65_536],
        [27, 1, bpm],
      ],
    });
    const seconds = [0, 60, -60, 30_000, -30_000];
    const { values } = await read(write([low(5, 60), whole(0), ...seconds.map((second, i) => low(second, 61 + i))]));
    expect(values).toEqual(seconds.map((second, i) => [WATCH, second, 61 + i]));
  });

  it('has the values of a health snapshot one after the other', async () => {
    const snapshot: FitMessage = {
      message: 308,
      fields: [
        [253, 4, S0],
        [0, 2, 4],
        [2, 4, [70, 255, 72, 73]],
      ],
    };
    expect(await read(write([snapshot]))).toEqual({
      ...PLAIN,
      values: [
        [WATCH, 0, 70],
        [WATCH, 2, 72],
        [WATCH, 3, 73],
      ],
      dropped: { absent: 1 },
    });
  });

  it('takes averages, maxima and resting rates for summaries', async () => {
    const session: FitMessage = {
      message: 18,
      fields: [
        [253, 4, S0],
        [16, 1, 120],
        [17, 1, 180],
      ],
    };
    const lap: FitMessage = {
      message: 19,
      fields: [
        [253, 4, S0],
        [15, 1, 120],
        [16, 1, 255],
      ],
    };
    const resting: FitMessage = {
      message: 211,
      fields: [
        [253, 4, S0],
        [0, 1, 50],
        [1, 1, 49],
      ],
    };
    expect(await read(write([session, lap, resting]))).toEqual({ ...PLAIN, values: [], dropped: { summary: 5 } });
  });
});

describe('a strap in FIT', () => {
  const strap: FitMessage = {
    message: 23,
    fields: [
      [253, 4, S0],
      [1, 1, 120],
      [2, 2, 1],
      [3, 4, 77],
      [4, 2, 1752],
    ],
  };
  const other: FitMessage = {
    message: 23,
    fields: [
      [253, 4, S0],
      [1, 1, 123],
      [2, 2, 1],
      [3, 4, 99],
      [4, 2, 5],
    ],
  };
  /** Counters of 1/1024 s, two of them in three bytes. */
  function beats(counters: readonly number[], rates: readonly number[]): FitMessage {
    const packed: number[] = [];
    for (let i = 0; i < counters.length; i += 2) {
      const [a = 0, b = 0] = [(counters[i] ?? 0) & 0xfff, (counters[i + 1] ?? 0) & 0xfff];
      packed.push(a & 0xff, (a >> 8) | ((b & 0x0f) << 4), b >> 4);
    }
    return {
      message: 132,
      fields: [
        [6, rates.length, rates],
        [10, packed.length, packed],
      ],
    };
  }
  const anchor = (counter: number, bpm: number): FitMessage => ({
    message: 132,
    fields: [
      [253, 4, S0],
      [0, 2, 16_384],
      [6, 1, bpm],
      [9, 4, counter],
    ],
  });

  it('is a device of its own, whose beats go on from one instant', async () => {
    const start = 4_000_000;
    const seconds = [1, 2, 5, 6, 6.5, 9, 10, 13.5];
    const counters = seconds.map((second) => start + second * 1024);
    const { values } = await read(
      write([
        other,
        strap,
        record(1, 60),
        anchor(start, 70),
        beats(
          counters,
          seconds.map((_, i) => 71 + i),
        ),
      ]),
    );
    expect(values.slice(0, 2)).toEqual([
      [WATCH, 1, 60],
      ['garmin-1752-77', 0.5, 70],
    ]);
    expect(values.slice(2)).toEqual(seconds.map((second, i) => ['garmin-1752-77', 0.5 + second, 71 + i]));
  });

  it('goes on where its counter is used up, and has the name of the file where it has none', async () => {
    const start = 2 ** 32 - 1024;
    const { values, dropped } = await read(
      write([
        anchor(start, 70),
        beats([0, 1024], [71, 255]),
        {
          message: 132,
          fields: [
            [6, 1, 72],
            [9, 4, 2048],
          ],
        },
      ]),
    );
    expect(values).toEqual([
      [`${WATCH} strap`, 0.5, 70],
      [`${WATCH} strap`, 1.5, 71],
      [`${WATCH} strap`, 3.5, 72],
    ]);
    expect(dropped).toEqual({ absent: 1 });
  });

  it('without an instant has no times', async () => {
    expect((await read(write([beats([1, 2], [70, 71])]))).dropped).toEqual({ no_time: 2 });
  });
});

describe('FIT files that are chained, cut or damaged', () => {
  const first = write([record(1, 71), record(2, 72)]);
  const second = writeFit([fileId(5), record(3, 73)], { bigEndian: true });

  it('are read one after the other', async () => {
    expect(await read(join(first, second))).toEqual({
      ...PLAIN,
      values: [
        [WATCH, 1, 71],
        [WATCH, 2, 72],
        ['garmin-3415-5', 3, 73],
      ],
    });
  });

  it('with a checksum that differs, or none, are told', async () => {
    const wrong = write([record(1, 71)], { checksum: 0x1234 });
    expect(await read(join(wrong, second))).toMatchObject({
      values: [
        [WATCH, 1, 71],
        ['garmin-3415-5', 3, 73],
      ],
      notes: ['crc_mismatch'],
    });
    expect(await read(write([record(1, 71)], { checksum: null }))).toMatchObject({
      values: [[WATCH, 1, 71]],
      notes: ['crc_missing'],
      damages: [],
    });
  });

  it('keep what is before a cut, wherever it is', async () => {
    const bytes = join(first, second);
    let before = 0;
    for (let length = 0; length <= bytes.length; length += 1) {
      const { values, damages, notes } = await readPieces(fitFormat, bytes.subarray(0, length));
      expect(values.length).toBeGreaterThanOrEqual(before);
      before = values.length;
      const isWhole = length === first.length || length === bytes.length;
      expect([damages.length + notes.length, length]).toEqual([isWhole ? 0 : 1, length]);
    }
    expect(before).toBe(3);
  });

  it.each([2, 1, 0])(
    'of a recording that was never finished are read to their end, with %i bytes of a checksum',
    async (rest) => {
      const whole = write([record(1, 71), record(2, 72)], { dataBytes: 0 });
      const bytes = rest === 0 ? whole.subarray(0, whole.length - 2) : whole.subarray(0, whole.length - 2 + rest);
      const { values, notes, damages } = await read(bytes);
      // The last one may be cut by as many bytes as a checksum has.
      expect([values.length, notes, damages]).toEqual([2, ['not_finished'], []]);
      expect((await read(join(whole.subarray(0, whole.length - 2), second))).values.length).toBe(3);
    },
  );

  it('go on with the next behind a message without a definition, or one that reaches over the end', async () => {
    const lost = Uint8Array.from(first);
    lost[lost.length - 2 - 10] = 0x0b;
    const { values, damages, notes } = await read(join(lost, second));
    expect(values).toEqual([
      [WATCH, 1, 71],
      ['garmin-3415-5', 3, 73],
    ]);
    expect([damages, notes]).toEqual([[`byte ${lost.length - 12}`], ['crc_mismatch']]);
    const short = write([record(1, 71), record(2, 72)], { dataBytes: first.length - 14 - 2 - 3 });
    expect((await read(short)).values).toEqual([[WATCH, 1, 71]]);
  });

  it('with other bytes behind them say so, padding aside', async () => {
    expect(await read(join(first, Uint8Array.of(1, 2, 3)))).toMatchObject({ damages: [`byte ${first.length}`] });
    expect(await read(join(first, new Uint8Array(40)))).toMatchObject({ damages: [] });
    expect(await read(join(first, new Uint8Array(9)))).toMatchObject({ damages: [] });
  });
});
