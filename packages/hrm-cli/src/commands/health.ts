import { summaryText } from 'hrm-core';
import { askHealth, checkHealth } from 'hrm-core/doctor';
import { visibleText } from 'hrm-core/process';
import { type Command, QUEUE_SETTINGS, STORAGE_SETTINGS } from '../command.js';

/** `hrm health` */
export const healthCommand: Command = {
  name: 'health',
  about:
    'Says whether the queue and the storage that the settings name can do their work. It is for container health checks and scripts, ' +
    'and makes no file or directory. With --url it asks a running server instead. ' +
    'It ends with 0 when healthy or degraded, with 3 when unhealthy.',
  options: [{ name: 'url', value: 'URL', about: 'Ask the server at this address, http://127.0.0.1:8000.' }],
  settings: [...QUEUE_SETTINGS, 'queueHighWater', ...STORAGE_SETTINGS, 'batchMaxAgeMs', 'leaseMs'],
  examples: ['hrm health', 'hrm health --url http://127.0.0.1:8000 --json'],
  async run({ args, settings, json, output, stderr, signal }) {
    const url = args.value('url');
    const { report, advice } =
      url === undefined ? await checkHealth(settings) : { report: await askHealth(url, signal), advice: [] };
    const { status, checks } = report;
    if (!json) stderr.write(advice.map((line) => `hrm health: ${visibleText(line)}\n`).join(''));
    const rows = Object.entries({ status, ...checks }).map(([name, text]) => [name, visibleText(text)] as const);
    await output.write(json ? `${JSON.stringify(report)}\n` : summaryText(rows));
    return status === 'unhealthy' ? 'unavailable' : 'done';
  },
};
