/**
 * Fitbit: both generations of its Takeout, and what its Web API answers. They are one device: an archive has the same readings in both
 * generations, and its files do not say which watch they are of.
 */
import { DAY_MS } from '../../limits.js';
import { belowRoot, jsonFormat, member } from '../text/json-format.js';
import type { JsonChoice } from '../text/json-values.js';
import { offsetInstant, utcInstant, wallMsOf, zonedMs } from '../text/local-time.js';
import { toNumber } from '../text/numbers.js';
import { hasColumns, tableFormat } from '../text/table-format.js';
import { readTimeAndRate } from '../text/time-and-rate.js';

const DEVICE = 'fitbit';

/** `04/22/19 04:00:05` or with a year of four digits, in UTC: a file begins at its user's midnight, which is not UTC's. */
const TAKEOUT_TIME = /^(\d{2})\/(\d{2})\/(\d{2}|\d{4}) (\d{2}:\d{2}:\d{2})$/;

/** `heart_rate-2019-04-22.json` of the first generation. */
export const fitbitTakeout = jsonFormat({
  name: 'fitbit-takeout',
  title: 'Fitbit Takeout, JSON',
  recognizes: (head) => head.startsWith('[') && /"dateTime"\s*:\s*"\d\d\/\d\d\//.test(head) && head.includes('"bpm"'),
  select: (path) => (path.length === 0 ? 'enter' : 'take'),
  createReader: (gather, { keepLowConfidence }) => ({
    value(_, one) {
      const value = member(one, 'value');
      // 0: the estimate of a watch that nobody wears.
      if (member(value, 'confidence') === 0 && !keepLowConfidence) gather.drop('low_confidence');
      else gather.value(DEVICE, takeoutMs(member(one, 'dateTime')), toNumber(member(value, 'bpm')));
    },
  }),
});

function takeoutMs(text: unknown): number | null {
  const match = typeof text === 'string' && text.length < 30 ? TAKEOUT_TIME.exec(text) : null;
  if (match === null) return null;
  const [, month, day, year = '', time] = match;
  return utcInstant(`${year.length === 2 ? `20${year}` : year}-${month}-${day} ${time}`);
}

const TIME = 'timestamp';
const RATE = 'beats per minute';

/** `heart_rate_2024-01-15.csv` of the second generation. */
export const fitbitCsv = tableFormat({
  name: 'fitbit-csv',
  title: 'Fitbit Takeout, CSV',
  isHeader: (names) => hasColumns(names, TIME, RATE),
  createReader(names, gather, { fileName }) {
    // The resting heart rate of a day looks the same inside.
    if (/resting/i.test(fileName)) return { row: () => gather.drop('summary') };
    const [timeColumn, rateColumn] = [names.indexOf(TIME), names.indexOf(RATE)];
    return readTimeAndRate(gather, { deviceId: DEVICE, timeColumn, rateColumn, toMs: offsetInstant });
  },
});

/** Values that may stand before their day is known: a day of seconds. */
const MAX_HELD = 86_400;

/** What is further back than this is of the next day, and not out of order. */
const NEXT_DAY_MS = DAY_MS / 2;

/** What the Web API answers for a day, in the zone of the user's profile, which it does not name. */
export const fitbitApi = jsonFormat({
  name: 'fitbit-api',
  title: 'Fitbit Web API, intraday',
  recognizes: (head) => head.includes('"activities-heart') && /"(?:dataset|activities-heart-intraday)"/.test(head),
  select: (path) => chooseIntraday(belowRoot(path)),
  createReader(gather, context) {
    let day: number | null = null;
    let dayMs = 0;
    let lastMs = 0;
    let held: unknown[] = [];
    function tell(one: unknown): void {
      const timeMs = clockMs(member(one, 'time'));
      const rate = toNumber(member(one, 'value'));
      if (timeMs === null || day === null) {
        gather.value(DEVICE, null, rate);
        return;
      }
      if (timeMs < lastMs - NEXT_DAY_MS) dayMs += DAY_MS;
      lastMs = timeMs;
      gather.value(DEVICE, zonedMs(dayMs + timeMs, context), rate);
    }
    function finish(): void {
      for (const one of held) tell(one);
      held = [];
      day = null;
    }
    return {
      value(path, value) {
        if (path.at(-1) !== 'dateTime') {
          if (day !== null) tell(value);
          else if (held.length < MAX_HELD) held.push(value);
          else gather.tooLarge(`more than ${MAX_HELD} values stand before the day that they are of`);
          return;
        }
        // A question over midnight has two days, and one list.
        if (day !== null) return;
        day = wallMsOf(`${value} 00:00`);
        dayMs = day ?? 0;
        lastMs = 0;
        for (const one of held) tell(one);
        held = [];
      },
      left(path) {
        if (belowRoot(path).length === 0 || path.length === 0) finish();
      },
      end: finish,
    };
  },
});

function chooseIntraday(path: readonly string[]): JsonChoice {
  const [list, within, name] = path;
  if (list === undefined) return 'enter';
  if (list === 'activities-heart') return path.length < 3 ? 'enter' : name === 'dateTime' ? 'take' : 'skip';
  if (list !== 'activities-heart-intraday') return 'skip';
  if (within === undefined || (within === 'dataset' && path.length === 2)) return 'enter';
  return within === 'dataset' ? 'take' : 'skip';
}

/** Milliseconds since midnight. */
function clockMs(text: unknown): number | null {
  return wallMsOf(`1970-01-01 ${text}`);
}
