import { isHrmError } from '../errors.js';
import { openQueue, openStorage } from '../open.js';
import { createHealth, type HealthReport } from '../ops/health.js';
import type { Queue } from '../ports/queue.js';
import type { Storage } from '../ports/storage.js';
import type { Settings } from '../settings.js';
import { within } from '../waits.js';

/** How long what was opened is waited for when it is closed, ms: the report is out, and the process ends anyway. */
const MAX_CLOSE_MS = 1_000;

/** What came of looking at queue and storage. */
export interface HealthCheck {
  /** What a server's /health would say. */
  readonly report: HealthReport;
  /** What a report, which anybody may ask a server for, does not say: which directory, what to do. */
  readonly advice: readonly string[];
}

/** Opens the queue and the storage that the settings name, as far as they are there, and checks them as a server would; makes nothing. */
export async function checkHealth(settings: Settings): Promise<HealthCheck> {
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
