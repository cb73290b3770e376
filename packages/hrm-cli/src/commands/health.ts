import { isHrmError, type Queue, type Storage, within } from 'hrm-core';
import type { ServerHealth } from 'hrm-core/client';
import { openQueue, openStorage } from 'hrm-core/open';
import type { Settings } from 'hrm-core/settings';
import { type Command, QUEUE_SETTINGS } from '../command.js';
import { askServer } from '../health/ask-server.js';
import { summaryText, visibleText } from '../output/output.js';

/** How long what was opened is waited for when it is closed, ms: the report is out, and the process ends anyway. */
const MAX_CLOSE_MS = 1_000;

/** What came of looking at queue and storage. */
interface CheckResult {
  readonly report: ServerHealth;
  /** What a report, which anybody may ask a server for, does not say: which directory, what to do. */
  readonly advice: readonly string[];
}

/** `hrm health` */
export const healthCommand: Command = {
  name: 'health',
  about:
    'Says whether the queue and the storage that the settings name can do their work. It is for container health checks and scripts, ' +
    'and makes no file or directory. With --url it asks a running server instead. ' +
    'It ends with 0 when healthy or degraded, with 3 when unhealthy.',
  options: [{ name: 'url', value: 'URL', about: 'Ask the server at this address, http://127.0.0.1:8000.' }],
  settings: [...QUEUE_SETTINGS, 'queueHighWater', 'dataDir', 'batchMaxAgeMs', 'leaseMs'],
  examples: ['hrm health', 'hrm health --url http://127.0.0.1:8000 --json'],
  async run({ args, settings, json, output, stderr, signal }) {
    const url = args.value('url');
    const { report, advice } =
      url === undefined ? await lookAround(settings) : { report: await askServer(url, signal), advice: [] };
    const { status, checks } = report;
    if (!json) stderr.write(advice.map((line) => `hrm health: ${visibleText(line)}\n`).join(''));
    const rows = Object.entries({ status, ...checks }).map(([name, text]) => [name, visibleText(text)] as const);
    await output.write(json ? `${JSON.stringify(report)}\n` : summaryText(rows));
    return status === 'unhealthy' ? 'unavailable' : 'done';
  },
};

/** Opens what is there, as far as it is there, and checks it as a server would. */
async function lookAround(settings: Settings): Promise<CheckResult> {
  const { createHealth } = await import('hrm-server');
  const queue = openQueue(settings, { create: false });
  // What is wrong with a queue that cannot be asked, its own check says.
  const store = queue.then(
    (opened) => opened.store.get().catch(() => null),
    () => null,
  );
  const storage = store.then((identity) => openStorage(settings, { create: false, store: identity }));
  // What cannot be opened, or takes too long, is a result as what cannot be used is: the checks wait for it, bounded.
  const health = createHealth(
    {
      queue: {
        check: async () => (await queue).check(),
        depth: async () => (await queue).depth(),
      },
      storage: { check: async () => (await storage).check() },
    },
    settings,
  );
  const advice: string[] = [];
  for (const opening of [queue, storage]) {
    opening.catch((error: unknown) => {
      if (isHrmError(error)) advice.push(error.message);
    });
  }
  const report = await health.check();
  await closeSoon([queue, storage]);
  return { report, advice };
}

/** Closes what is open; what is still being opened, or does not close, is left to the end of the process. */
async function closeSoon(openings: readonly Promise<Queue | Storage>[]): Promise<void> {
  const closed = Promise.allSettled(openings.map(async (opening) => (await opening).close()));
  await within(MAX_CLOSE_MS, closed, () => undefined);
}
