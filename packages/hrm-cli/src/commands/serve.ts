import { once } from 'node:events';
import { LAST_WORDS_MS, MAX_WORKERS, tellSupervisor, unblock, watchForStall } from 'hrm-core/process';
import { isOpenSecret, SETTINGS } from 'hrm-core/settings';
import type { Command } from '../command.js';
import { usageError } from '../usage-error.js';

/** What a process may run; `--only` picks. */
const PARTS = ['api', 'consumer', 'compacter'] as const;

/** `hrm serve` */
export const serveCommand: Command = {
  name: 'serve',
  about:
    'Runs the HTTP API, a consumer that stores what is queued, and a compacter, in one process, until SIGTERM or SIGINT. ' +
    'With --only it runs parts, in as many processes as you want. When ready it prints one line, with its URL if it has one.',
  options: [
    { name: 'only', value: 'PART', about: 'Run only this part.', repeatable: true, choices: PARTS },
    {
      name: 'workers',
      value: 'N',
      about: `Run the API in N processes on one port, 1 to ${MAX_WORKERS}, and the other parts in one more.`,
    },
  ],
  settings: SETTINGS.map(({ name }) => name),
  flushMs: LAST_WORDS_MS,
  examples: [
    'hrm serve',
    'hrm serve --port 9000 --data-dir /srv/hrm/data',
    'hrm serve --only consumer --only compacter',
    'hrm serve --workers 4',
  ],
  async run({ args, settings, config, json, output, stdout, env, signal }) {
    const only = args.values('only');
    const parts = PARTS.filter((part) => only.length === 0 || only.includes(part));
    const workers = workerCount(args.value('workers'), parts);
    watchForStall(settings);
    tellSupervisor(env);
    const { createLog, flushLog, serve, startWorkers } = await import('hrm-server');
    const log = createLog(settings);
    if (isOpenSecret(config))
      log.warn({ config: config.path }, 'everybody may read the password in it: run chmod o= on it');
    const server =
      workers === undefined
        ? await serve(settings, { parts, log })
        : await startWorkers(settings, { parts, workers, log });
    try {
      const plain = server.url ?? `running without the API: ${parts.join(', ')}`;
      unblock(stdout);
      // Nobody may read it; that is no reason to wait, nor to end.
      output
        .write(json ? `${JSON.stringify({ url: server.url, parts, workers })}\n` : `${plain}\n`)
        .catch(({ code }) => log.warn({ code }, 'the line with the URL could not be written to standard output'));
      if (!signal.aborted) await Promise.race([once(signal, 'abort'), server.failed]);
    } finally {
      await server.close();
      await flushLog(LAST_WORDS_MS);
    }
    return 'done';
  },
};

/** @throws HrmError kind `invalid` for what is no number of processes, or for workers without an API. */
function workerCount(text: string | undefined, parts: readonly string[]): number | undefined {
  if (text === undefined) return undefined;
  const isCount = /^[1-9]\d?$/.test(text) && Number(text) <= MAX_WORKERS;
  if (isCount && parts.includes('api')) return Number(text);
  throw usageError(
    isCount
      ? '--workers is for the API, which --only leaves out: add --only api, or start consumers and compacters as processes of their own'
      : `--workers is ${JSON.stringify(text)}: it must be an integer from 1 to ${MAX_WORKERS}`,
  );
}
