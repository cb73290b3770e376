import { within } from 'hrm-core';
import { type Command, QUEUE_SETTINGS } from '../command.js';
import { checkQueue } from '../doctor/check-queue.js';
import { type CheckResult, resultsOf } from '../doctor/check-result.js';
import { checkNode, checkSettings } from '../doctor/check-settings.js';
import { checkStorage } from '../doctor/check-storage.js';
import { plural, visibleText } from '../output/output.js';
import { describeTerminal, styled, type Terminal } from '../output/terminal.js';

/** How long one check may take, ms: a file server that is gone answers never. */
const CHECK_TIMEOUT_MS = 15_000;

/** `hrm doctor` */
export const doctorCommand: Command = {
  name: 'doctor',
  about:
    'Looks at what the system stands on, and says what to do:\n\n' +
    'Node.js, settings and API keys. ' +
    'The data directory: room, inodes, sync, permissions, identity, stale temporaries, quarantine, readings received ahead of the clock. ' +
    'The queue or Redis: version, what could lose readings, its clock, what waits.\n\n' +
    'It writes some blocks, and deletes them. ' +
    'It ends with 3 where something keeps the system from working; warnings alone end with 0.',
  options: [],
  settings: [
    'dataDir',
    ...QUEUE_SETTINGS,
    'queueHighWater',
    'batchMaxAgeMs',
    'leaseMs',
    'sweepAfterMs',
    'keysFile',
    'host',
    'allowAnonymous',
  ],
  examples: ['hrm doctor', 'hrm doctor --json'],
  async run({ settings, config, json, output, stdout, env }) {
    // Of the server, which takes time to load, and is for who asks.
    const { checkKeys } = await import('../doctor/check-keys.js');
    const { checkSurroundings } = await import('../doctor/check-surroundings.js');
    const results = [
      ...checkNode(process.versions.node),
      ...checkSettings(settings, env),
      ...checkKeys(settings, Date.now()),
      ...checkSurroundings(settings, config),
      ...(await bounded('data', checkStorage(settings))),
      ...(await bounded('queue', checkQueue(settings))),
    ];
    const status = worst(results);
    const terminal = describeTerminal(stdout, env);
    await output.write(json ? `${JSON.stringify({ status, results })}\n` : textOf(results, terminal));
    return status === 'problem' ? 'unavailable' : 'done';
  },
};

async function bounded(check: string, results: Promise<readonly CheckResult[]>): Promise<readonly CheckResult[]> {
  return await within(CHECK_TIMEOUT_MS, results, () => {
    const message = `no answer within ${CHECK_TIMEOUT_MS / 1_000} s`;
    return [resultsOf(check).problem('timeout', message, 'look whether the disk, the file server or Redis hangs')];
  });
}

function worst(results: readonly CheckResult[]): CheckResult['level'] {
  const levels = ['problem', 'warning'] as const;
  return levels.find((level) => results.some((result) => result.level === level)) ?? 'ok';
}

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
