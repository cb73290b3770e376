/**
 * The questions of `hrm query` and `hrm export`, in the words of the command line.
 */
import { existsSync } from 'node:fs';
import {
  DAMAGE_ADVICE,
  type DamageReport,
  type Interval,
  queryTables,
  type ReadingForm,
  type RowTable,
  type Storage,
  tablesOfRows,
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
  { name: 'start', value: 'S', about: 'First instant, like 2024-01-15T10:00:00Z.', required: true },
  { name: 'end', value: 'E', about: 'Instant to stop before; at most 3,660 days later.', required: true },
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

/** Asks for rows. @throws HrmError kind `invalid`, code `invalid_query`: `run` has it in the words of the flags. */
export function askForRows(
  source: Source,
  invocation: Invocation,
  // The table of options admits no other.
  interval = invocation.args.value('interval') as Interval | undefined,
): AsyncIterable<RowTable> {
  const { settings, signal } = invocation;
  if ('client' in source) return tablesOfRows(source.client.query({ ...whose(invocation), interval }, { signal }));
  const question = { ...whose(invocation), interval, priority: settings.devicePriority };
  return queryTables(source, question, {
    signal,
    naiveTimestamps: settings.naiveTimestamps,
    onDamage: warnOn(invocation),
  });
}

/** Asks for the stored readings themselves. @throws as {@link askForRows}. */
export function askForReadings(
  source: Source,
  form: ReadingForm,
  invocation: Invocation,
  onProgress: (readings: number) => void,
): AsyncIterable<Uint8Array> {
  const { settings, signal } = invocation;
  if ('client' in source) return source.client.exportReadings(whose(invocation), form.name, { signal });
  const { naiveTimestamps } = settings;
  return form.export(source, whose(invocation), { signal, naiveTimestamps, onDamage: warnOn(invocation), onProgress });
}

/** Of whom, when and by which device. */
export function whose({ args }: Invocation) {
  return {
    userId: args.value('user') ?? '',
    start: args.value('start') ?? '',
    end: args.value('end') ?? '',
    deviceId: args.value('device'),
  };
}

/** What a file that cannot be read is told with. */
export function warnOn({ stderr }: Invocation): (report: DamageReport) => void {
  return ({ message, outcome }) => {
    stderr.write(`hrm: warning: ${visibleText(message)}; ${DAMAGE_ADVICE[outcome]}\n`);
  };
}
