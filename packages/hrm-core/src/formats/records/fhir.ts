/**
 * FHIR: Observations of heart rate, of R4 and R5, one, in a Bundle, or one a line. A value of a moment, a mean of some minutes, or a series as
 * SampledData.
 * @see HL7 FHIR R4, Observation and the vital signs profile of heart rate: LOINC 8867-4 in UCUM /min
 */
import { toDeviceId } from '../device-id.js';
import type { Gatherer } from '../text/gather.js';
import { quantityFactor } from '../text/heart-rate-unit.js';
import { jsonFormat, listOf, member, objectReader, textOf } from '../text/json-format.js';
import { offsetInstant } from '../text/local-time.js';
import { toNumber } from '../text/numbers.js';
import { readSampledData } from './sampled-data.js';
import { gatherInterval } from './series-values.js';

const FALLBACK = 'fhir';

const HEART_RATE = '8867-4';

/** At rest, over a day, the highest, the lowest. */
const SUMMARIES = ['40443-4', '55425-3', '8873-2', '8883-7', '69000-8', '69001-6'];

/** What was withdrawn is no reading. */
const VOID = ['entered-in-error', 'cancelled'];

/** Of an Observation at the root, and of a Bundle. */
const MEMBERS = [
  'resourceType',
  'entry',
  'status',
  'code',
  'subject',
  'device',
  'component',
  'dataAbsentReason',
  'effectiveDateTime',
  'effectiveInstant',
  'effectivePeriod',
  'valueQuantity',
  'valueInteger',
  'valueSampledData',
];

/** Whose values they are, and of when. */
interface Setting {
  readonly deviceId: string;
  readonly userId: string | undefined;
  readonly fromMs: number | null;
  readonly untilMs: number | null;
}

/** Observations and what holds them. */
export const fhir = jsonFormat({
  name: 'fhir',
  title: 'FHIR',
  recognizes: (head) => head.includes('"resourceType"') || head.includes(`"${HEART_RATE}"`),
  select: objectReader(MEMBERS, () => undefined).select,
  createReader: (gather) => objectReader(MEMBERS, (one) => readResource(one, gather, 0)),
});

/** Bundles in Bundles are not read further than this. */
const MAX_BUNDLES = 3;

function readResource(one: unknown, gather: Gatherer, depth: number): void {
  // An entry of a Bundle.
  const resource = member(one, 'resource') ?? one;
  const entries = listOf(member(resource, 'entry'));
  if (depth < MAX_BUNDLES) for (const entry of entries) readResource(entry, gather, depth + 1);
  else if (entries.length > 0)
    gather.tooLarge(`Bundles lie in one another more than ${MAX_BUNDLES} deep`, entries.length);
  if (member(resource, 'resourceType') !== 'Observation') return;
  const setting: Setting = {
    deviceId: deviceOf(member(resource, 'device')),
    userId: referenceOf(member(resource, 'subject')),
    ...timesOf(resource),
  };
  const isVoid = VOID.includes(textOf(member(resource, 'status')) ?? '');
  for (const part of [resource, ...listOf(member(resource, 'component'))]) {
    const codes = listOf(member(member(part, 'code'), 'coding')).map((coding) => member(coding, 'code'));
    if (codes.includes(HEART_RATE)) {
      if (isVoid) {
        gather.drop('damaged');
        gather.note('withdrawn', 'some observations were entered in error or cancelled: they are not taken');
      } else readValue(part, setting, gather);
    } else if (codes.some((code) => SUMMARIES.includes(String(code)))) gather.drop('summary');
  }
}

function readValue(part: unknown, setting: Setting, gather: Gatherer): void {
  const { deviceId, userId, fromMs } = setting;
  const series = member(part, 'valueSampledData');
  if (series !== undefined) {
    readSampledData(series, { deviceId, userId, fromMs }, gather);
    return;
  }
  const quantity = member(part, 'valueQuantity');
  const value = quantity === undefined ? toNumber(member(part, 'valueInteger')) : toNumber(member(quantity, 'value'));
  const factor = quantity === undefined ? 1 : quantityFactor(quantity);
  if (value !== null && (factor === null || member(quantity, 'comparator') !== undefined)) {
    gather.drop('damaged');
    gather.note(
      'unknown_unit',
      'some heart rates have a unit that is not known, or are only a bound: they are not taken',
    );
    return;
  }
  // The value of a panel is in its components, or it says why there is none.
  if (value === null && listOf(member(part, 'component')).length > 0) return;
  gatherInterval(gather, { ...setting, rate: value === null ? null : value * (factor ?? 1) });
}

function timesOf(resource: unknown): Pick<Setting, 'fromMs' | 'untilMs'> {
  const momentMs = offsetInstant(member(resource, 'effectiveDateTime') ?? member(resource, 'effectiveInstant'));
  if (momentMs !== null) return { fromMs: momentMs, untilMs: null };
  const period = member(resource, 'effectivePeriod');
  return { fromMs: offsetInstant(member(period, 'start')), untilMs: offsetInstant(member(period, 'end')) };
}

function deviceOf(device: unknown): string {
  const name = textOf(member(device, 'display')) ?? textOf(member(member(device, 'identifier'), 'value'));
  return toDeviceId(referenceOf(device) ?? name ?? '', FALLBACK);
}

/** The id of what is referred to, `Patient/ana`, or its identifier; `undefined` where neither is told. */
function referenceOf(reference: unknown): string | undefined {
  const text = textOf(member(reference, 'reference'));
  const identifier = textOf(member(member(reference, 'identifier'), 'value'));
  if (text === null) return identifier ?? undefined;
  const id = toDeviceId(text.slice(text.lastIndexOf('/') + 1), '');
  return id === '' ? undefined : id;
}
