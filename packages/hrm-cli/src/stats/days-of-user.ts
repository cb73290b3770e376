/**
 * One user's days: what is stored of each, and how much of it counts.
 */
import { bytesText, plural, type UserDay, userDays } from 'hrm-core';
import { openStorage } from 'hrm-core/open';
import type { Invocation } from '../command.js';
import { visibleId } from '../output/output.js';

/** Before the names of devices, which are too many. */
const NOT_ROLLED_UP = '(not rolled up)';

/** Prints them. @throws HrmError kind `invalid` for what is no user_id. */
export async function daysOfUser(userId: string, { settings, json, output, signal }: Invocation): Promise<'done'> {
  const storage = await openStorage(settings, { readOnly: true, create: false });
  try {
    const days = await userDays({ storage }, { userId, priority: settings.devicePriority }, { signal });
    const text = [dayLine(['date', 'readings', 'min', 'max', 'files', 'bytes', 'devices']), ...days.map(lineOfDay)];
    const wire = { user_id: userId, days: days.map(dayToWire), count: days.length };
    if (json) await output.write(`${JSON.stringify(wire)}\n`);
    else await output.write(`${text.join('')}${plural(days.length, 'day')}\n`);
  } finally {
    await storage.close();
  }
  return 'done';
}

function dayToWire({ date, files, bytes, isRolledUp, row }: UserDay) {
  const { count = 0, min = null, max = null, deviceIds = [] } = row ?? {};
  return { date, readings: count, min, max, files, bytes, without_rollup: !isRolledUp, device_ids: deviceIds };
}

function lineOfDay({ date, files, bytes, isRolledUp, row }: UserDay): string {
  const cells = [date, row?.count ?? 0, row?.min ?? '', row?.max ?? '', files, bytesText(bytes)].map(String);
  const devices = (row?.deviceIds ?? []).map(visibleId).join(', ');
  return dayLine([...cells, isRolledUp ? devices : `${NOT_ROLLED_UP} ${devices}`]);
}

const WIDTHS = [10, 9, 3, 3, 5, 9] as const;

function dayLine(cells: readonly string[]): string {
  return `${cells.map((cell, i) => (i === 0 ? cell.padEnd(WIDTHS[0]) : cell.padStart(WIDTHS[i] ?? 0))).join('  ')}\n`;
}
