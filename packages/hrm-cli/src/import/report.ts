import { formatInstant, plural } from 'hrm-core';
import type { FileResult } from 'hrm-core/import';
import { visibleText } from 'hrm-core/process';
import { summaryText } from '../output/output.js';

/** Devices, notes and files that are listed for people; JSON has all. */
const MAX_LISTED = 20;

/** What came of an import of files, for programs: an account a file. */
export function reportToWire(results: readonly FileResult[], isDryRun: boolean) {
  return {
    dry_run: isDryRun,
    enqueued: results.reduce((sum, { enqueued }) => sum + enqueued, 0),
    files: results.map(({ file, outcome, enqueued, account, rows, error }) => ({
      file,
      outcome,
      enqueued,
      ...(account !== null && {
        format: account.format,
        readings: account.readings,
        devices: account.devices.map(({ userId, deviceId, count, firstMs, lastMs }) => ({
          ...(userId !== undefined && { user_id: userId }),
          device_id: deviceId,
          count,
          first: formatInstant(firstMs),
          last: formatInstant(lastMs),
        })),
        dropped: account.dropped,
        notes: account.notes,
        damages: account.damages,
        damage_count: account.damageCount,
      }),
      ...(rows !== null && { readings: rows.enqueued, rejected: rows.rejected, reasons: rows.reasons }),
      ...(error !== null && { error }),
    })),
  };
}

/** The same in words, all files together. */
export function reportText(results: readonly FileResult[], isDryRun: boolean): string {
  const count = (outcome: FileResult['outcome']) => results.filter((result) => result.outcome === outcome).length;
  const enqueued = results.reduce((sum, result) => sum + result.enqueued, 0);
  const readings = results.reduce((sum, { account, rows }) => sum + (account?.readings ?? rows?.enqueued ?? 0), 0);
  const table = summaryText([
    ['files', results.length],
    [isDryRun ? 'readings found' : 'readings enqueued', isDryRun ? readings : enqueued],
    ['files passed over', count('passed_over')],
    ['files of no known format', count('unknown')],
  ]);
  const end = isDryRun || enqueued === 0 ? '' : 'A running hrm serve stores them, or: hrm drain --all\n';
  return [
    table,
    section('by device:', deviceLines(results)),
    section('values that are no reading, by reason:', droppedLines(results)),
    section('damaged:', damageLines(results)),
    section('notes:', noteLines(results)),
    end,
  ].join('');
}

function section(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  const more = lines.length > MAX_LISTED ? [`… and ${lines.length - MAX_LISTED} more: --json lists them`] : [];
  const shown = [...lines.slice(0, MAX_LISTED), ...more];
  return `${title}\n${shown.map((line) => `  ${visibleText(line)}\n`).join('')}`;
}

function deviceLines(results: readonly FileResult[]): string[] {
  const devices = new Map<string, { count: number; firstMs: number; lastMs: number }>();
  for (const { account } of results) {
    for (const { userId, deviceId, count, firstMs, lastMs } of account?.devices ?? []) {
      const name = userId === undefined ? deviceId : `${deviceId} of ${userId}`;
      const known = devices.get(name) ?? { count: 0, firstMs, lastMs };
      devices.set(name, {
        count: known.count + count,
        firstMs: Math.min(known.firstMs, firstMs),
        lastMs: Math.max(known.lastMs, lastMs),
      });
    }
  }
  return [...devices].map(
    ([name, { count, firstMs, lastMs }]) =>
      `${name}: ${plural(count, 'reading')}, ${formatInstant(firstMs)} to ${formatInstant(lastMs)}`,
  );
}

function droppedLines(results: readonly FileResult[]): string[] {
  const dropped = new Map<string, number>();
  for (const { account, rows } of results) {
    for (const [reason, count] of Object.entries(account?.dropped ?? {})) {
      dropped.set(reason, (dropped.get(reason) ?? 0) + count);
    }
    for (const { message, count } of rows?.reasons ?? []) dropped.set(message, (dropped.get(message) ?? 0) + count);
  }
  return [...dropped].map(([reason, count]) => `${reason}: ${count.toLocaleString('en')}`);
}

function damageLines(results: readonly FileResult[]): string[] {
  return results.flatMap(({ file, account }) =>
    (account?.damages ?? []).map(({ at, message }) => `${file}: ${at}: ${message}`),
  );
}

function noteLines(results: readonly FileResult[]): string[] {
  return results.flatMap(({ file, account }) =>
    (account?.notes ?? []).map(({ message, count }) => `${file}: ${message} (${count.toLocaleString('en')})`),
  );
}
