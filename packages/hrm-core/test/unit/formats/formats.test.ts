import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createCsvReader, csvFormat } from '../../../src/formats/csv.js';
import { type Format, formatOfName } from '../../../src/formats/formats.js';
import { type Line, readLines } from '../../../src/formats/lines.js';
import { readReadings } from '../../../src/formats/read-rows.js';

describe('lines', () => {
  async function lines(bytes: Buffer, pieceBytes: number): Promise<Line[]> {
    async function* pieces() {
      for (let from = 0; from < bytes.length; from += pieceBytes) yield bytes.subarray(from, from + pieceBytes);
    }
    const all: Line[] = [];
    for await (const some of readLines(pieces())) all.push(...some);
    return all;
  }

  it('are the same however the bytes are cut', async () => {
    const bytes = Buffer.concat([
      Buffer.from('\ufeffé\r\n\n😀b\r\r\n'),
      Buffer.of(0xff, 0x0a),
      Buffer.from('\ufeffend'),
    ]);
    const expected = [
      { number: 1, text: 'é' },
      { number: 2, text: '' },
      { number: 3, text: '😀b\r' },
      { number: 4, fault: 'the line is not UTF-8: save the file as UTF-8' },
      { number: 5, text: '\ufeffend', isOpen: true },
    ];
    for (let pieceBytes = 1; pieceBytes <= bytes.length + 1; pieceBytes += 1) {
      expect(await lines(bytes, pieceBytes)).toEqual(expected);
    }
  });

  it('may have 1 MiB and not a byte more', async () => {
    const longest = 'x'.repeat(1024 * 1024);
    for (const pieceBytes of [1_000, 65_536, 4_000_000]) {
      const [fits, tooLong, next] = await lines(Buffer.from(`${longest}\n${longest}y\nz`), pieceBytes);
      expect(fits).toMatchObject({ number: 1, text: longest });
      expect(tooLong).toEqual({ number: 2, fault: 'the line is longer than 1048576 bytes' });
      expect(next).toEqual({ number: 3, text: 'z', isOpen: true });
    }
  });
});

describe('CSV records', () => {
  function rows(text: string) {
    const reader = createCsvReader();
    const taken = text.split('\n').flatMap((line, i) => reader.take({ number: i + 1, text: line }));
    return [...taken, ...reader.end()].map((row) => [row.line, 'fault' in row ? 'fault' : row.item]);
  }
  const HEAD = 'user_id,device_id,timestamp,heart_rate';
  const item = (device_id: string) => ({ user_id: 'u', device_id, timestamp: 't', heart_rate: 1 });

  it('may go over lines, and are numbered by their first', () => {
    expect(rows(`${HEAD}\nu,"a\nb""\n,",t,1\nu,c,t,1`)).toEqual([
      [2, item('a\nb"\n,')],
      [5, item('c')],
    ]);
  });

  it('with stray quotes cost one line each, and the others are read anew', () => {
    expect(rows(`${HEAD}\nu,"a,t,1\nu,b,t,1\nu,"c,t,1\nu,d,t,1\nu,"e"",t,1\nu,"f",t,1`)).toEqual([
      [2, 'fault'],
      [3, item('b')],
      [4, 'fault'],
      [5, item('d')],
      [6, 'fault'],
      [7, item('f')],
    ]);
  });
});

