/** Made-up files of devices and exports, as large as they are asked for: a value every five seconds, of one device. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import sqlite from 'node-sqlite3-wasm';
import { START_MS } from './readings.js';

const STEP_MS = 5_000;

/**
 * A file of a format.
 * @typedef {object} MadeUpFile
 * @property {string} before
 * @property {(time: string, rate: number, i: number) => string} value of an instant like `2024-01-15T10:00:00Z`
 * @property {string} after
 */

/** @param {number} i */
const comma = (i) => (i === 0 ? '' : ',');

/** A record of Apple's export that is none of a heart rate, as most are.
 * @param {string} apple
 */
const steps = (apple) =>
  ` <Record type="HKQuantityTypeIdentifierStepCount" sourceName="Ana" unit="count" creationDate="${apple}" startDate="${apple}" endDate="${apple}" value="12"/>\n`;

/** @param {string} time */
const appleTime = (time) => `${time.slice(0, 10)} ${time.slice(11, 19)} +0000`;

/** @param {string} time */
const epochMs = (time) => Date.parse(time);

/** Those that are text, by the formats' names. @type {Record<string, MadeUpFile>} */
const TEXT_FILES = {
  'apple-health': {
    before: '<?xml version="1.0" encoding="UTF-8"?>\n<HealthData locale="en_US">\n',
    value: (time, rate, i) =>
      `${steps(appleTime(time))} <Record type="HKQuantityTypeIdentifierHeartRate" sourceName="Ana’s Apple Watch" sourceVersion="9.6.3" device="&lt;&lt;HKDevice: 0x${(i * 7_919).toString(16)}&gt;, name:Apple Watch, manufacturer:Apple, model:Watch, hardware:Watch4,4, software:9.6.3&gt;" unit="count/min" creationDate="${appleTime(time)}" startDate="${appleTime(time)}" endDate="${appleTime(time)}" value="${rate}">\n  <MetadataEntry key="HKMetadataKeyHeartRateMotionContext" value="0"/>\n </Record>\n`,
    after: '</HealthData>\n',
  },
  'fitbit-takeout': {
    before: '[',
    value: (time, rate, i) =>
      `${comma(i)}{"dateTime":"${time.slice(5, 7)}/${time.slice(8, 10)}/${time.slice(2, 4)} ${time.slice(11, 19)}","value":{"bpm":${rate},"confidence":3}}`,
    after: ']',
  },
  'fitbit-csv': {
    before: 'timestamp,beats per minute\n',
    value: (time, rate) => `${time},${rate}.0\n`,
    after: '',
  },
  gpx: {
    before: '<?xml version="1.0"?><gpx creator="Watch"><trk><trkseg>\n',
    value: (time, rate) =>
      `<trkpt lat="40.4" lon="-3.7"><ele>650</ele><time>${time}</time><extensions><gpxtpx:TrackPointExtension><gpxtpx:hr>${rate}</gpxtpx:hr></gpxtpx:TrackPointExtension></extensions></trkpt>\n`,
    after: '</trkseg></trk></gpx>\n',
  },
  fhir: {
    before: '',
    value: (time, rate) =>
      `{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/ana"},"device":{"reference":"Device/watch"},"effectiveDateTime":"${time}","valueQuantity":{"value":${rate},"unit":"beats/minute","system":"http://unitsofmeasure.org","code":"/min"}}\n`,
    after: '',
  },
  table: {
    before: 'Datum;Uhrzeit;Herzfrequenz\n',
    value: (time, rate) =>
      `${time.slice(8, 10)}.${time.slice(5, 7)}.${time.slice(0, 4)};${time.slice(11, 19)};${rate}\n`,
    after: '',
  },
  tcx: {
    before:
      '<?xml version="1.0"?><TrainingCenterDatabase><Activities><Activity><Creator><Name>Watch</Name><UnitId>7</UnitId></Creator><Lap><Track>\n',
    value: (time, rate) =>
      `<Trackpoint><Time>${time}</Time><AltitudeMeters>650</AltitudeMeters><HeartRateBpm><Value>${rate}</Value></HeartRateBpm></Trackpoint>\n`,
    after: '</Track></Lap></Activity></Activities></TrainingCenterDatabase>\n',
  },
  'google-fit': {
    before:
      '{"Data Source":"derived:com.google.heart_rate.bpm:com.google.android.gms:merge_heart_rate_bpm","Data Points":[\n',
    value: (time, rate, i) =>
      `${comma(i)}{"fitValue":[{"value":{"fpVal":${rate}.0}}],"originDataSourceId":"raw:com.google.heart_rate.bpm:com.band:Maker:Band 3:1a:","endTimeNanos":${epochMs(time)}000000,"dataTypeName":"com.google.heart_rate.bpm","startTimeNanos":${epochMs(time)}000000}\n`,
    after: ']}',
  },
  'samsung-csv': {
    before:
      'com.samsung.shealth.tracker.heart_rate,6322001,5\ncom.samsung.health.heart_rate.start_time,com.samsung.health.heart_rate.time_offset,com.samsung.health.heart_rate.heart_rate,com.samsung.health.heart_rate.deviceuuid\n',
    value: (time, rate) => `${time.slice(0, 10)} ${time.slice(11, 19)}.000,UTC+0000,${rate}.0,AbCdEfGhIjKl\n`,
    after: '',
  },
  'samsung-binning': {
    before: '[',
    value: (time, rate, i) =>
      `${comma(i)}{"heart_rate":${rate}.0,"heart_rate_min":${rate},"heart_rate_max":${rate},"start_time":${epochMs(time)},"end_time":${epochMs(time) + 4_999}}`,
    after: ']',
  },
  'oura-csv': {
    before: 'timestamp;bpm;source\n',
    value: (time, rate) => `${time};${rate};awake\n`,
    after: '',
  },
  oura: {
    before: '{"data":[',
    value: (time, rate, i) => `${comma(i)}{"bpm":${rate},"source":"awake","timestamp":"${time}"}`,
    after: '],"next_token":null}',
  },
  withings: {
    before: 'start,duration,value\n',
    value: (time, rate) => `${time},"[5]","[${rate}]"\n`,
    after: '',
  },
  'huawei-hitrack': {
    before: 'tp=lbs;k=0;lat=50.7;lon=-3.5;alt=0.0;t=1.55E12;\n',
    value: (time, rate) => `tp=h-r;k=${epochMs(time)};v=${rate};\n`,
    after: '',
  },
  huawei: {
    before: '[',
    value: (time, rate, i) =>
      `${comma(i)}{"type":7,"samplePoints":[{"key":"DATA_POINT_DYNAMIC_HEARTRATE","value":"${rate}.0","startTime":${epochMs(time)}}]}`,
    after: ']',
  },
  'polar-session': {
    before:
      '{"exportVersion":"1.6","startTime":"2024-01-15T10:00:00.000","timeZoneOffset":0,"exercises":[{"samples":{"heartRate":[',
    value: (time, rate, i) => `${comma(i)}{"dateTime":"${time.slice(0, 19)}.000","value":${rate}}`,
    after: ']}}],"product":{"modelName":"Watch"},"deviceId":"A1"}',
  },
  'polar-sensor-logger': {
    before: 'Phone timestamp;sensor timestamp [ns];HR [bpm];HRV [ms]\n',
    value: (time, rate) => `${time.slice(0, 19)}.123;;${rate};\n`,
    after: '',
  },
  'polar-hrm': {
    before: '[Params]\nVersion=106\nDate=20240115\nStartTime=00:00:00.0\nInterval=5\n[HRData]\n',
    value: (_time, rate) => `${rate}\n`,
    after: '',
  },
  'suunto-xml': {
    before:
      '<?xml version="1.0"?><sml><DeviceLog><Device><Name>Watch</Name><SerialNumber>A1</SerialNumber></Device><Samples>\n',
    value: (time, rate) => `<Sample><UTC>${time}</UTC><HR>${(rate / 60).toFixed(4)}</HR></Sample>\n`,
    after: '</Samples></DeviceLog></sml>\n',
  },
  'suunto-json': {
    before: '{"DeviceLog":{"Device":{"Name":"Watch","SerialNumber":"A1"},"Samples":[',
    value: (time, rate, i) => `${comma(i)}{"HR":${(rate / 60).toFixed(4)},"TimeISO8601":"${time}"}`,
    after: ']}}',
  },
  'open-mhealth': {
    before: '',
    value: (time, rate, i) =>
      `{"header":{"id":"${i}","schema_id":{"namespace":"omh","name":"heart-rate","version":"2.0"},"user_id":"ana","acquisition_provenance":{"source_name":"watch"}},"body":{"heart_rate":{"value":${rate},"unit":"beats/min"},"effective_time_frame":{"date_time":"${time}"}}}\n`,
    after: '',
  },
  zepp: {
    before: 'date,time,heartRate\n',
    value: (time, rate) => `${time.slice(0, 10)},${time.slice(11, 19)},${rate}\n`,
    after: '',
  },
};

