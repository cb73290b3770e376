/** Made-up files of devices and exports, as large as they are asked for: a value every five seconds, of one device. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { START_MS } from './readings.js';

const STEP_MS = 5_000;

/**
 * A file of a format.
 * @typedef {object} MadeUpFile
 * @property {string} before
 * @property {(time: string, rate: number, i: number) => string} value of an instant like `2024-01-15T10:00:00Z`
 * @property {string} after
 */

/** A record of Apple's export that is none of a heart rate, as most are.
 * @param {string} apple
 */
const steps = (apple) =>
  ` <Record type="HKQuantityTypeIdentifierStepCount" sourceName="Ana" unit="count" creationDate="${apple}" startDate="${apple}" endDate="${apple}" value="12"/>\n`;

/** @param {string} time */
const appleTime = (time) => `${time.slice(0, 10)} ${time.slice(11, 19)} +0000`;

/** By the formats' names. @type {Record<string, MadeUpFile>} */
export const EXPORT_FILES = {
  'apple-health': {
    before: '<?xml version="1.0" encoding="UTF-8"?>\n<HealthData locale="en_US">\n',
    value: (time, rate, i) =>
      `${steps(appleTime(time))} <Record type="HKQuantityTypeIdentifierHeartRate" sourceName="Ana’s Apple Watch" sourceVersion="9.6.3" device="&lt;&lt;HKDevice: 0x${(i * 7_919).toString(16)}&gt;, name:Apple Watch, manufacturer:Apple, model:Watch, hardware:Watch4,4, software:9.6.3&gt;" unit="count/min" creationDate="${appleTime(time)}" startDate="${appleTime(time)}" endDate="${appleTime(time)}" value="${rate}">\n  <MetadataEntry key="HKMetadataKeyHeartRateMotionContext" value="0"/>\n </Record>\n`,
    after: '</HealthData>\n',
  },
  'fitbit-takeout': {
    before: '[',
    value: (time, rate, i) =>
      `${i === 0 ? '' : ','}{"dateTime":"${time.slice(5, 7)}/${time.slice(8, 10)}/${time.slice(2, 4)} ${time.slice(11, 19)}","value":{"bpm":${rate},"confidence":3}}`,
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
};

const VALUES_A_PIECE = 1_000;

/**
 * Writes a file of a format.
 * @param {string} path
 * @param {MadeUpFile} file
 * @param {number} count values
 */
export async function writeExport(path, { before, value, after }, count) {
  const stream = createWriteStream(path);
  stream.write(before);
  for (let from = 0; from < count; from += VALUES_A_PIECE) {
    let text = '';
    for (let i = from; i < Math.min(count, from + VALUES_A_PIECE); i += 1) {
      const time = `${new Date(START_MS + i * STEP_MS).toISOString().slice(0, 19)}Z`;
      text += value(time, 60 + (i % 90), i);
    }
    if (!stream.write(text)) await once(stream, 'drain');
  }
  stream.end(after);
  await once(stream, 'finish');
}
