/** Suunto: JSON of its app and of Movescount. Heart rates are in hertz. */
import { toDeviceId } from '../../device-id.js';
import { jsonFormat, listOf, member, textOf } from '../../text/json-format.js';
import type { JsonChoice } from '../../text/json-values.js';
import { offsetInstant } from '../../text/local-time.js';
import { toNumber } from '../../text/numbers.js';

const FALLBACK = 'suunto';

/** Beats a minute of one a second. */
const PER_MINUTE = 60;

/** Samples that may stand before their device is known. */
const MAX_HELD = 100_000;

/** Samples of an activity: `DeviceLog.Samples`, or `Samples` with attributes. */
export const suuntoJson = jsonFormat({
  name: 'suunto-json',
  title: 'Suunto, JSON',
  recognizes: (head) => head.includes('"DeviceLog"') || head.includes('suunto/sml') || isSamples(head),
  select: chooseSamples,
  createReader(gather) {
    let deviceId: string | null = null;
    let held: (readonly [timeMs: number | null, rate: number])[] = [];
    function flush(): void {
      for (const [timeMs, rate] of held) gather.value(deviceId ?? FALLBACK, timeMs, rate);
      held = [];
    }
    return {
      value(path, value) {
        if (path.at(-1) === 'Device') {
          deviceId = deviceOf(value);
          flush();
          return;
        }
        const rate = rateOf(value);
        if (rate === undefined) return;
        const timeMs = offsetInstant(member(value, 'TimeISO8601') ?? member(value, 'UTC'));
        if (rate === null) gather.drop('absent');
        else held.push([timeMs, rate * PER_MINUTE]);
        if (deviceId === null && held.length >= MAX_HELD)
          gather.note(
            'device_unknown',
            'a log is so long that its device, named behind the samples, is not waited for',
          );
        if (deviceId !== null || held.length >= MAX_HELD) flush();
      },
      end: flush,
    };
  },
});

function isSamples(head: string): boolean {
  return head.includes('"TimeISO8601"') && /"HR"\s*:/.test(head);
}

function chooseSamples(path: readonly string[]): JsonChoice {
  const [first] = path;
  const inner = first === 'DeviceLog' ? path.slice(1) : path;
  if (inner.length === 0) return 'enter';
  if (inner[0] === 'Samples') return inner.length === 1 ? 'enter' : 'take';
  if (inner[0] === 'Header' || inner[0] === 'Device')
    return inner.length === 1 && inner[0] === 'Header' ? 'enter' : inner.at(-1) === 'Device' ? 'take' : 'skip';
  return 'skip';
}

/** A sample's heart rate, in hertz; `undefined` where the sample is of something else. */
function rateOf(sample: unknown): number | null | undefined {
  const within = member(member(member(sample, 'Attributes'), 'suunto/sml'), 'Sample');
  const rate = member(sample, 'HR') ?? member(within, 'HR');
  if (rate === undefined) return undefined;
  const [first] = listOf(rate);
  return toNumber(Array.isArray(rate) ? first : rate);
}

function deviceOf(device: unknown): string {
  const [name, serial] = ['Name', 'SerialNumber'].map((key) => textOf(member(device, key)) ?? '');
  return toDeviceId(`${name} ${serial}`, FALLBACK);
}
