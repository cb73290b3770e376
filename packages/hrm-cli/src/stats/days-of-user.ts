/**
 * One user's days: what is stored of each, and how much of it counts.
 */
import { bytesText, plural, type UserDay, userDays, userDaysToWire } from 'hrm-core';
import { openStorage } from 'hrm-core/open';
import { closing } from '../closing.js';
import type { Invocation } from '../command.js';
import { visibleId } from '../output/output.js';
import { createTable, figures } from '../output/table.js';

/** Before the names of devices, which are too many. */
const NOT_ROLLED_UP = '(not rolled up)';

/** Prints them. @throws HrmError kind `invalid` for what is no user_id. */
export async function daysOfUser(userId: string, { settings, json, output, signal }: Invocation): Promise<'done'> {
  const opening = openStorage(settings, { readOnly: true, create: false });
  const question = { userId, priority: settings.devicePriority };
  const days = await closing(opening, (storage) => userDays({ storage }, question, { signal }));
  const text = [TABLE.head, ...days.map(lineOfDay), `${plural(days.length, 'day')}\n`];
  await output.write(json ? `${JSON.stringify(userDaysToWire(userId, days))}\n` : text.join(''));
  return 'done';
}

const TABLE = createTable([
  { heading: 'date', width: 10 },
  figures('readings', 9),
  figures('min', 3),
  figures('max', 3),
  figures('files', 5),
  figures('bytes', 9),
  { heading: 'devices' },
]);

function lineOfDay({ date, files, bytes, isRolledUp, row }: UserDay): string {
  const devices = (row?.deviceIds ?? []).map(visibleId).join(', ');
  const shown = isRolledUp ? devices : `${NOT_ROLLED_UP} ${devices}`;
  return TABLE.line([date, row?.count ?? 0, row?.min ?? '', row?.max ?? '', files, bytesText(bytes), shown]);
}
