/** Records that leave: what they hold comes in again, and strangers' rules find nothing wrong with them. */
import { readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { Fhir } from 'fhir';
import fhirpath, { type Model } from 'fhirpath';
import model from 'fhirpath/fhir-context/r4/index.js';
import { describe, expect, it, test } from 'vitest';
import { columnsFromReadings, type Reading } from '../../src/pure/columns.js';
import { mergeReadings } from '../../src/pure/merge.js';
import { fhirBundle, fhirLines } from '../../src/pure/records/fhir.js';
import { type RecordForm, writeRecords } from '../../src/pure/records/form.js';
import { HEALTH_FORMS, RECORD_FORMS } from '../../src/pure/records/forms.js';
import { gpxTracks } from '../../src/pure/records/gpx.js';
import { openMhealthPoints } from '../../src/pure/records/open-mhealth.js';
import { readingLines, readingsCsv, readingsJson } from '../../src/pure/records/reading-lists.js';
import { type RecordSubject, type RecordTable, recordsOfReadings } from '../../src/pure/records/table.js';
import { tcxActivities } from '../../src/pure/records/tcx.js';
import { readFormat } from '../support/read-format.js';

/** Its types are looser than ours. */
const r4 = model as Model;

const RUNS = Number(process.env.HRM_RECORDS_RUNS ?? 60);
const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2024, 0, 15);

/** An id as devices and exports have it, and as every form can carry: see `toDeviceId`. */
const IDS = [
  'watch',
  'Ana’s Watch (Watch6,2)',
  'a "quoted", one',
  '<b>&amp;</b>',
  "'",
  'ü',
  '日本 🫀',
  'x'.repeat(128),
  '-',
];
const id = fc.oneof(
  fc.constantFrom(...IDS),
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .map((text) => text.normalize('NFC').replace(/[\p{Cc}\s\ufffe\uffff]/gu, '_')),
);

const days = fc.tuple(id, fc.uniqueArray(id, { minLength: 1, maxLength: 3 })).chain(([userId, devices]) =>
  fc
    .array(
      fc.record({
        deviceId: fc.constantFrom(...devices),
        timestampMs: fc.integer({ min: START_MS, max: START_MS + 3 * DAY_MS }),
        heartRate: fc.integer({ min: 30, max: 220 }),
        receivedMs: fc.constantFrom(0, START_MS + 10 * DAY_MS),
      }),
      { maxLength: 40 },
    )
    .map((readings) => ({ userId, readings: readings.map((reading) => ({ ...reading, userId })) })),
);

/** As an export gives them: merged, a day at a time. */
async function* tablesOf(readings: readonly Reading[]): AsyncGenerator<RecordTable> {
  for (let day = START_MS; day <= START_MS + 3 * DAY_MS; day += DAY_MS) {
    const own = readings.filter(({ timestampMs }) => timestampMs >= day && timestampMs < day + DAY_MS);
    if (own.length > 0) yield recordsOfReadings(mergeReadings([columnsFromReadings(own)]));
  }
}

async function textOf(form: RecordForm, subject: RecordSubject, tables: AsyncIterable<RecordTable>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of writeRecords(form, subject, tables)) text += decoder.decode(piece, { stream: true });
  return text + decoder.decode();
}

/** What rule 1 leaves of readings that were received in the same minute or not at all, as an importer tells it. */
function expected(readings: readonly Reading[], hasUser: boolean): string[] {
  const kept = new Map<string, Reading>();
  for (const reading of readings) {
    const key = `${reading.deviceId}\n${reading.timestampMs}`;
    const other = kept.get(key);
    const isLater =
      other === undefined ||
      reading.receivedMs > other.receivedMs ||
      (reading.receivedMs === other.receivedMs && reading.heartRate > other.heartRate);
    if (isLater) kept.set(key, reading);
  }
  return [...kept.values()]
    .map(({ userId, deviceId, timestampMs, heartRate }) => {
      const time = new Date(timestampMs).toISOString().replace('.000Z', 'Z');
      return `${hasUser ? `${userId}: ` : ''}${deviceId} ${time} ${heartRate}`;
    })
    .sort();
}