const VALUES_A_PIECE = 1_000;

/** @param {number} i */
const rateOf = (i) => 60 + (i % 90);

/** Writes a file that is text. @type {(file: MadeUpFile) => WriteFile} */
function textWriter({ before, value, after }) {
  return async (path, count) => {
    const stream = createWriteStream(path);
    stream.write(before);
    for (let from = 0; from < count; from += VALUES_A_PIECE) {
      let text = '';
      for (let i = from; i < Math.min(count, from + VALUES_A_PIECE); i += 1) {
        const time = `${new Date(START_MS + i * STEP_MS).toISOString().slice(0, 19)}Z`;
        text += value(time, rateOf(i), i);
      }
      if (!stream.write(text)) await once(stream, 'drain');
    }
    stream.end(after);
    await once(stream, 'finish');
  };
}

/** Seconds from 1970 to the beginning of time in a FIT file, 1989-12-31. */
const FIT_EPOCH_S = 631_065_600;

/** Records of a moment and a heart rate, as a watch writes them. @type {WriteFile} */
async function writeFit(path, count) {
  // A definition of message 20 with fields 253, a time of four bytes, and 3, a heart rate of one; then a record of each value.
  const definition = [0x40, 0, 0, 20, 0, 2, 253, 4, 134, 3, 1, 2];
  const data = Buffer.alloc(definition.length + 6 * count);
  data.set(definition);
  for (let i = 0, at = definition.length; i < count; i += 1, at += 6) {
    data.writeUInt32LE((START_MS + i * STEP_MS) / 1_000 - FIT_EPOCH_S, at + 1);
    data.writeUInt8(rateOf(i), at + 5);
  }
  const header = Buffer.from([14, 16, 0, 0, 0, 0, 0, 0, 0x2e, 0x46, 0x49, 0x54, 0, 0]);
  header.writeUInt32LE(data.length, 4);
  // Without a checksum, which is a warning: the reader computes it all the same.
  await writeFile(path, Buffer.concat([header, data, Buffer.alloc(2)]));
}

