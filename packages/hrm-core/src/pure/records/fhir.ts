/**
 * FHIR R4: an Observation a value, by the heart rate profile of the vital signs. A reading has a moment, a mean of an interval has a period,
 * whose last millisecond is inside it, as FHIR counts.
 * @see https://hl7.org/fhir/R4/heartrate.html
 */
import { MINUTE_MS } from '../../limits.js';
import { formatInstant } from '../reading/timestamp.js';
import { inPieces, type RecordForm } from './form.js';
import type { IdOf } from './ids.js';
import { READING_TYPES } from './media-types.js';
import type { RecordSubject, RecordTable } from './table.js';

/** A Bundle of Observations. */
export const fhirBundle: RecordForm<'fhir'> = {
  name: 'fhir',
  title: 'FHIR Bundle',
  mediaType: READING_TYPES.fhir,
  extension: 'fhir.json',
  hasIntervals: true,
  hasIds: true,
  begin(subject) {
    return {
      head: '{"resourceType":"Bundle","type":"collection"',
      *table(records, isFirst, idOf) {
        const observation = observationWriter(subject, records, idOf);
        // FHIR has no empty lists.
        let before = isFirst ? ',"entry":[' : ',';
        yield* inPieces(0, records.length, (row) => {
          const text = `${before}{"fullUrl":"urn:uuid:${idOf(row)}","resource":${observation(row)}}`;
          before = ',';
          return text;
        });
      },
      end: (count) => (count === 0 ? '}' : ']}'),
    };
  },
};

/** An Observation a line, as bulk data are. */
export const fhirLines: RecordForm<'fhir-ndjson'> = {
  name: 'fhir-ndjson',
  title: 'FHIR Observations, one a line',
  mediaType: READING_TYPES['fhir-ndjson'],
  extension: 'fhir.ndjson',
  hasIntervals: true,
  hasIds: true,
  begin: (subject) => ({
    head: '',
    table(records, _, idOf) {
      const observation = observationWriter(subject, records, idOf);
      return inPieces(0, records.length, (row) => `${observation(row)}\n`);
    },
    end: () => '',
  }),
};

/** The LOINC code of heart rates. */
export const HEART_RATE_CODE = '8867-4';
/** The code system that it is of. */
export const LOINC = 'http://loinc.org';
/** The profile that an Observation says it follows. */
export const HEART_RATE_PROFILE = 'http://hl7.org/fhir/StructureDefinition/heartrate';

const MIDDLE = JSON.stringify({
  meta: { profile: [HEART_RATE_PROFILE] },
  status: 'final',
  category: [
    {
      coding: [
        {
          system: 'http://terminology.hl7.org/CodeSystem/observation-category',
          code: 'vital-signs',
          display: 'Vital Signs',
        },
      ],
    },
  ],
  code: { coding: [{ system: LOINC, code: HEART_RATE_CODE, display: 'Heart rate' }], text: 'Heart rate' },
}).slice(1, -1);

const UNIT = '"unit":"beats/minute","system":"http://unitsofmeasure.org","code":"/min"';

/** Writes the Observations of a table. */
export function observationWriter(
  { userId, intervalMs }: RecordSubject,
  { startMs, heartRate, deviceSet, deviceSets, receivedMinute }: RecordTable,
  idOf: IdOf,
): (row: number) => string {
  const subject = `"subject":${JSON.stringify(patientOf(userId))}`;
  const devices = new Map<number, string>();
  function deviceOf(set: number): string {
    const text = devices.get(set) ?? deviceText(deviceSets[set] ?? []);
    devices.set(set, text);
    return text;
  }
  function timeOf(row: number): string {
    const start = startMs[row] as number;
    if (intervalMs === null) return `"effectiveDateTime":"${formatInstant(start)}"`;
    return `"effectivePeriod":{"start":"${formatInstant(start)}","end":"${formatInstant(start + intervalMs - 1)}"}`;
  }
  return (row) => {
    const received = receivedMinute?.[row] ?? 0;
    const issued = received === 0 ? '' : `,"issued":"${formatInstant(received * MINUTE_MS)}"`;
    const value = `"valueQuantity":{"value":${heartRate[row]},${UNIT}}`;
    const device = deviceOf(deviceSet[row] as number);
    return `{"resourceType":"Observation","id":"${idOf(row)}",${MIDDLE},${subject},${timeOf(row)}${issued},${value}${device}}`;
  };
}

/** What a logical id may be. */
const LOGICAL_ID = /^[A-Za-z0-9.-]{1,64}$/;

/** By its identifier, which any user_id can be, and by a reference where it can be one. */
function patientOf(userId: string) {
  const reference = LOGICAL_ID.test(userId) ? { reference: `Patient/${userId}` } : {};
  return { ...reference, type: 'Patient', identifier: { value: userId } };
}

/** An Observation has one device at most: of several a note tells. */
function deviceText(deviceIds: readonly string[]): string {
  const [device] = deviceIds;
  if (device === undefined) return '';
  if (deviceIds.length === 1)
    return `,"device":${JSON.stringify({ type: 'Device', identifier: { value: device }, display: device })}`;
  return `,"note":${JSON.stringify([{ text: `Devices: ${JSON.stringify(deviceIds)}` }])}`;
}