describe('readings that leave come in again', () => {
  // GPX and TCX do not say whose they are.
  it.each([
    [fhirBundle, true],
    [fhirLines, true],
    [openMhealthPoints, true],
    [gpxTracks, false],
    [tcxActivities, false],
  ])('as $name', async (form, hasUser) => {
    const check = async ({ userId, readings }: { userId: string; readings: readonly Reading[] }) => {
      const text = await textOf(form, { userId, intervalMs: null }, tablesOf(readings));
      const read = await readFormat(text, { pieceBytes: 1_000 });
      expect([...read.readings].sort()).toEqual(expected(readings, hasUser));
      expect(read.account?.damages ?? []).toEqual([]);
    };
    await fc.assert(
      fc.asyncProperty(
        days.filter(({ readings }) => readings.length > 0),
        check,
      ),
      { numRuns: RUNS },
    );
  });

  test('as JSON, one a line and CSV, field by field', async () => {
    const check = async ({ userId, readings }: { userId: string; readings: readonly Reading[] }) => {
      const subject = { userId, intervalMs: null };
      const list = JSON.parse(await textOf(readingsJson, subject, tablesOf(readings))) as Record<string, string>[];
      const told = (one: Record<string, string>) =>
        `${one.user_id}: ${one.device_id} ${one.timestamp} ${one.heart_rate}`;
      expect(list.map(told).sort()).toEqual(expected(readings, true));
      const lines = await textOf(readingLines, subject, tablesOf(readings));
      expect(lines).toBe(list.map((one) => `${JSON.stringify(one)}\n`).join(''));
      const [header, ...rows] = (await textOf(readingsCsv, subject, tablesOf(readings))).split('\r\n');
      expect(header).toBe('user_id,device_id,timestamp,heart_rate');
      expect(rows.pop()).toBe('');
      const quote = (text = '') => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
      expect(rows).toEqual(
        list.map((one) => `${quote(one.user_id)},${quote(one.device_id)},${one.timestamp},${one.heart_rate}`),
      );
    };
    await fc.assert(fc.asyncProperty(days, check), { numRuns: RUNS });
  });

  it.each(RECORD_FORMS)('as $name, also where there are none', async (form) => {
    const text = await textOf(form, { userId: 'ana', intervalMs: null }, tablesOf([]));
    if (form.mediaType.endsWith('json') && !form.name.endsWith('ndjson')) expect(() => JSON.parse(text)).not.toThrow();
    if (HEALTH_FORMS.some(({ name }) => name === form.name) && text !== '')
      expect((await readFormat(text)).readings).toEqual([]);
  });
});

/** Minutes, of one device and of two. */
const MINUTES: RecordTable = {
  length: 2,
  startMs: Float64Array.of(START_MS, START_MS + 60_000),
  heartRate: Float64Array.of(72, 75.33),
  deviceSet: Uint32Array.of(0, 1),
  deviceSets: [['watch'], ['strap', 'watch']],
};

const READINGS = [
  { userId: 'ana', deviceId: 'watch', timestampMs: START_MS + 250, heartRate: 72, receivedMs: START_MS + DAY_MS },
  { userId: 'ana', deviceId: 'strap', timestampMs: START_MS, heartRate: 71, receivedMs: 0 },
];

async function* once(table: RecordTable) {
  yield table;
}

/** A document of minutes, and one of readings. @param userId - one that FHIR has a reference for, or not. */
async function documentsOf(form: RecordForm, userId: string): Promise<string[]> {
  const minutes = await textOf(form, { userId, intervalMs: 60_000 }, once(MINUTES));
  const readings = await textOf(form, { userId, intervalMs: null }, tablesOf(READINGS));
  return [minutes, readings];
}

const USERS = ['ana', 'Ana Ü "1"'];

