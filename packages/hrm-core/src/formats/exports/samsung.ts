/**
 * Samsung Health: the table of heart rates, and the minutes behind its rows, which are JSON files of their own. A row that names such a
 * file is their average. Rows tell UTC; their `time_offset` only says where somebody was.
 */
import { toDeviceId } from '../device-id.js';
import { jsonFormat, member } from '../text/json-format.js';
import { utcInstant } from '../text/local-time.js';
import { toNumber } from '../text/numbers.js';
import { tableFormat } from '../text/table-format.js';

const FALLBACK = 'samsung-health';

/** Of a column's name, which a newer version of the app writes before it. */
const PREFIX = 'com.samsung.health.heart_rate.';

/** Characters of a device's uuid that tell it from others: it is a hash. */
const SHOWN_UUID_LENGTH = 12;

/** `com.samsung.shealth.tracker.heart_rate.….csv`. */
export const samsungCsv = tableFormat({
  name: 'samsung-csv',
  title: 'Samsung Health, CSV',
  isHeader: (names) => columnOf(names, 'start_time') !== -1 && columnOf(names, 'heart_rate') !== -1,
  createReader(names, gather) {
    const column = (name: string) => columnOf(names, name);
    const [timeColumn, rateColumn] = [column('start_time'), column('heart_rate')];
    const [deviceColumn, sourceColumn, binningColumn] = [
      column('deviceuuid'),
      column('source_name'),
      column('binning_data'),
    ];
    return {
      row(fields) {
        const [time, rate] = [fields[timeColumn], fields[rateColumn]];
        // Of a row that is cut nobody knows whether it is an average.
        if (time === undefined || rate === undefined || fields.length < names.length) {
          gather.drop('damaged');
          return;
        }
        if (binningColumn !== -1 && (fields[binningColumn] ?? '') !== '') {
          gather.drop('summary');
          gather.note('minutes_elsewhere', 'rows are averages of minutes that lie in jsons/: import the whole export');
          return;
        }
        const uuid = deviceColumn === -1 ? '' : (fields[deviceColumn] ?? '').trim().slice(0, SHOWN_UUID_LENGTH);
        const source = sourceColumn === -1 ? '' : (fields[sourceColumn] ?? '');
        const deviceId = uuid === '' ? toDeviceId(source, FALLBACK) : toDeviceId(`samsung-${uuid}`, FALLBACK);
        gather.value(deviceId, rowMs(time), toNumber(rate));
      },
    };
  },
});

function columnOf(names: readonly string[], name: string): number {
  const prefixed = names.indexOf(PREFIX + name);
  return prefixed === -1 ? names.indexOf(name) : prefixed;
}

function rowMs(text: string): number | null {
  return utcInstant(text) ?? toNumber(text);
}

/** `….binning_data.json`: a minute each, with the lowest and the highest besides. */
export const samsungBinning = jsonFormat({
  name: 'samsung-binning',
  title: 'Samsung Health, minutes',
  recognizes: (head) =>
    head.startsWith('[') && /"start_time"\s*:\s*\d{12}/.test(head) && /"heart_rate"\s*:\s*[\d"n]/.test(head),
  select: (path) => (path.length === 0 ? 'enter' : 'take'),
  createReader: (gather) => ({
    value(_, one) {
      gather.value(FALLBACK, toNumber(member(one, 'start_time')), toNumber(member(one, 'heart_rate')));
    },
  }),
});