/** As SQLite itself writes it. @type {WriteFile} */
async function writeHealthConnect(path, count) {
  const database = new sqlite.Database(path);
  for (const statement of [
    'CREATE TABLE application_info_table (row_id INTEGER PRIMARY KEY, package_name TEXT, app_name TEXT)',
    'CREATE TABLE device_info_table (row_id INTEGER PRIMARY KEY, manufacturer TEXT, model TEXT, device_type INTEGER)',
    'CREATE TABLE heart_rate_record_table (row_id INTEGER PRIMARY KEY, uuid BLOB, app_info_id INTEGER, device_info_id INTEGER, start_time INTEGER, start_zone_offset INTEGER)',
    'CREATE TABLE heart_rate_record_series_table (parent_key INTEGER NOT NULL, beats_per_minute INTEGER NOT NULL, epoch_millis INTEGER NOT NULL)',
    "INSERT INTO application_info_table VALUES (7, 'com.app', 'App')",
    "INSERT INTO device_info_table VALUES (1, 'Maker', 'Band 3', 1)",
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${Math.ceil(count / 60)})
     INSERT INTO heart_rate_record_table SELECT i, randomblob(16), 7, 1, ${START_MS}, 0 FROM n`,
    `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${count})
     INSERT INTO heart_rate_record_series_table SELECT 1 + i / 60, 60 + i % 90, ${START_MS} + i * ${STEP_MS} FROM n`,
  ])
    database.run(statement);
  database.close();
}

/**
 * Writes a file with so many values.
 * @callback WriteFile
 * @param {string} path
 * @param {number} count
 * @returns {Promise<void>}
 */

/** What writes a file of each format, by its name. @type {Readonly<Record<string, WriteFile>>} */
export const EXPORT_FILES = {
  ...Object.fromEntries(Object.entries(TEXT_FILES).map(([name, file]) => [name, textWriter(file)])),
  fit: writeFit,
  'health-connect': writeHealthConnect,
};
