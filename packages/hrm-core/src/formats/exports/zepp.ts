/** Zepp, formerly Mi Fit: what a watch measures by itself, by the minute, and what somebody measured. */
import { instantOf } from '../text/local-time.js';
import { toNumber } from '../text/numbers.js';
import { hasColumns, tableFormat } from '../text/table-format.js';

const DEVICE = 'zepp';

/** From here on a value of a watch that measures by itself says why there is none. */
const FIRST_SENTINEL = 200;

/** `HEARTRATE_AUTO_….csv` (date, time, heartRate) and `HEARTRATE_….csv` (time, heartRate). */
export const zepp = tableFormat({
  name: 'zepp',
  title: 'Zepp (Mi Fit), CSV',
  isHeader: (names) => hasColumns(names, 'time', 'heartrate'),
  createReader(names, gather, context) {
    const [dateColumn, timeColumn, rateColumn] = ['date', 'time', 'heartrate'].map((name) => names.indexOf(name)) as [
      number,
      number,
      number,
    ];
    return {
      row(fields) {
        const [time, rateText] = [fields[timeColumn], fields[rateColumn]];
        if (time === undefined || rateText === undefined) {
          gather.drop('damaged');
          return;
        }
        const rate = toNumber(rateText);
        if (rate !== null && rate >= FIRST_SENTINEL) {
          gather.drop('absent');
          return;
        }
        const text = dateColumn === -1 ? time : `${fields[dateColumn]} ${time}`;
        gather.value(DEVICE, instantOf(text, context), rate);
      },
    };
  },
});
