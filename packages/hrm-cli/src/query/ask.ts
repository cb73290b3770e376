/**
 * The questions of `hrm query` and `hrm export`, in the words of the command line.
 */
import { existsSync } from 'node:fs';
import {
  DAMAGE_ADVICE,
  type DamageReport,
  gridOf,
  type Interval,
  queryTables,
  type ReadingForm,
  type Resolve,
  type RowTable,
  rangeOfWords,
  type Storage,
  tablesOfRows,
  UTC,
  userPriority,
} from 'hrm-core';
import type { Client } from 'hrm-core/client';
import { openStorage } from 'hrm-core/open';
import { visibleText } from 'hrm-core/process';
import { closing } from '../closing.js';
import type { CommandOption, Invocation } from '../command.js';
import { openClient } from '../server.js';

/** Of whom, when and by which device. */
export const RANGE_OPTIONS: readonly CommandOption[] = [
  { name: 'user', value: 'U', about: 'The user_id.', required: true },
  { name: 'start', value: 'S', about: 'First instant, like 2024-01-15T10:00:00Z.' },
  { name: 'end', value: 'E', about: 'Instant to stop before; at most 3,660 days later.' },
  { name: 'date', value: 'D', about: 'A day in place of start and end: 2024-01-15, today, yesterday.' },
  { name: 'last', value: 'T', about: 'So long until now: 90m, 24h, 7d, 4w.' },
  {
    name: 'since',
    value: 'S',
    about: 'From a day or an instant on, until --end or now: 2024-01-15, today, yesterday.',
  },
  { name: 'time-zone', value: 'Z', about: 'Whose days these are, like Europe/Madrid or -03:00; default UTC.' },
  { name: 'device', value: 'D', about: "Only this device's readings; priority does not matter then." },
];

/** What answers: the files here, or a server. */
export type Source = { readonly storage: Storage } | { readonly client: Client };

/** Opens what answers, and closes it behind. */
export async function withSource(invocation: Invocation, use: (source: Source) => Promise<void>): Promise<void> {
  const client = openClient(invocation);
  if (client !== null) return await use({ client });
  await closing(openStorage(invocation.settings, { readOnly: true }), async (storage) => {
    noteIfMissing(invocation);
    await use({ storage });
  });
}

/** Nobody has readings where there are no data: right, and seldom what was meant. */
function noteIfMissing({ settings, json, stderr }: Invocation): void {
  const { dataDir, storageUrl } = settings;
  if (json || storageUrl !== '' || existsSync(dataDir)) return;
  stderr.write(`hrm: there is no data directory ${visibleText(dataDir)}: is HRM_DATA_DIR right?\n`);
}

/** Asks for rows. @param asked - of {@link whose}. @throws HrmError kind `invalid`, code `invalid_query`: `run` has it in the words of the flags. */
export async function* askForRows(source: Source, invocation: Invocation, asked: Asked): AsyncGenerator<RowTable> {
  const options = answerOptions(invocation);
  if ('client' in source) return yield* tablesOfRows(source.client.query(asked, options));
  const priority = await userPriority(source, asked.userId, invocation.settings.devicePriority);
  yield* queryTables(source, { ...asked, priority }, options);
}

/** How an answer is made. */
export function answerOptions(invocation: Invocation) {
  const { signal, settings } = invocation;
  return { signal, naiveTimestamps: settings.naiveTimestamps, onDamage: warnOn(invocation) };
}

/** Asks for the stored readings themselves. @throws as {@link askForRows}. */
export function askForReadings(
  source: Source,
  form: ReadingForm,
  invocation: Invocation,
  onProgress: (readings: number) => void,
): AsyncIterable<Uint8Array> {
  const { userId, start, end, deviceId } = whose(invocation);
  const asked = { userId, start, end, deviceId };
  const options = answerOptions(invocation);
  if ('client' in source) return source.client.exportReadings(asked, form.name, options);
  return form.export(source, asked, { ...options, onProgress });
}

/** What is asked for. */
export type Asked = ReturnType<typeof whose>;

/** Of whom, when, by which device, and in which rows; to be read once, since it may go by the time. @param ownZone - of the user's settings. */
export function whose({ args }: Pick<Invocation, 'args'>, ownZone?: string) {
  const timeZone = args.value('time-zone') ?? ownZone;
  const { zone } = gridOf({ timeZone });
  const [start, end, date, last, since] = ['start', 'end', 'date', 'last', 'since'].map(args.value);
  return {
    userId: args.value('user') ?? '',
    ...rangeOfWords({ start, end, date, last, since }, zone ?? UTC, Date.now()),
    deviceId: args.value('device'),
    // The table of options admits no others.
    interval: args.value('interval') as Interval | undefined,
    timeZone,
    resolve: args.value('resolve') as Resolve | undefined,
  };
}

/** What a file that cannot be read is told with. */
export function warnOn({ stderr }: Invocation): (report: DamageReport) => void {
  return ({ message, outcome }) => {
    stderr.write(`hrm: warning: ${visibleText(message)}; ${DAMAGE_ADVICE[outcome]}\n`);
  };
}
