/**
 * What a person has after some years: exports of five sources, imported as files, compacted, asked for month by month. DuckDB answers from the
 * same values, which it never saw in a file of ours. `HRM_EXPORTED_READINGS=4000000` is three years.
 */
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { expect, it } from 'vitest';
import { answerByUser, openDuckDb, rulesSql } from './support/duckdb.js';
import { environment, getRows, runHrm, startService, temporaryDirectory, type WireRow } from './support/hrm.js';
import { expectSame } from './support/same.js';

const READINGS = Number(process.env.HRM_EXPORTED_READINGS ?? 20_000);
const USER = 'ana';
const ZONE = 'Europe/Madrid';
/** A night in which its clocks are set back is the second one. */
const START_MS = Date.UTC(2021, 9, 30);
/** Between two readings of a source: 800,000 of them are three years. */
const STEP_MS = 118_000;

/** A source's file, whose values have times that no other source has at the same moment, and some that they have. */
interface Source {
  readonly device: string;
  readonly fileName: string;
  readonly shiftMs: number;
  readonly before: string;
  row(timeMs: number, rate: number): string;
  readonly after: string;
}

const iso = (timeMs: number) => new Date(timeMs).toISOString();
const apple = (timeMs: number) => `${iso(timeMs).slice(0, 10)} ${iso(timeMs).slice(11, 19)} +0000`;

/** What a clock in the zone shows, `30.10.2021;02:00:00`. */
const CLOCK = new Intl.DateTimeFormat('de-DE', {
  timeZone: ZONE,
  day: '2-digit',
  month: '2-digit',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

const SOURCES: readonly Source[] = [
  {
    device: 'Ana’s Watch (Watch6,2)',
    fileName: 'apple_health_export/exportar.xml',
    shiftMs: 0,
    before: '<?xml version="1.0" encoding="UTF-8"?>\n<HealthData locale="es_ES">\n',
    row: (timeMs, rate) =>
      `<Record type="HKQuantityTypeIdentifierHeartRate" sourceName="Ana’s\u00a0Watch" device="&lt;&lt;HKDevice: 0x${(timeMs % 65_521).toString(16)}&gt;, name:Watch, hardware:Watch6,2, software:9&gt;" unit="count/min" startDate="${apple(timeMs)}" endDate="${apple(timeMs)}" value="${rate}"/>\n`,
    after: '</HealthData>\n',
  },
  {
    device: 'fitbit',
    fileName: 'Takeout/Fitbit/Physical Activity_GoogleData/heart_rate_2021.csv',
    shiftMs: 0,
    before: 'timestamp,beats per minute\n',
    row: (timeMs, rate) => `${iso(timeMs)},${rate}.0\n`,
    after: '',
  },
  {
    device: 'Bike',
    fileName: 'activities/track.gpx',
    shiftMs: 1_000,
    before: '<?xml version="1.0"?><gpx creator="Bike"><trk><trkseg>\n',
    row: (timeMs, rate) =>
      `<trkpt lat="1" lon="2"><time>${iso(timeMs)}</time><extensions><a:hr>${rate}</a:hr></extensions></trkpt>\n`,
    after: '</trkseg></trk></gpx>\n',
  },
  {
    device: 'ring',
    fileName: 'observations.ndjson',
    shiftMs: 59_000,
    before: '',
    row: (timeMs, rate) =>
      `{"resourceType":"Observation","status":"final","code":{"coding":[{"code":"8867-4"}]},"device":{"reference":"Device/ring"},"effectiveDateTime":"${iso(timeMs)}","valueQuantity":{"value":${rate},"code":"/min"}}\n`,
    after: '',
  },
  {
    device: 'Gerät',
    fileName: 'puls.csv',
    shiftMs: 30_000,
    before: 'Datum;Uhrzeit;Herzfrequenz;Gerät\n',
    row: (timeMs, rate) => `${CLOCK.format(timeMs).replace(', ', ';')};${rate},0;Gerät\n`,
    after: '',
  },
];

/** Heart rates that repeat at no day: 50 to 149. */
function rateOf(source: number, i: number): number {
  return 50 + ((i * 7_919 + source * 104_729 + Math.floor(i / 61)) % 100);
}

/** Writes what every source exports, and the same values as a plain table. @returns the end of the last one. */
async function writeExports(directory: string, truth: string): Promise<number> {
  const perSource = Math.ceil(READINGS / SOURCES.length);
  const pieceRows = 1_000;
  for (const [number, { fileName, shiftMs, before, row, after }] of SOURCES.entries()) {
    const path = join(directory, fileName);
    await mkdir(join(path, '..'), { recursive: true });
    await pipeline(async function* () {
      yield before;
      for (let from = 0; from < perSource; from += pieceRows) {
        let text = '';
        for (let i = from; i < Math.min(perSource, from + pieceRows); i += 1)
          text += row(START_MS + shiftMs + i * STEP_MS, rateOf(number, i));
        yield text;
      }
      yield after;
    }, createWriteStream(path));
  }
  await pipeline(async function* () {
    yield 'user_id|device_id|timestamp_ms|heart_rate|received_minute\n';
    for (const [number, { device, shiftMs }] of SOURCES.entries()) {
      for (let from = 0; from < perSource; from += pieceRows) {
        let text = '';
        for (let i = from; i < Math.min(perSource, from + pieceRows); i += 1)
          text += `${USER}|${device}|${START_MS + shiftMs + i * STEP_MS}|${rateOf(number, i)}|0\n`;
        yield text;
      }
    }
  }, createWriteStream(truth));
  return START_MS + perSource * STEP_MS + 60_000;
}

/** Instants at which UTC's months begin, up to the first behind an end. */
function months(endMs: number): string[] {
  const starts: string[] = [];
  for (let month = 9; ; month += 1) {
    const startMs = Date.UTC(2021, month, 1);
    starts.push(iso(startMs));
    if (startMs >= endMs) return starts;
  }
}

it(`${READINGS} readings of five exports are answered by month as DuckDB answers from the same values`, async () => {
  const directory = await temporaryDirectory();
  const truth = join(directory, 'truth.csv');
  const endMs = await writeExports(join(directory, 'export'), truth);
  const duckdb = await openDuckDb();
  const source = `(SELECT * FROM read_csv('${truth}', delim = '|', types = {'user_id': 'VARCHAR', 'device_id': 'VARCHAR'}))`;
  const expected = (await answerByUser(duckdb, rulesSql(source))).get(USER) ?? [];

  const env = environment(directory, { HRM_SWEEP_AFTER_MS: '0' });
  await runHrm(env, 'import', join(directory, 'export'), '--user', USER, '--time-zone', ZONE);
  await runHrm(env, 'drain', '--all');
  await runHrm(env, 'compact', '--all');
  const service = await startService(env, '--only', 'api');
  let compared = 0;
  const starts = months(endMs);
  for (const [i, start] of starts.slice(0, -1).entries()) {
    const end = starts[i + 1] as string;
    const rows: readonly WireRow[] = await getRows(service.url, { user_id: USER, start, end });
    expectSame(
      rows,
      expected.filter(({ timestamp }) => timestamp >= start.slice(0, 19) && timestamp < end.slice(0, 19)),
      start,
    );
    compared += rows.length;
  }
  expect(compared).toBe(expected.length);
  expect(expected.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(0.75 * READINGS);
  expect(await service.end('SIGTERM')).toBe(0);
}, 3_600_000);
