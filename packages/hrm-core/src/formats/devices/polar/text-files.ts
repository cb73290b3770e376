import type { FileFormat, FormatContext } from '../../file-format.js';
import { decodeHead, decodeText } from '../../text/decode-text.js';
import { createGatherer, type Gatherer } from '../../text/gather.js';
import { instantOf, laterBy, wallMsOf, zonedMs } from '../../text/local-time.js';
import { toNumber } from '../../text/numbers.js';
import { hasColumns, tableFormat } from '../../text/table-format.js';
import { LINE_TOO_LONG, splitTextLines } from '../../text/text-lines.js';
import { readTimeAndRate } from '../../text/time-and-rate.js';

const DEVICE = 'polar';

const DAY_FIRST = /^(\d{2})[-.](\d{2})[-.](\d{4})$/;

/** The columns of Flow's CSV, behind two lines about the session. */
export const polarFlowCsv = tableFormat({
  name: 'polar-flow-csv',
  title: 'Polar Flow, CSV',
  isHeader: (names) => hasColumns(names, 'sample rate', 'time', 'hr (bpm)'),
  createReader(names, gather, context, preamble) {
    const startMs = startOf(preamble);
    const startedMs = startMs === null ? null : zonedMs(startMs, context);
    const [timeColumn, rateColumn] = [names.indexOf('time'), names.indexOf('hr (bpm)')];
    const toMs = (text: string) => {
      const elapsedMs = wallMsOf(`1970-01-01 ${text}`);
      return elapsedMs === null ? null : laterBy(startedMs, elapsedMs);
    };
    return readTimeAndRate(gather, { deviceId: DEVICE, timeColumn, rateColumn, toMs });
  },
});

/** What the clock showed at the start: `Date` 15-01-2024 and `Start time` 10:00:00, below their names. */
function startOf(preamble: readonly (readonly string[])[]): number | null {
  const at = preamble.findIndex((fields) => fields.some((field) => field.trim().toLowerCase() === 'start time'));
  const names = preamble[at]?.map((field) => field.trim().toLowerCase()) ?? [];
  const values = preamble[at + 1] ?? [];
  const date = (values[names.indexOf('date')] ?? '').trim();
  const [, day, month, year] = DAY_FIRST.exec(date) ?? [];
  return wallMsOf(
    `${year === undefined ? date : `${year}-${month}-${day}`} ${(values[names.indexOf('start time')] ?? '').trim()}`,
  );
}

/** `Phone timestamp;…;HR [bpm];…` of the app Sensor Logger: the phone's own clock. */
export const polarSensorLogger = tableFormat({
  name: 'polar-sensor-logger',
  title: 'Polar Sensor Logger',
  isHeader: (names) => hasColumns(names, 'phone timestamp', 'hr [bpm]'),
  createReader: (names, gather, context) =>
    readTimeAndRate(gather, {
      deviceId: DEVICE,
      timeColumn: names.indexOf('phone timestamp'),
      rateColumn: names.indexOf('hr [bpm]'),
      toMs: (text) => instantOf(text, context),
    }),
});

/** The interval of a file that has times between beats, and no heart rates at intervals. */
const BEATS = 238;

/** The other intervals that are none: 204 and up mean what else the file has. */
const FIRST_SPECIAL = 204;

/** Its comments are in Latin-1, and nothing of them is read. */
const UNTOLD = { note: () => undefined };

interface HrmHeader {
  date: string;
  start: string;
  intervalS: number | null;
}

/** `.hrm` of Polar's programs: sections of lines, the heart rate in the first column of `[HRData]`. */
export const polarHrm: FileFormat = {
  name: 'polar-hrm',
  title: 'Polar, .hrm',
  recognizes: (head) => decodeHead(head).trimStart().startsWith('[Params]'),
  async *read(bytes, context) {
    const gather = createGatherer();
    const header: HrmHeader = { date: '', start: '', intervalS: null };
    let section = '';
    let take: ((line: string) => void) | null = null;
    for await (const lines of splitTextLines(decodeText(bytes, UNTOLD))) {
      for (const line of lines) {
        if (line === null) gather.tooLarge(LINE_TOO_LONG);
        const text = (line ?? '').trim();
        if (text.startsWith('[')) {
          section = text;
          if (section === '[HRData]') take = readSamples(header, gather, context);
        } else if (section === '[Params]') readParameter(text, header);
        else if (section === '[HRData]' && text !== '') take?.(text);
      }
      yield* gather.take();
    }
  },
};

function readParameter(line: string, header: HrmHeader): void {
  const at = line.indexOf('=');
  const value = line.slice(at + 1).trim();
  if (line.startsWith('Date=')) header.date = value;
  else if (line.startsWith('StartTime=')) header.start = value;
  else if (line.startsWith('Interval=')) header.intervalS = toNumber(value);
}

function readSamples(
  { date, start, intervalS }: HrmHeader,
  gather: Gatherer,
  context: FormatContext,
): ((line: string) => void) | null {
  if (intervalS === BEATS) {
    gather.note('no_series', 'the file has the times between beats, and no heart rates: nothing is taken');
    return null;
  }
  const isSpecial = intervalS === null || !(intervalS > 0 && intervalS < FIRST_SPECIAL);
  const wallMs = wallMsOf(`${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6, 8)} ${start.padStart(8, '0')}`);
  const startMs = wallMs === null || isSpecial ? null : zonedMs(wallMs, context);
  let count = 0;
  return (line) => {
    const [rate] = line.split('\t', 1);
    gather.value(DEVICE, laterBy(startMs, count * (intervalS ?? 0) * 1_000), toNumber(rate));
    count += 1;
  };
}
