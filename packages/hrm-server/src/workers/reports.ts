/**
 * The worker's side of a scrape: whichever worker is asked for the metrics answers for all.
 */
import { HrmError } from 'hrm-core';
import type { MetricsReport } from '../metrics/merge.js';
import type { Service } from '../serve.js';
import type { FromWorker, ToWorker } from './messages.js';

/** Sends to the primary. */
type Tell = (message: FromWorker) => Promise<void>;

/** How long the primary may take, ms: more than it gives the other workers. */
const MAX_ANSWER_MS = 5_000;

let lastId = 0;

/**
 * Asks the primary for what the other workers have counted.
 * @throws HrmError kind `unavailable` when it does not answer: sums without the others would look like a restart.
 */
export function askForReports(own: MetricsReport, tell: Tell): Promise<readonly MetricsReport[]> {
  lastId += 1;
  const id = lastId;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      process.off('message', onMessage);
      reject(new HrmError('the other workers cannot be asked', { kind: 'unavailable', code: 'workers_silent' }));
    }, MAX_ANSWER_MS);
    function onMessage(message: ToWorker): void {
      if (message.type !== 'gathered' || message.id !== id) return;
      clearTimeout(timer);
      process.off('message', onMessage);
      resolve(message.reports);
    }
    process.on('message', onMessage);
    void tell({ type: 'scraped', id, report: own });
  });
}

/** Between two tellings of what was counted, ms: what is counted in this time before a SIGKILL is lost to the sums. */
const TELL_EVERY_MS = 200;

/** Tells the primary again and again what this worker has counted, where that has changed. */
export function tellCounts(service: Pick<Service, 'counts'>, tell: Tell): void {
  let told = '';
  setInterval(async () => {
    const report = await service.counts();
    // The time of the processor always goes on; it comes along with the others.
    const changed = JSON.stringify(report.filter(({ name }) => name !== 'process_cpu_seconds_total'));
    if (changed === told) return;
    told = changed;
    await tell({ type: 'counts', report });
  }, TELL_EVERY_MS).unref();
}

/** Answers the primary from now on when it asks what this worker has counted. */
export function answerCounts(service: Pick<Service, 'report'>, tell: Tell): void {
  process.on('message', async (message: ToWorker) => {
    if (message.type !== 'count') return;
    await tell({ type: 'counted', id: message.id, report: await service.report() });
  });
}
