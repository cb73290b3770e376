/** What a step of a loop came to, as lines of the log. */
import {
  type ConsumerEvent,
  errorFields,
  fileFields,
  type Health,
  type LoopName,
  type PartitionFailure,
  recordConsumer,
} from 'hrm-core';
import type { Logger } from 'pino';
import { statusOf } from '../api/problem.js';
import { MAX_LOGGED_FAILURES } from '../limits.js';
import { levelOf } from '../log/log.js';

/** Who hears of steps. */
interface Heard {
  readonly log: Logger;
  readonly health: Pick<Health, 'record'>;
}

/** Turns what a consumer tells into lines of the log and a state of health. */
export function consumerListener({ log, health }: Heard): (event: ConsumerEvent) => void {
  const record = recordConsumer(health);
  return (event) => {
    record(event);
    if (event.type === 'failed') logFailure('consumer', event, log);
    if (event.type !== 'drained') return;
    const { claimed, expired, parts, deadLettered, postponed, undecided, left, failures, lagMs, outcome } =
      event.summary;
    const line = { claimed, expired, parts: parts.length, deadLettered, undecided, left, lagMs, outcome };
    if (postponed > 0)
      log.warn(
        { ...line, postponed, ...failureFields(failures) },
        'some readings cannot be stored now; they are back in the queue',
      );
    else if (deadLettered > 0) log.warn(line, 'stored a batch; what was bad in it is among the dead letters');
    else log.info(line, 'stored a batch');
  };
}

/** Logs a step that failed. */
export function logFailure(
  loop: LoopName,
  { error, retryMs }: { readonly error: unknown; readonly retryMs: number },
  log: Logger,
): void {
  log[levelOf(statusOf(error))]({ loop, retryMs, ...errorFields(error) }, 'a step failed; it is tried again');
}

/** Partitions that failed, without what names a user: their directories, and their errors' messages. */
export function failureFields(failures: readonly Pick<PartitionFailure, 'partition' | 'code' | 'name'>[]) {
  const failed = failures.slice(0, MAX_LOGGED_FAILURES).map(({ partition: { date }, code, name }) => {
    return { ...fileFields({ date, name }), code };
  });
  return { failures: failures.length, failed };
}
