/**
 * Tables as people export them: columns by their names in many languages, a date and a time of day apart, semicolons, decimal commas. Where
 * nobody can know whether the day or the month stands first, nothing is taken.
 */
import { MAX_HELD_ROWS } from '../../limits.js';
import { toDeviceId } from '../device-id.js';
import type { ColumnRole, FormatContext } from '../file-format.js';
import type { Gatherer } from '../text/gather.js';
import { zonedMs } from '../text/local-time.js';
import { toNumber } from '../text/numbers.js';
import type { Separator } from '../text/split-fields.js';
import { type TableFileFormat, type TableReader, tableFormat } from '../text/table-format.js';
import { type Columns, findColumns } from './column-names.js';
import { ordered, parseTableTime, type TableTime } from './local-dates.js';

const FALLBACK = 'table';

/** The columns of our own CSV, which has a reader of its own. */
const OUR_COLUMNS = ['user_id', 'device_id', 'timestamp', 'heart_rate'];

/** A table with heart rates and times. */
export const peopleTable: TableFileFormat = tableFormat({
  name: 'table',
  title: 'CSV with columns of other names',
  isHeader: (names, { separator, columns }) => !isOurs(names, separator) && findColumns(names, columns) !== null,
  createReader(names, gather, context, _, separator) {
    const columns = findColumns(names, context.columns);
    if (columns === null) return { row: () => gather.drop('damaged') };
    return createRows(columns, separator, gather, context);
  },
});

function isOurs(names: readonly string[], separator: Separator): boolean {
  return separator === ',' && OUR_COLUMNS.every((name) => names.includes(name));
}

/** A row whose date is not understood yet. */
interface HeldRow {
  readonly time: Extract<TableTime, { kind: 'unordered' }>;
  readonly rate: number | null;
  readonly deviceId: string;
  readonly userId: string | undefined;
}

function createRows(
  { places, isDayFirst }: Columns,
  separator: Separator,
  gather: Gatherer,
  context: FormatContext,
): TableReader {
  // Where commas are within numbers, the day stands first, too. What dates themselves tell counts more.
  const likely = isDayFirst || separator === ';' ? true : null;
  let known: boolean | null = null;
  let held: HeldRow[] = [];
  function zonedOf(wallMs: number, deviceId: string, userId = '') {
    return zonedMs(wallMs, context, `${userId}\n${deviceId}`);
  }
  function tell({ time, rate, deviceId, userId }: HeldRow): void {
    const order = known ?? likely;
    const local = order === null ? null : ordered(time, order);
    gather.value(deviceId, local === null ? null : zonedOf(local.wallMs, deviceId, userId), rate, userId);
  }
  function flush(): void {
    if (held.length > 0 && (known ?? likely) === null) gather.note('date_order_unknown', DATE_ORDER_UNKNOWN);
    for (const row of held) tell(row);
    held = [];
  }
  function takeUnordered(row: HeldRow): void {
    const { first, second } = row.time;
    // What is over 12 is a day.
    if (first > 12 !== second > 12) known ??= first > 12;
    held.push(row);
    if (known !== null || held.length >= MAX_HELD_ROWS) flush();
  }
  return {
    row(fields) {
      const cell = (role: ColumnRole) => fields[places[role] ?? -1]?.trim();
      const rateText = cell('heart_rate');
      if (rateText === undefined) {
        gather.drop('damaged');
        return;
      }
      const rate = toNumber(rateText.replace(/ ?bpm$/i, ''));
      const deviceId = toDeviceId(cell('device_id') ?? '', FALLBACK);
      const userId = toDeviceId(cell('user_id') ?? '', '') || undefined;
      const time = parseTableTime(cell('timestamp') ?? `${cell('date') ?? ''} ${cell('time') ?? ''}`);
      if (time?.kind === 'unordered') takeUnordered({ time, rate, deviceId, userId });
      else if (time?.kind === 'local') gather.value(deviceId, zonedOf(time.wallMs, deviceId, userId), rate, userId);
      else gather.value(deviceId, time?.epochMs ?? null, rate, userId);
    },
    end: flush,
  };
}

const DATE_ORDER_UNKNOWN =
  'no date tells whether its day or its month stands first: write dates as 2024-01-31, and import the file again';
