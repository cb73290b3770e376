import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const EXAMPLES = fileURLToPath(new URL('../examples/', import.meta.url));

/** What each example prints. An example without an entry here fails. */
const OUTPUTS: Readonly<Record<string, string>> = {
  'ble-gateway':
    '72 bpm accepted, R-R 812.5 ms\n75 bpm accepted\nno contact\n78 bpm accepted\n' +
    '[{"timestamp":"2024-01-15T10:00:00Z","heartRate":75,"min":72,"max":78,"count":3,"deviceIds":["chest_strap"]}]\n',
  'drain-worker':
    '4 elements, 1 file, 1 set aside\n' +
    '[{"timestamp":"2024-01-15T10:00:00Z","heartRate":75,"min":72,"max":78,"count":3,"deviceIds":["watch"]}]\n',
  duckdb: 'band  10:00  150  75\nband  10:05  150  75\nwatch  10:00  150  74\nwatch  10:05  150  74\n',
  'embed-in-node-http':
    '202 400\n[{"timestamp":"2024-01-15T10:00:00Z","heartRate":73.5,"min":72,"max":75,"count":2,"deviceIds":["watch"]}]\n',
  'sdk-quickstart':
    '{"timestamp":"2024-01-15T10:00:00Z","heartRate":73.5,"min":72,"max":75,"count":2,"deviceIds":["watch"]}\n',
};

const names = (await readdir(EXAMPLES, { withFileTypes: true })).filter((entry) => entry.isDirectory());

describe('the examples', () => {
  it('are all known here', () => {
    expect(names.map(({ name }) => name).sort()).toEqual(Object.keys(OUTPUTS).sort());
  });

  it.each(Object.entries(OUTPUTS))('%s runs and prints what it should', async (name, output) => {
    const { stdout } = await promisify(execFile)('npm', ['start', '--silent'], { cwd: join(EXAMPLES, name) });
    expect(stdout).toBe(output);
  });
});

describe('a Bluetooth heart rate measurement', () => {
  interface Measurement {
    readonly heartRateBpm: number;
    readonly hasContact: boolean | null;
    readonly energyKilojoules: number | null;
    readonly rrIntervalsMs: readonly number[];
  }

  async function parse(bytes: readonly number[], offset = 0): Promise<Measurement> {
    const { parseHeartRateMeasurement } = await import(join(EXAMPLES, 'ble-gateway/heart-rate-measurement.js'));
    return parseHeartRateMeasurement(Uint8Array.from([...Array(offset).fill(0xff), ...bytes]).subarray(offset));
  }

  const plain = { hasContact: null, energyKilojoules: null, rrIntervalsMs: [] };

  it.each<[string, number[], Measurement]>([
    ['one byte', [0x00, 72], { ...plain, heartRateBpm: 72 }],
    ['one byte of a fast heart', [0x00, 0xdc], { ...plain, heartRateBpm: 220 }],
    ['two bytes, little-endian', [0x01, 0x2c, 0x01], { ...plain, heartRateBpm: 300 }],
    ['contact not supported, its bit without meaning', [0x02, 60], { ...plain, heartRateBpm: 60 }],
    ['no contact', [0x04, 0], { ...plain, heartRateBpm: 0, hasContact: false }],
    ['contact', [0x06, 60], { ...plain, heartRateBpm: 60, hasContact: true }],
    ['energy', [0x08, 60, 0x34, 0x12], { ...plain, heartRateBpm: 60, energyKilojoules: 0x1234 }],
    ['an interval of a second', [0x10, 60, 0x00, 0x04], { ...plain, heartRateBpm: 60, rrIntervalsMs: [1000] }],
    ['flagged intervals of which there are none', [0x10, 60], { ...plain, heartRateBpm: 60 }],
    [
      'everything',
      [0x1f, 0x50, 0x00, 0x01, 0x00, 0x00, 0x02, 0x00, 0x03],
      { heartRateBpm: 80, hasContact: true, energyKilojoules: 1, rrIntervalsMs: [500, 750] },
    ],
    ['bits that are reserved', [0xe0, 60], { ...plain, heartRateBpm: 60 }],
  ])('of %s', async (_, bytes, expected) => {
    expect(await parse(bytes)).toEqual(expected);
    // As a view into a larger buffer, which is how radios hand it over.
    expect(await parse(bytes, 3)).toEqual(expected);
  });

  it.each([[[]], [[0x00]], [[0x01, 72]], [[0x08, 72, 1]], [[0x10, 72, 1]], [[0x10, 72, 1, 2, 3]]])(
    'that is cut, %j, is none',
    async (bytes) => {
      await expect(parse(bytes)).rejects.toThrow(RangeError);
    },
  );
});
