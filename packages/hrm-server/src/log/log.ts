import { isHrmError } from 'hrm-core';
import type { Settings } from 'hrm-core/settings';
import { type Logger, pino } from 'pino';
import { prettyLine } from './pretty.js';
import { createLogSink, type LogLosses, type LogSink } from './sink.js';
import { isTerminal, stderrOutput } from './stderr.js';

/** One a process, as standard error is. */
let stderr: LogSink | null = null;

/**
 * Opens the log, to stderr: a line for people on a terminal, else a JSON object a line. Who logs never waits, and meets no
 * error: lines that cannot be written are lost, and counted.
 */
export function createLog({
  logLevel,
  logFormat = 'auto',
}: Pick<Settings, 'logLevel'> & Partial<Pick<Settings, 'logFormat'>>): Logger {
  const isPretty = logFormat === 'pretty' || (logFormat === 'auto' && isTerminal());
  const hasColors = isTerminal() && (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb';
  const inForm = (line: string) => (isPretty ? prettyLine(line, hasColors) : line);
  if (stderr === null) {
    stderr = createLogSink(stderrOutput(), (lines) => inForm(lossLine(lines)));
    process.once('exit', stderr.end);
  }
  const sink = stderr;
  return pino({ level: logLevel, base: { pid: process.pid } }, { write: (line) => sink.write(inForm(line)) });
}

/** As pino writes its own. */
function lossLine(lines: number): string {
  const msg = 'log lines were lost, since the log could not be written';
  return `${JSON.stringify({ level: 40, time: Date.now(), pid: process.pid, lines, msg })}\n`;
}

/** What this process could not log. */
export function logLosses(): LogLosses {
  return stderr?.losses() ?? { lines: 0, fault: null };
}

/** Waits until all that was logged is written, or `ms` have passed. */
export async function flushLog(ms: number): Promise<void> {
  await stderr?.flush(ms);
}

/**
 * What a log line may say of an error: who has a heart rate here is private, and messages quote it. What the storage says
 * names users' directories, a parser repeats its input, an engine the key that it did not find. So no message is logged,
 * only what cannot hold a user's name: kind, code, the system's code, a damaged file's date and name, and of a defect
 * where it showed.
 */
export function describeError(error: unknown): Readonly<Record<string, unknown>> {
  const isExpected = isHrmError(error) && error.kind !== 'internal';
  const kind = isHrmError(error) ? error.kind : 'internal';
  const code = isHrmError(error) ? error.code : undefined;
  const system = systemCode(error instanceof Error && isHrmError(error) ? error.cause : error);
  return {
    kind,
    ...(code === undefined ? {} : { code }),
    ...(system === undefined ? {} : { system }),
    ...(isHrmError(error) && error.file !== undefined ? describeFile(error.file) : {}),
    ...(isExpected ? {} : { stack: describeDefect(error) }),
  };
}

/** Names that this software gives to files: another writer's may say whose it is. */
const OWN_NAME = /^(?:compacted|part-[0-9a-f]{32}|part-old-[0-9a-f-]{32,36})\.parquet$/;

/** Which file is at fault, as a log line may say it. */
export function describeFile({ date, name = '' }: { readonly date: string; readonly name?: string | undefined }): {
  readonly date: string;
  readonly file?: string;
} {
  return OWN_NAME.test(name) ? { date, file: name } : { date };
}

/** `ENOSPC`, `ERR_INVALID_STATE`, or LMDB's number. */
function systemCode(error: unknown): string | number | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code } = error;
  if (typeof code === 'number') return code;
  return typeof code === 'string' && /^E[A-Z0-9_]+$/.test(code) ? code : undefined;
}

const HEADER = /^\w*Error(?: \[\w+\])?(?:: |(?=\n|$))/;
const FRAME = /^ +at /;
const PLACE = /^(?:[\w.-]+\.[cm]?[jt]s|node:[\w/]+):\d+:\d+$/;

/** The kind of a defect and the places of its stack, `decode.js:12:5`, without what it says and without directories. */
function describeDefect(error: unknown): string {
  if (!(error instanceof Error)) return `a ${typeof error} was thrown`;
  const { name, message, stack = '' } = error;
  // A message may have lines that look like a stack's: only what follows it counts.
  const [header = ''] = HEADER.exec(stack) ?? [];
  const isOwn = header !== '' && stack.startsWith(message, header.length);
  const lines = isOwn ? stack.slice(header.length + message.length).split('\n') : [];
  const places = lines.map(placeOf).filter((place) => PLACE.test(place));
  return [/^[A-Za-z]*Error$/.test(name) ? name : 'Error', ...places.map((place) => `at ${place}`)].join('\n    ');
}

/** What a line of a stack ends with, without the directory: `    at read (/srv/hrm/decode.js:12:5)`. */
function placeOf(line: string): string {
  if (!FRAME.test(line)) return '';
  const text = line.endsWith(')') ? line.slice(0, -1) : line;
  const place = text.slice(Math.max(text.lastIndexOf(' '), text.lastIndexOf('(')) + 1);
  if (place.startsWith('node:')) return place;
  return place.slice(Math.max(place.lastIndexOf('/'), place.lastIndexOf('\\')) + 1);
}

/** How serious an error is to whoever runs the server: a client's mistake is nothing to act on. */
export function levelOf(status: number): 'info' | 'warn' | 'error' {
  if (status === 500) return 'error';
  return status === 503 ? 'warn' : 'info';
}
