/** Withings: `raw_hr_hr.csv` and its kin. A row has several values, each with the seconds that it lasted. */
import { offsetInstant } from '../text/local-time.js';
import { toNumber } from '../text/numbers.js';
import { hasColumns, tableFormat } from '../text/table-format.js';

/** All raw files have the same columns: only the name tells steps from heart rates. */
const RAW_FILE = 'raw_';
const RAW_HEART_RATES = '_hr.csv';

/** Heart rates of a watch or of a mat. */
export const withings = tableFormat({
  name: 'withings',
  title: 'Withings, CSV',
  isHeader: (names, { fileName }) =>
    names.length <= 4 && hasColumns(names, 'start', 'duration', 'value') && !isOther(fileName),
  createReader(names, gather, { fileName }) {
    const deviceId = /raw_bed_/i.test(fileName) ? 'withings-bed' : 'withings';
    const columns = ['start', 'duration', 'value'].map((name) => names.indexOf(name));
    return {
      row(fields) {
        const [start, durations, values] = columns.map((column) => fields[column]);
        if (start === undefined || durations === undefined || values === undefined) {
          gather.drop('damaged');
          return;
        }
        let timeMs = offsetInstant(start);
        const lasting = cells(durations);
        cells(values).forEach((value, i) => {
          gather.value(deviceId, timeMs, toNumber(value));
          const seconds = toNumber(lasting[i] ?? '') ?? 0;
          if (timeMs !== null) timeMs += Math.round(seconds * 1_000);
        });
      },
    };
  },
});

function isOther(fileName: string): boolean {
  const name = fileName.toLowerCase();
  return name.includes(RAW_FILE) && !name.includes(RAW_HEART_RATES);
}

/** `[40,20]`, or a single number. */
function cells(text: string): readonly string[] {
  const inner = text.trim().replace(/^\[/, '').replace(/\]$/, '');
  return inner === '' ? [] : inner.split(',');
}
