/** Real files of others, where they lie beside the clone, against the counts that somebody else made of them. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { readFormat } from '../../support/read-format.js';

const DIRECTORY = fileURLToPath(new URL('../../../../../../shared/formats/', import.meta.url));
const isThere = existsSync(DIRECTORY);
if (!isThere) console.warn(`real-exports: ${DIRECTORY} is not there, so no real file is compared`);

const FILES = [
  {
    file: 'fitbit/fitbit-activities-heart-1d-1m-intraday.json',
    timeZone: 'UTC',
    count: 5,
    span: ['2015-08-21T00:01:00Z', '2015-08-21T00:05:00Z'],
    bounds: [63, 65],
  },
  {
    file: 'googlefit/googlefit-merge-heart-rate.json',
    count: 2,
    span: ['2015-01-30T15:37:48.186Z', '2015-07-10T14:34:32.914Z'],
    bounds: [54, 58],
  },
  {
    file: 'huawei/HiTrack_1551732120000155173259000030001',
    count: 91,
    span: ['2019-03-04T20:42:05Z', '2019-03-04T20:49:41Z'],
    bounds: [105, 167],
  },
  {
    file: 'samsung/com.samsung.health.heart_rate.202605.csv',
    count: 1,
    span: ['2026-05-01T11:05:00Z', '2026-05-01T11:05:00Z'],
    bounds: [62, 62],
  },
  {
    file: 'apple/dogsheep-export.xml',
    count: 1,
    span: ['2018-09-10T09:28:55Z', '2018-09-10T09:28:55Z'],
    bounds: [72, 72],
  },
];

it.skipIf(!isThere).each(FILES)('$file', async ({ file, timeZone, count, span, bounds }) => {
  const { account, readings } = await readFormat(readFileSync(DIRECTORY + file), { fileName: file, timeZone });
  const rates = readings.map((reading) => Number(reading.split(' ').at(-1)));
  const times = readings.map((reading) => reading.split(' ').at(-2)).sort();
  expect(readings).toHaveLength(count);
  expect([times[0], times.at(-1)]).toEqual(span);
  expect([Math.min(...rates), Math.max(...rates)]).toEqual(bounds);
  expect(account?.dropped).toEqual({});
});

/** Each has one heart rate, and it is no reading. */
const NONE = [
  // The schema has the unit beats/min, and no other.
  { file: 'openmhealth/hr2-shouldFail-incorrect-unit.json', dropped: { damaged: 1 } },
  // The lowest of a day.
  { file: 'openmhealth/hr2-shouldPass-with-descriptive-statistic.json', dropped: { summary: 1 } },
  { file: 'openmhealth/valid-data-point.json', dropped: {} },
  // A day is no time.
  { file: 'fhir/r4-Observation-heart-rate.json', dropped: { no_time: 1 } },
];

it.skipIf(!isThere).each(NONE)('none of $file', async ({ file, dropped }) => {
  const { account, readings } = await readFormat(readFileSync(DIRECTORY + file), { fileName: file });
  expect(readings).toEqual([]);
  expect(account?.dropped).toEqual(dropped);
});

it.skipIf(!isThere)('every file that is listed is read by a test', () => {
  const [, ...lines] = readFileSync(`${DIRECTORY}SOURCES.tsv`, 'utf8').trim().split('\n');
  // `real-files.test.ts` takes all of these, `archive.test.ts` the archive.
  const elsewhere = /^(?:fit|tcx|gpx)\/|\.zip$/;
  const listed = lines.map((line) => line.split('\t', 1)[0] ?? '').filter((file) => !elsewhere.test(file));
  expect([...FILES, ...NONE].map(({ file }) => file).sort()).toEqual(listed.sort());
});