describe('FHIR', () => {
  const validator = new Fhir();

  /** What is wrong by the validator, which has no LOINC and says so. */
  function faultsOf(resource: object) {
    return validator.validate(resource, { errorOnUnexpected: true }).messages.filter(({ severity }) => {
      return severity === 'error' || severity === 'fatal';
    });
  }

  test.each(USERS)('is R4 as a validator has it, for the user %s', async (userId) => {
    for (const text of await documentsOf(fhirBundle, userId)) {
      const bundle = JSON.parse(text);
      expect(faultsOf(bundle)).toEqual([]);
      expect(bundle.entry).toHaveLength(2);
    }
    const [lines = ''] = await documentsOf(fhirLines, userId);
    for (const line of lines.trimEnd().split('\n')) expect(faultsOf(JSON.parse(line))).toEqual([]);
    // What would be wrong is told.
    const [, wrong] = await documentsOf(fhirBundle, userId);
    expect(faultsOf(JSON.parse((wrong ?? '').replace('"final"', '"done"')))).not.toEqual([]);
    expect(faultsOf(JSON.parse((wrong ?? '').replace('"status"', '"state"')))).not.toEqual([]);
  });

  /** @see https://hl7.org/fhir/R4/heartrate.html and its base, the vital signs */
  const PROFILE = [
    "Bundle.entry.all(fullUrl = 'urn:uuid:' & resource.id)",
    'Bundle.entry.fullUrl.isDistinct()',
    "Bundle.entry.resource.all(status in ('registered' | 'preliminary' | 'final' | 'amended'))",
    "Bundle.entry.resource.all(category.coding.where(system = 'http://terminology.hl7.org/CodeSystem/observation-category' and code = 'vital-signs').count() = 1)",
    "Bundle.entry.resource.all(code.coding.where(system = 'http://loinc.org' and code = '8867-4').count() = 1)",
    'Bundle.entry.resource.all(subject.count() = 1 and (subject.reference.exists() or subject.identifier.exists()))',
    'Bundle.entry.resource.all((effective as dateTime).exists() xor (effective as Period).exists())',
    'Bundle.entry.resource.effective.ofType(Period).all(start.exists() and end.exists() and start <= end)',
    "Bundle.entry.resource.all(value.ofType(Quantity).where(value.exists() and unit.exists() and system = 'http://unitsofmeasure.org' and code = '/min').count() = 1)",
    'Bundle.entry.resource.all(dataAbsentReason.empty() and component.empty() and hasMember.empty())',
    'Bundle.entry.resource.all(device.count() <= 1)',
    "Bundle.entry.resource.all(meta.profile contains 'http://hl7.org/fhir/StructureDefinition/heartrate')",
  ];

  test.each(USERS)('is what the heart rate profile requires, for the user %s', async (userId) => {
    for (const text of await documentsOf(fhirBundle, userId)) {
      const bundle = JSON.parse(text);
      for (const rule of PROFILE) expect([rule, fhirpath.evaluate(bundle, rule, {}, r4)]).toEqual([rule, [true]]);
      const wrong = JSON.parse(text.replace('"/min"', '"bpm"').replace('"effective', '"otherwise'));
      const broken = PROFILE.filter((rule) => String(fhirpath.evaluate(wrong, rule, {}, r4)) !== 'true');
      expect(broken.length).toBe(2);
    }
  });

  test('names a period to its last millisecond, the received time, and several devices in a note', async () => {
    const [minutes = '', readings = ''] = await documentsOf(fhirBundle, 'ana');
    const [one, two] = JSON.parse(minutes).entry;
    expect(one.resource).toMatchObject({
      effectivePeriod: { start: '2024-01-15T00:00:00Z', end: '2024-01-15T00:00:59.999Z' },
      valueQuantity: { value: 72 },
      device: { identifier: { value: 'watch' } },
      subject: { reference: 'Patient/ana', identifier: { value: 'ana' } },
    });
    expect(two.resource).toMatchObject({
      valueQuantity: { value: 75.33 },
      note: [{ text: 'Devices: ["strap","watch"]' }],
    });
    expect(two.resource).not.toHaveProperty('device');
    const issued = JSON.parse(readings).entry.map((entry: { resource: { issued?: string } }) => entry.resource.issued);
    expect(issued).toEqual([undefined, '2024-01-16T00:00:00Z']);
  });

  test('has ids that depend on user, device, time and width alone', async () => {
    async function idsOf(subject: RecordSubject, readings: readonly Reading[]): Promise<string[]> {
      const text = await textOf(fhirLines, subject, tablesOf(readings));
      return [...text.matchAll(/"id":"([^"]+)"/g)].map(([, one]) => one as string);
    }
    const all = await idsOf({ userId: 'ana', intervalMs: null }, READINGS);
    const some = await idsOf({ userId: 'ana', deviceId: 'watch', intervalMs: null }, READINGS.slice(0, 1));
    const corrected = READINGS.map((reading) => ({ ...reading, heartRate: 99, receivedMs: 0 }));
    expect(all).toContain(some[0]);
    expect(await idsOf({ userId: 'ana', intervalMs: null }, corrected)).toEqual(all);
    const others = await idsOf({ userId: 'ben', intervalMs: null }, READINGS);
    expect(new Set([...all, ...others]).size).toBe(4);
    expect(all.every((one) => /^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.test(one))).toBe(true);
  });
});

describe('Open mHealth', () => {
  const SCHEMAS = new URL('../data/open-mhealth/', import.meta.url);
  const ajv = new Ajv({ strict: false, validateFormats: false });
  for (const name of readdirSync(SCHEMAS).filter((file) => file.endsWith('.json'))) {
    // Of two drafts; without what the younger one has changed.
    const { $schema: _, id: __, ...schema } = JSON.parse(readFileSync(new URL(name, SCHEMAS), 'utf8'));
    ajv.addSchema({ ...schema, $id: name });
  }

  test.each(USERS)('is what its schemas allow, for the user %s', async (userId) => {
    for (const text of await documentsOf(openMhealthPoints, userId)) {
      const points = JSON.parse(text) as { body: Record<string, unknown> }[];
      expect(points).toHaveLength(2);
      for (const point of points) {
        expect([ajv.validate('data-point-1.x.json', point), ajv.errors]).toEqual([true, null]);
        expect([ajv.validate('heart-rate-2.x.json', point.body), ajv.errors]).toEqual([true, null]);
        const { effective_time_frame: _, ...timeless } = point.body;
        expect(ajv.validate('heart-rate-2.x.json', timeless)).toBe(false);
        expect(ajv.validate('data-point-1.x.json', { ...point, header: {} })).toBe(false);
      }
    }
  });
});
