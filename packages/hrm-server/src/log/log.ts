import { createLogSink, isTerminal, type LogLosses, type LogSink, mayHaveColors, stderrOutput } from 'hrm-core/process';
import type { Settings } from 'hrm-core/settings';
import { type Logger, pino } from 'pino';
import { prettyLine } from './pretty.js';

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
  const hasColors = mayHaveColors(isTerminal(), process.env);
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

/** How serious an error is to whoever runs the server: a client's mistake is nothing to act on. */
export function levelOf(status: number): 'info' | 'warn' | 'error' {
  if (status === 500) return 'error';
  return status === 503 ? 'warn' : 'info';
}
