/**
 * Apple Health: the XML of its export, whatever the language of its name. Heart rates are `Record` elements. The same beats come from several
 * sources, each of which is a device of its own.
 */
import { toDeviceId } from '../device-id.js';
import type { FileFormat } from '../file-format.js';
import { createGatherer, type Gatherer } from '../text/gather.js';
import { unitFactor } from '../text/heart-rate-unit.js';
import { offsetInstant } from '../text/local-time.js';
import { toNumber } from '../text/numbers.js';
import { readXml, type XmlAttributes, type XmlHandler, xmlRootOf } from '../xml.js';

const FALLBACK = 'apple-health';

const HEART_RATE = 'HKQuantityTypeIdentifierHeartRate';

/** Heart rates that are none of a moment. */
const SUMMARIES = ['HKQuantityTypeIdentifierRestingHeartRate', 'HKQuantityTypeIdentifierWalkingHeartRateAverage'];

/** Devices whose id is remembered. */
const MAX_REMEMBERED = 1_000;

/** `export.xml` within `export.zip`. */
export const appleHealth: FileFormat = {
  name: 'apple-health',
  title: 'Apple Health export',
  recognizes: (head) => xmlRootOf(head) === 'HealthData',
  read(bytes) {
    const gather = createGatherer();
    return readXml(bytes, createHandler(gather), gather.take);
  },
};

function createHandler(gather: Gatherer): XmlHandler {
  const deviceOf = createDeviceIds();
  const toMs = createClock();
  function takeRecord(attributes: XmlAttributes): void {
    const type = attributes.get('type');
    if (type !== HEART_RATE) {
      if (type !== undefined && SUMMARIES.includes(type)) gather.drop('summary');
      return;
    }
    // In 2015 the name of the source was another, and units were of a second.
    const source = attributes.get('sourceName') ?? attributes.get('source') ?? '';
    const factor = unitFactor(attributes.get('unit') ?? 'count/min');
    const value = toNumber(attributes.get('value'));
    if (factor === null) {
      gather.drop('damaged');
      gather.note('unknown_unit', 'some heart rates have a unit that is not known: they are not taken');
      return;
    }
    const deviceId = deviceOf(source, attributes.get('device') ?? '');
    gather.value(deviceId, toMs(attributes.get('startDate') ?? ''), value === null ? null : value * factor);
  }
  return {
    open(name, attributes) {
      if (name === 'Record') takeRecord(attributes);
      else if (name === 'WorkoutStatistics') {
        if (attributes.get('type') === HEART_RATE) gather.drop('summary');
      } else if (name === 'InstantaneousBeatsPerMinute') gather.note('beats_without_date', BEATS);
    },
    text: () => undefined,
    close: () => undefined,
  };
}

const BEATS = 'beats of heart rate variability have a time of day without a date: they are not taken';

/** Ids by source and hardware: the rest of a device's text has an address in it, which changes all the time. */
function createDeviceIds(): (source: string, device: string) => string {
  const known = new Map<string, string>();
  return (source, device) => {
    const hardware = fieldOf(device, 'hardware:');
    const name = hardware === '' ? source : `${source} (${hardware})`;
    let id = known.get(name);
    if (id !== undefined) return id;
    id = toDeviceId(name, FALLBACK);
    if (known.size >= MAX_REMEMBERED) known.clear();
    known.set(name, id);
    return id;
  };
}

/** A field of `<<HKDevice: 0x533ad2350>, name:Apple Watch, model:Watch, hardware:Watch4,4, software:9.6.3>`. */
function fieldOf(device: string, field: string): string {
  const at = device.indexOf(field);
  if (at === -1) return '';
  const from = at + field.length;
  const comma = device.indexOf(', ', from);
  return device
    .slice(from, comma === -1 ? device.length : comma)
    .replaceAll('>', '')
    .trim();
}

/** `2024-01-15 10:00:00 +0100`, of which the date is mostly that of the time before. */
function createClock(): (text: string) => number | null {
  let day = '';
  let dayMs: number | null = null;
  return (text) => {
    if (text.length !== 25 || text[10] !== ' ' || text[13] !== ':' || text[16] !== ':' || text[19] !== ' ')
      return offsetInstant(text);
    const date = text.slice(0, 10);
    if (date !== day) {
      day = date;
      dayMs = offsetInstant(`${date} 00:00:00 +0000`);
    }
    const [hour, minute, second] = [pair(text, 11), pair(text, 14), pair(text, 17)];
    const [offsetHour, offsetMinute] = [pair(text, 21), pair(text, 23)];
    const sign = text[20] === '-' ? -1 : text[20] === '+' ? 1 : Number.NaN;
    if (dayMs === null || !(hour <= 23 && minute <= 59 && second <= 59)) return null;
    return dayMs + (hour * 3_600 + minute * 60 + second - sign * (offsetHour * 3_600 + offsetMinute * 60)) * 1_000;
  };
}

/** Two digits; NaN for what is none. */
function pair(text: string, at: number): number {
  const [tens, ones] = [text.charCodeAt(at) - 0x30, text.charCodeAt(at + 1) - 0x30];
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}
