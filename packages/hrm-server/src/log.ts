import { isHrmError } from 'hrm-core';
import type { Settings } from 'hrm-core/settings';
import { destination, type Logger, pino } from 'pino';

/** Opens the log: a JSON object a line, to stderr, written before the call returns, so that a crash loses no line. */
export function createLog({ logLevel }: Pick<Settings, 'logLevel'>): Logger {
  return pino({ level: logLevel, base: { pid: process.pid } }, destination({ dest: 2, sync: true }));
}

/**
 * What a log line may say of an error. Health data is private, and messages about files name the directories of users:
 * so of expected errors only codes are logged. A defect is logged with where it showed.
 */
export function describeError(error: unknown): Readonly<Record<string, unknown>> {
  if (isHrmError(error) && error.kind !== 'internal') {
    const { kind, code, cause } = error;
    const system = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    return {
      kind,
      code,
      ...(kind === 'data' ? { message: error.message } : {}),
      ...(system === undefined ? {} : { system }),
    };
  }
  return { kind: 'internal', stack: describeDefect(error) };
}

/** Where a defect showed, and what it says unless that may quote data: Node's errors quote paths, the parser its input. */
function describeDefect(error: unknown): string {
  if (!(error instanceof Error)) return `a ${typeof error} was thrown`;
  const isQuoting = 'code' in error || error instanceof SyntaxError;
  const said = isHrmError(error) || !isQuoting ? error.message : 'code' in error ? String(error.code) : '';
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return [`${error.name}: ${said}`, ...frames].join('\n');
}

/** How serious an error is to whoever runs the server: a client's mistake is nothing to act on. */
export function levelOf(status: number): 'info' | 'warn' | 'error' {
  if (status === 500) return 'error';
  return status === 503 ? 'warn' : 'info';
}
