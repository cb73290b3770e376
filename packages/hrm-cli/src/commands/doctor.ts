import { plural } from 'hrm-core';
import { type CheckResult, examine } from 'hrm-core/doctor';
import { visibleText } from 'hrm-core/process';
import { type Command, QUEUE_SETTINGS, STORAGE_SETTINGS } from '../command.js';
import { describeTerminal, styled, type Terminal } from '../output/terminal.js';

/** `hrm doctor` */
export const doctorCommand: Command = {
  name: 'doctor',
  about:
    'Looks at what the system stands on, and says what to do:\n\n' +
    'Node.js, settings, API keys, the issuer of logins and the audit log. ' +
    'The data directory: room, inodes, sync, permissions, identity, stale temporaries, quarantine, readings received ahead of the clock. ' +
    'Or the bucket: region, rights, conditions, versions, its clock. ' +
    'The queue, in Redis or in SQS: what could lose readings, its clock, what waits.\n\n' +
    'It writes some blocks, and deletes them. ' +
    'It ends with 3 where something keeps the system from working; warnings alone end with 0.',
  options: [],
  settings: [
    ...STORAGE_SETTINGS,
    ...QUEUE_SETTINGS,
    'queueHighWater',
    'batchMaxAgeMs',
    'leaseMs',
    'sweepAfterMs',
    'keysFile',
    'auditLog',
    'host',
    'allowAnonymous',
  ],
  examples: ['hrm doctor', 'hrm doctor --json'],
  async run({ settings, config, json, output, stdout, env }) {
    const { status, results } = await examine(settings, { env, config });
    const terminal = describeTerminal(stdout, env);
    await output.write(json ? `${JSON.stringify({ status, results })}\n` : textOf(results, terminal));
    return status === 'problem' ? 'unavailable' : 'done';
  },
};

/** A line a result, and below it what to do. */
function textOf(results: readonly CheckResult[], terminal: Terminal): string {
  const lines = results.flatMap(({ check, level, message, advice }) => {
    const mark = level === 'ok' ? 'ok     ' : styled(level, level === 'problem' ? 'red' : 'bold', terminal);
    const text = `${mark}  ${check.padEnd(8)}  ${visibleText(message)}`;
    return advice === null ? [text] : [text, `${' '.repeat(19)}do: ${visibleText(advice)}`];
  });
  const [problems, warnings] = (['problem', 'warning'] as const).map(
    (level) => results.filter((result) => result.level === level).length,
  );
  return `${[...lines, `${plural(problems ?? 0, 'problem')}, ${plural(warnings ?? 0, 'warning')}`].join('\n')}\n`;
}
