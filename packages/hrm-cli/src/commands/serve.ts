import { once } from 'node:events';
import { SETTINGS } from 'hrm-core/settings';
import type { Command } from '../command.js';

/** What a process may run; `--only` picks. */
const PARTS = ['api', 'consumer', 'compacter'] as const;

/** `hrm serve` */
export const serveCommand: Command = {
  name: 'serve',
  about:
    'Runs the HTTP API, a consumer that stores what is queued, and a compacter, in one process, until SIGTERM or SIGINT.\n' +
    'With --only it runs parts, in as many processes as wanted; when ready it prints one line, with its URL if it has one.',
  options: [{ name: 'only', value: 'PART', about: 'Run only this part.', repeatable: true, choices: PARTS }],
  settings: SETTINGS.map(({ name }) => name),
  examples: [
    'hrm serve',
    'hrm serve --port 9000 --data-dir /srv/hrm/data',
    'hrm serve --only consumer --only compacter',
  ],
  async run({ args, settings, json, output, signal }) {
    const only = args.values('only');
    const parts = PARTS.filter((part) => only.length === 0 || only.includes(part));
    const { serve } = await import('hrm-server');
    const server = await serve(settings, { parts });
    try {
      const plain = server.url ?? `running without the API: ${parts.join(', ')}`;
      await output.write(json ? `${JSON.stringify({ url: server.url, parts })}\n` : `${plain}\n`);
      if (!signal.aborted) await Promise.race([once(signal, 'abort'), server.failed]);
    } finally {
      await server.close();
    }
    return 'done';
  },
};
