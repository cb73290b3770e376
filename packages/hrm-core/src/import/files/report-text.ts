/** What came of an import of files in words, as a terminal may show it. */
import { HrmError } from '../../errors.js';
import { visibleText } from '../../process/terminal-text.js';
import { formatInstant } from '../../pure/reading/timestamp.js';
import { plural } from '../../words.js';
import { faultLines } from '../fault-lines.js';
import { type FileOutcome, type FileResult, failedFiles } from './file-result.js';

/** Devices, notes and files that are listed; the account for programs has all. */
const MAX_LISTED = 20;

/** Faults of rows that are listed of one file. */
const MAX_LISTED_FAULTS = 3;

/** A count, and what it counts. */
type Count = readonly [label: string, count: number];

/** What came of an import: counts of all files together, and sections of lines. */
interface ReportText {
  readonly counts: readonly Count[];
  /** Each line with its end. */
  readonly sections: string;
}

/** An import in words. */
export function reportText(results: readonly FileResult[], isDryRun: boolean): ReportText {
  const count = (outcome: FileOutcome) => results.filter((result) => result.outcome === outcome).length;
  const enqueued = results.reduce((sum, result) => sum + result.enqueued, 0);
  const found = results.reduce((sum, { account, rows }) => sum + (account?.readings ?? rows?.enqueued ?? 0), 0);
  const notRead: Count = ['links and hidden files, not read', count('not_read')];
  return {
    counts: [
      ['files', results.length - notRead[1]],
      isDryRun ? ['readings found', found] : ['readings enqueued', enqueued],
      ['files passed over', count('passed_over')],
      ['files of no known format', count('unknown')],
      ...(notRead[1] > 0 ? [notRead] : []),
    ],
    sections: [
      section('by device:', deviceLines(results)),
      section('values that are no reading, by reason:', droppedLines(results)),
      section('damaged:', damageLines(results)),
      section('not read:', notReadLines(results)),
      section('notes:', noteLines(results)),
    ].join(''),
  };
}

/** One line for each file that could not be imported, the first 20. */
export function failureLines(results: readonly FileResult[]): readonly string[] {
  return failedFiles(results)
    .slice(0, MAX_LISTED)
    .flatMap(({ file, error }) => {
      const message = visibleText(error?.message ?? REFUSED);
      const name = visibleText(file);
      const faults = error?.faults ?? [];
      const lines = message.includes(faultLines(faults.slice(0, 1), 1)[0] ?? message)
        ? []
        : faultLines(faults.slice(0, MAX_LISTED_FAULTS), faults.length);
      return [message.startsWith(name) ? message : `${name}: ${message}`, ...lines];
    });
}

/** The error of an import of which some file could not be imported; `null` where there is none. */
export function importFailure(results: readonly FileResult[]): HrmError | null {
  const failed = failedFiles(results);
  if (failed.length === 0) return null;
  const others = results.some(({ outcome }) => outcome === 'imported' || outcome === 'damaged')
    ? '; the others are'
    : '';
  const message = `${plural(failed.length, 'file')} could not be imported${others}`;
  const faults = failed
    .slice(0, MAX_LISTED)
    .map(({ file, error }) => ({ path: file, message: error?.message ?? REFUSED }));
  return new HrmError(message, { kind: 'invalid', code: 'files_not_imported', faults, faultCount: failed.length });
}

const REFUSED = 'it is refused since the import is strict: nothing of it was enqueued';

function section(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  const more = lines.length > MAX_LISTED ? [`… and ${lines.length - MAX_LISTED} more: --json lists them`] : [];
  const shown = [...lines.slice(0, MAX_LISTED), ...more];
  return `${title}\n${shown.map((line) => `  ${visibleText(line)}\n`).join('')}`;
}

function deviceLines(results: readonly FileResult[]): string[] {
  const devices = new Map<string, { count: number; firstMs: number; lastMs: number }>();
  for (const { account, outcome } of results) {
    // Of what was refused there is no reading.
    for (const { userId, deviceId, count, firstMs, lastMs } of outcome === 'refused' ? [] : (account?.devices ?? [])) {
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
  return results.flatMap(({ file, outcome, account, error }) =>
    outcome === 'damaged'
      ? [`${file}: ${error?.message ?? ''}`]
      : (account?.damages ?? []).map(({ at, message }) => `${file}: ${at}: ${message}`),
  );
}

/** Hidden files are many and known to be there. */
function notReadLines(results: readonly FileResult[]): string[] {
  return results.flatMap(({ file, outcome, error }) =>
    outcome === 'not_read' && error?.code !== 'hidden' ? [`${file}: ${error?.message ?? ''}`] : [],
  );
}

function noteLines(results: readonly FileResult[]): string[] {
  return results.flatMap(({ file, account }) =>
    (account?.notes ?? []).map(({ message, count }) => `${file}: ${message} (${count.toLocaleString('en')})`),
  );
}