describe('CSV that is hostile', () => {
  const HEAD = 'user_id,device_id,timestamp,heart_rate';

  it('with a quote before blank lines holds no more of them than a line may have bytes', () => {
    const reader = createCsvReader(HEAD);
    let faults = reader.take({ number: 2, text: '"x' }).length;
    for (let number = 3; number < 1_100_000 && faults === 0; number += 1)
      faults += reader.take({ number, text: '' }).length;
    expect(faults).toBe(1);
    expect(reader.isOpen()).toBe(false);
  });

  it('with a quote that is wrong at last gives all the rows between', async () => {
    async function* bytes() {
      yield Buffer.from([HEAD, '"', ...new Array<string>(200_000).fill('a""b'), '"x'].join('\n'));
    }
    let count = 0;
    for await (const { rows } of csvFormat.read(bytes())) count += rows.length;
    expect(count).toBe(200_002);
  });

  it.each([
    ['user_id;device_id;timestamp;heart_rate', 'semicolons'],
    ['"user_id";"device_id";"timestamp";"heart_rate"', 'semicolons'],
    ['heart_rate\ttimestamp\tuser_id\tdevice_id\tnote, long', 'tabs'],
    ['user;device;time;bpm', 'semicolons'],
    ['user_id; device_id; timestamp; pulse, bpm', 'semicolons'],
    ['1\t2', 'tabs'],
  ])('or another program’s is told by its separators: %s', (text, name) => {
    expect(() => createCsvReader().take({ number: 1, text })).toThrow(
      `separated by ${name}: save the file with commas`,
    );
  });
});

it('a semicolon within a column’s name separates nothing', () => {
  const text = 'user_id,device_id,timestamp,pulse;bpm';
  expect(() => createCsvReader().take({ number: 1, text })).toThrow('it lacks heart_rate');
});

describe('a stream of readings', () => {
  const CSV = 'user_id,device_id,timestamp,heart_rate\nana,watch,2024-01-15T10:00:00Z,72\n';
  const NDJSON = '{"user_id":"ana","device_id":"watch","timestamp":"2024-01-15T10:00:00Z","heart_rate":72}\n';
  const item = { user_id: 'ana', device_id: 'watch', timestamp: '2024-01-15T10:00:00Z', heart_rate: 72 };

  async function read(bytes: Uint8Array, pieceBytes: number, options: { format?: Format; name?: string } = {}) {
    async function* pieces() {
      for (let from = 0; from < bytes.length; from += pieceBytes) yield bytes.subarray(from, from + pieceBytes);
    }
    const items: unknown[] = [];
    for await (const row of readReadings(pieces(), options)) items.push('item' in row ? row.item : row.fault);
    return items;
  }

  it.each([
    ['CSV', CSV],
    ['NDJSON', NDJSON],
    ['CSV behind blank lines', `\n  \r\n${'\n'.repeat(2_000)}${CSV}`],
    ['NDJSON behind a byte order mark and blank lines', `\ufeff \n${'\n'.repeat(2_000)}${NDJSON}`],
  ])('of no name is known by its beginning, however it is cut, gzipped or not: %s', async (_, text) => {
    for (const bytes of [Buffer.from(text), gzipSync(text)]) {
      for (const pieceBytes of [1, 7, 4_096]) expect(await read(bytes, pieceBytes)).toEqual([item]);
    }
  });

  it('that is blank has no readings, and is no CSV unless it is called so', async () => {
    expect(await read(Buffer.from(' \n\n'), 1)).toEqual([]);
    await expect(read(Buffer.from(' \n\n'), 1, { name: 'a.csv' })).rejects.toMatchObject({ code: 'invalid_header' });
    await expect(read(Buffer.from(' \n\n'), 1, { format: 'csv' })).rejects.toMatchObject({ code: 'invalid_header' });
  });

  it('goes by the format that is named, then by the name of the file, then by its beginning', async () => {
    expect(await read(Buffer.from(NDJSON), 64, { name: 'a.csv', format: 'ndjson' })).toEqual([item]);
    await expect(read(Buffer.from(NDJSON), 64, { name: 'a.CSV.gz' })).rejects.toMatchObject({ code: 'invalid_header' });
    const names = ['a.csv', 'a.b.ndjson.GZ', 'a.jsonl', 'a.txt', 'csv', ''];
    expect(names.map((name) => formatOfName(name)?.name)).toEqual([
      'csv',
      'ndjson',
      'ndjson',
      undefined,
      undefined,
      undefined,
    ]);
  });
});
