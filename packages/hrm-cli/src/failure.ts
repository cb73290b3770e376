import { type HrmError, isHrmError } from 'hrm-core';
import { visibleText } from 'hrm-core/process';
import { exitCodeOf } from './exit-codes.js';

/** How a failed command ends: the text for standard error, and the exit code. */
export interface Failure {
  readonly text: string;
  readonly exitCode: number;
}

/**
 * Describes an error for people, or with `json` for programs:
 * `{"error":{"kind","code","message","errors":[{"path","message"}]}}`. Only a defect shows its stack.
 */
export function describeFailure(error: unknown, { command, json }: { command: string; json: boolean }): Failure {
  const { kind, code, message, faults } = toHrmShape(error);
  const exitCode = exitCodeOf(kind);
  if (json) return { text: `${JSON.stringify({ error: { kind, code, message, errors: faults } })}\n`, exitCode };
  const lines = message.split('\n').map(visibleText).join('\n');
  const stack = kind === 'internal' && error instanceof Error ? `\n${error.stack ?? ''}` : '';
  return { text: `${command}: ${lines}${stack}\n`, exitCode };
}

/** What a server says in the words of HTTP, in those of the command line. */
const OWN_WORDS: Readonly<Record<string, string>> = {
  key_missing: 'an API key is needed: set HRM_API_KEY to one, as hrm keys create prints it',
  key_wrong: 'there is no such API key, or it has ended: set HRM_API_KEY to another',
};

/** What an error says of itself; of what is no HrmError, that it is a defect. */
function toHrmShape(error: unknown): Pick<HrmError, 'kind' | 'code' | 'message' | 'faults'> {
  if (isHrmError(error)) {
    const { kind, code, message, faults } = error;
    return { kind, code, message: OWN_WORDS[code] ?? message, faults };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'internal', code: 'internal', message, faults: [] };
}
