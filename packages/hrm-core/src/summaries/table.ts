/** Summaries in words: a table of figures, and what failed. */
import type { PartitionFailure } from '../ports/storage.js';

/** Makes a text harmless for a terminal. */
export type Visible = (text: string) => string;

/** A summary for people: `label  value` a line, values aligned. */
export function summaryText(rows: readonly (readonly [label: string, value: string | number])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `${label.padEnd(width)}  ${value}\n`).join('');
}

type Failure = Pick<PartitionFailure, 'partition' | 'code' | 'message'>;

/** Failures for people: `20240115/ana: message` a line. */
export function failureText(failures: readonly Failure[], visible: Visible): string {
  return failures
    .map(({ partition: { date, directory }, message }) => `${date}/${visible(directory)}: ${visible(message)}\n`)
    .join('');
}

/** Failures for programs. */
export function failuresToWire(failures: readonly Failure[]) {
  return failures.map(({ partition: { date, directory }, code, message }) => ({ date, directory, code, message }));
}
