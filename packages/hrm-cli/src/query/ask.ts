/**
 * The questions of `hrm query`, in the words of the command line.
 */
import {
  DAMAGE_ADVICE,
  type DamageReport,
  exportReadings,
  type Interval,
  queryTables,
  type RowTable,
  type Storage,
  tablesOfRows,
} from 'hrm-core';
import type { Client } from 'hrm-core/client';
import { visibleText } from 'hrm-core/process';
import type { Invocation, OutputStream } from '../command.js';

/** What answers: the files here, or a server. */
export type Source = { readonly storage: Storage } | { readonly client: Client };

/** Asks for rows. @throws HrmError kind `invalid`, code `invalid_query`: `run` has it in the words of the flags. */
export function askForRows(
  source: Source,
  invocation: Invocation,
  // The table of options admits no other.
  interval = invocation.args.value('interval') as Interval | undefined,
): AsyncIterable<RowTable> {
  const { settings, stderr, signal } = invocation;
  if ('client' in source) return tablesOfRows(source.client.query({ ...whose(invocation), interval }, { signal }));
  const question = { ...whose(invocation), interval, priority: settings.devicePriority };
  return queryTables(source, question, { signal, naiveTimestamps: settings.naiveTimestamps, onDamage: warnOn(stderr) });
}

/** Asks for the stored readings themselves, as a Parquet file. @throws as {@link askForRows}. */
export function askForReadings(
  storage: Storage,
  invocation: Invocation,
  onProgress: (readings: number) => void,
): AsyncIterable<Uint8Array> {
  const { settings, stderr, signal } = invocation;
  const options = { signal, naiveTimestamps: settings.naiveTimestamps, onDamage: warnOn(stderr), onProgress };
  return exportReadings({ storage }, whose(invocation), options);
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

function warnOn(stderr: OutputStream): (report: DamageReport) => void {
  return ({ message, outcome }) => {
    stderr.write(`hrm query: warning: ${visibleText(message)}; ${DAMAGE_ADVICE[outcome]}\n`);
  };
}
