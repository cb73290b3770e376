import { type Clock, type Queue, type Storage, systemClock } from 'hrm-core';
import type { Settings } from 'hrm-core/settings';
import { HEALTH_CACHE_MS, HEALTH_TIMEOUT_MS, MAX_BACKLOG_MS } from './limits.js';
import { codeOf } from './problem.js';

/** What /health says. A reason is plain words: no value of a reading, no file, no user. */
export interface HealthReport {
  /** `unhealthy`: queue or storage cannot do their work. `degraded`: they can, but somebody should look. */
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  /** Each `healthy` or the reason. */
  readonly checks: { readonly service: string; readonly queue: string; readonly storage: string };
}

/** The loops that a process may run beside the API. */
export type LoopName = 'consumer' | 'compacter';

/** Watches what the service stands on. */
export interface Health {
  /** Checks now, or gives the result of less than a second ago. Takes at most 2 s, and never throws. */
  check(): Promise<HealthReport>;
  /** Remembers how a loop's last step went; `null`: well. */
  record(loop: LoopName, failure: LoopFailure | null): void;
}

/** What is wrong with a loop. */
export interface LoopFailure {
  /** Plain words, as the report says them. */
  readonly reason: string;
  /** How long it counts if nothing is recorded after it, milliseconds: an idle loop has no success to record. */
  readonly lastsMs: number;
}

/** What a health check looks at. */
export interface HealthComponents {
  readonly queue: Pick<Queue, 'check' | 'depth'>;
  readonly storage: Pick<Storage, 'check'>;
  readonly clock?: Clock | undefined;
}

/** The settings that a health check goes by. */
export type HealthSettings = Pick<Settings, 'batchMaxAgeMs' | 'leaseMs'> & Partial<Pick<Settings, 'queueHighWater'>>;

interface Finding {
  readonly reason: string;
  readonly severity: 'healthy' | 'degraded' | 'unhealthy';
}

const HEALTHY: Finding = { reason: 'healthy', severity: 'healthy' };

/**
 * Creates the watch. The checks of one moment are shared by all who ask, and while one hangs no other is started: asking
 * costs nothing, however often somebody asks.
 */
export function createHealth(
  { queue, storage, clock = systemClock }: HealthComponents,
  { batchMaxAgeMs, leaseMs, queueHighWater = Number.POSITIVE_INFINITY }: HealthSettings,
): Health {
  const failures = new Map<LoopName, LoopFailure & { readonly atMs: number }>();
  const maxWaitMs = batchMaxAgeMs + leaseMs + MAX_BACKLOG_MS;

  function checkLoops(): Finding {
    const reasons: string[] = [];
    for (const { reason, lastsMs, atMs } of failures.values()) {
      if (clock.nowMs() - atMs < lastsMs) reasons.push(reason);
    }
    return reasons.length === 0 ? HEALTHY : { reason: reasons.join('; '), severity: 'degraded' };
  }

  async function checkQueue(): Promise<Finding> {
    // A queue whose disk is full still tells its depth.
    await queue.check();
    const { readings, claimedReadings, deadLetters, oldestMs } = await queue.depth();
    const reasons: string[] = [];
    if (deadLetters > 0) reasons.push(`dead letters: ${deadLetters} (see hrm dlq list)`);
    // No defect of this process, and nothing that starting it again would mend: least of all a consumer.
    if (readings + claimedReadings >= queueHighWater) {
      reasons.push('over the high-water mark, no readings are accepted: run more consumers');
    }
    if (oldestMs !== null && clock.nowMs() - oldestMs > maxWaitMs) {
      reasons.push('the oldest reading waits longer than it should: is a consumer running?');
    }
    return reasons.length === 0 ? HEALTHY : { reason: reasons.join('; '), severity: 'degraded' };
  }

  async function checkStorage(): Promise<Finding> {
    await storage.check();
    return HEALTHY;
  }

  const queueCheck = shareCheck(checkQueue, clock);
  const storageCheck = shareCheck(checkStorage, clock);
  return {
    async check() {
      const [queueFinding, storageFinding] = await Promise.all([queueCheck(), storageCheck()]);
      const findings = { service: checkLoops(), queue: queueFinding, storage: storageFinding };
      const severities = Object.values(findings).map(({ severity }) => severity);
      const status =
        (['unhealthy', 'degraded'] as const).find((severity) => severities.includes(severity)) ?? 'healthy';
      const { service, queue, storage } = findings;
      return { status, checks: { service: service.reason, queue: queue.reason, storage: storage.reason } };
    },
    record(loop, failure) {
      if (failure === null) failures.delete(loop);
      else failures.set(loop, { ...failure, atMs: clock.nowMs() });
    },
  };
}

/** Runs a check one at a time, gives its result to everybody for a while, and does not wait for it for ever. */
function shareCheck(run: () => Promise<Finding>, clock: Clock): () => Promise<Finding> {
  let running: Promise<Finding> | null = null;
  let latest: { readonly finding: Finding; readonly atMs: number } | null = null;

  async function start(): Promise<Finding> {
    const finding = await run().catch((error) => ({ reason: inWords(codeOf(error)), severity: 'unhealthy' }) as const);
    latest = { finding, atMs: clock.nowMs() };
    running = null;
    return finding;
  }

  return async () => {
    if (latest !== null && clock.nowMs() - latest.atMs < HEALTH_CACHE_MS) return latest.finding;
    running ??= start();
    return await withTimeout(running);
  };
}

async function withTimeout(finding: Promise<Finding>): Promise<Finding> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding>((resolve) => {
    const reason = `no answer within ${HEALTH_TIMEOUT_MS} ms`;
    timer = setTimeout(resolve, HEALTH_TIMEOUT_MS, { reason, severity: 'unhealthy' });
  });
  try {
    return await Promise.race([finding, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** An error's code as words, `storage_full` as "storage full": a message may name files, a code does not. */
export function inWords(code: string): string {
  return code.replaceAll('_', ' ');
}
