/**
 * Google Fit: the files of its Takeout and what its REST API answers. A merged file repeats what the raw ones have: its readings get the
 * device that they came from, so that those that are there twice are one.
 */
import { toDeviceId } from '../device-id.js';
import { belowRoot, jsonFormat, listOf, member, textOf } from '../text/json-format.js';
import type { JsonChoice } from '../text/json-values.js';
import { nanosToMs, toNumber } from '../text/numbers.js';

const FALLBACK = 'google-fit';

const POINTS = ['Data Points', 'point'];
const SOURCES = ['Data Source', 'dataSourceId'];

/** Values of Google Fit, in files of either spelling. */
export const googleFit = jsonFormat({
  name: 'google-fit',
  title: 'Google Fit',
  recognizes: (head) => head.includes('com.google.heart_rate.bpm') || isDataOf(head),
  select: (path) => choosePoints(belowRoot(path)),
  createReader(gather) {
    let source = '';
    return {
      value(path, value) {
        if (SOURCES.includes(path.at(-1) ?? '')) {
          source = textOf(value) ?? '';
          return;
        }
        const kind = textOf(member(value, 'dataTypeName'));
        // `com.google.heart_rate.summary`: the average, the highest and the lowest.
        if (kind !== null && kind !== 'com.google.heart_rate.bpm') {
          if (kind.includes('heart_rate')) gather.drop('summary');
          return;
        }
        if (kind === null && !source.includes('heart_rate.bpm')) return;
        // The heart rate at rest, a day each, has the same type.
        if (source.includes('resting_heart_rate')) {
          gather.drop('summary');
          return;
        }
        const deviceId = deviceOf(textOf(member(value, 'originDataSourceId')) ?? source);
        gather.value(deviceId, nanosToMs(member(value, 'startTimeNanos')), rateOf(value));
      },
      left(path) {
        if (belowRoot(path).length === 0) source = '';
      },
    };
  },
});

function isDataOf(head: string): boolean {
  return /"Data Source"\s*:\s*"[^"]{0,200}heart_rate/.test(head);
}

function choosePoints(path: readonly string[]): JsonChoice {
  const [list] = path;
  if (list === undefined) return 'enter';
  if (SOURCES.includes(list)) return 'take';
  if (!POINTS.includes(list)) return 'skip';
  return path.length === 1 ? 'enter' : 'take';
}

/** `fitValue[0].value.fpVal`, or `value[0].fpVal`; either list may be empty. */
function rateOf(point: unknown): number | null {
  const [fit] = listOf(member(point, 'fitValue'));
  const [rest] = listOf(member(point, 'value'));
  const value = member(fit, 'value') ?? rest;
  return toNumber(member(value, 'fpVal') ?? member(value, 'intVal'));
}

/**
 * A source is `raw:com.google.heart_rate.bpm:com.xiaomi.hm.health:Xiaomi:Mi Band 3:1a2b3c4d:name`: the app, and of a device its maker, its
 * model, a number and the stream's name. App, maker and model are the device.
 */
function deviceOf(source: string): string {
  const [, , app = '', ...device] = source.split(':', 5);
  return toDeviceId(`${app} ${device.join(' ')}`, FALLBACK);
}
