/** Polar Flow: the heart rate of whole days, as seconds since a midnight of the wearer's clock. */
import { DAY_MS } from '../../../limits.js';
import { toDeviceId } from '../../device-id.js';
import { jsonFormat, listOf, member, textOf } from '../../text/json-format.js';
import { wallMsOf, zonedMs } from '../../text/local-time.js';
import { toNumber } from '../../text/numbers.js';

const FALLBACK = 'polar';

/** `247ohr_….json`. */
export const polarDay = jsonFormat({
  name: 'polar-day',
  title: 'Polar Flow, days',
  recognizes: (head) => head.includes('"deviceDays"') || head.includes('"secondsFromDayStart"'),
  select: ([first, second]) =>
    first === undefined || (first === 'deviceDays' && second === undefined)
      ? 'enter'
      : first === 'deviceDays'
        ? 'take'
        : 'skip',
  createReader: (gather, context) => ({
    value(_, day) {
      const midnightMs = wallMsOf(`${member(day, 'date')} 00:00`);
      const deviceId = toDeviceId(textOf(member(day, 'deviceId')) ?? '', FALLBACK);
      for (const sample of listOf(member(day, 'samples'))) {
        const rate = toNumber(member(sample, 'heartRate'));
        const seconds = toNumber(member(sample, 'secondsFromDayStart'));
        const elapsedMs = seconds === null ? Number.NaN : seconds * 1_000;
        const isTime = midnightMs !== null && elapsedMs >= 0 && elapsedMs < DAY_MS;
        gather.value(deviceId, isTime ? zonedMs(midnightMs + elapsedMs, context, deviceId) : null, rate);
      }
    },
  }),
});
