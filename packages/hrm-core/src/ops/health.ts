/**
 * A watch over what a service stands on: queue, storage, keys, and how its loops go.
 * @module
 */
import { isHrmError } from '../errors.js';
import { HEALTH_CACHE_MS, HEALTH_TIMEOUT_MS } from '../limits.js';
import { type Clock, systemClock } from '../ports/clock.js';
import type { Queue, QueueDepth } from '../ports/queue.js';
import type { Space } from '../ports/space.js';
import type { Storage } from '../ports/storage.js';
import { within } from '../waits.js';
import {
  auditIssues,
  depthIssues,
  type HealthIssue,
  type HealthStatus,
  keyIssues,
  type QueueHealthSettings,
  quarantineIssues,
  spaceIssues,
  statusOfIssues,
  warningIssues,
} from './health-issues.js';
import { createQueueHistory, type QueueMoment } from './queue-history.js';

/** What /health says. A reason is plain words: no value of a reading, no file, no user. */
export interface HealthReport {
  readonly status: HealthStatus;
  /** Each `healthy` or the reason. */
  readonly checks: Readonly<Record<CheckName, string>>;
}

/** The loops that a process may run beside the API. */
export type LoopName = 'consumer' | 'compacter';

/** Who tells how a loop goes: the loop itself, of its last step, or its watchdog. */
export type LoopReporter = LoopName | `${LoopName} watchdog`;

/** Who tells of what went wrong: a loop, the queries that met damaged files, or those that the storage failed. */
type Reporter = LoopReporter | 'damage' | 'storage failure';

/** What a health check saw. */
export interface HealthView {
  readonly issues: readonly HealthIssue[];
  /** `null` without a queue, and where it could not be asked. `highWater`: readings, in all, from which pushes are refused. */
  readonly queue: (QueueDepth & { readonly nowMs: number; readonly highWater: number }) | null;
  /** What was in the queue before, oldest first: a point a minute, for two hours. */
  readonly history: readonly QueueMoment[];
  /** Room under what could be asked. */
  readonly space: readonly (Space & { readonly place: 'queue' | 'storage' })[];
}

/** Watches what the service stands on. */
export interface Health {
  /**
   * Checks now, or gives the result of less than a second ago. Takes at most 2 s, and never throws.
   * @param options.withFigures - whether reasons have figures, which tell how much everybody sends; default true.
   */
  check(options?: { readonly withFigures?: boolean }): Promise<HealthReport>;
  /** The same, one by one: what the monitor logs. */
  inspect(): Promise<readonly HealthIssue[]>;
  /** The same with the figures that it was found by: what is measured. */
  look(): Promise<HealthView>;
  /** Remembers how a loop's last step went, `null`: well; that a query met a damaged file, or failed for the storage. */
  record(reporter: Reporter, failure: LoopFailure | null): void;
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
  /** `null` in a process that has none: there is nothing to find then. */
  readonly queue: Pick<Queue, 'check' | 'depth'> | null;
  readonly storage: Pick<Storage, 'check'>;
  /** Where the process looks at keys: why they cannot be read, `null` where they can; how many end soon. */
  readonly keys?: { fault(): string | null; ending?(): number } | undefined;
  /** Where the process records who sees what: how that goes. */
  readonly audit?: { state(): { readonly lost: number; readonly fault: string | null } } | null | undefined;
  /** What the process itself finds of its own. */
  readonly ownIssues?: (() => readonly HealthIssue[]) | undefined;
  readonly clock?: Clock | undefined;
}

/** What a health issue is about, as /health names it. */
export type CheckName = HealthIssue['check'];

/**
 * Creates the watch. The checks of one moment are shared by all who ask, and while one hangs no other is started: asking
 * costs nothing, however often somebody asks.
 */
export function createHealth(
  { queue, storage, keys, audit, ownIssues = () => [], clock = systemClock }: HealthComponents,
  settings: QueueHealthSettings,
): Health {
  const loops = createLoopRecords(clock);
  const history = createQueueHistory();
  const seen: { queue: HealthView['queue']; queueSpace: Space | null; storageSpace: Space | null } = {
    queue: null,
    queueSpace: null,
    storageSpace: null,
  };
  const checkQueue =
    queue === null
      ? async () => []
      : queueCheck(queue, clock, settings, (depth, space) => {
          seen.queue = depth;
          history.add(depth);
          seen.queueSpace = space;
        });
  const sharedQueueCheck = shareCheck('queue', checkQueue, clock);
  const sharedStorageCheck = shareCheck(
    'storage',
    () =>
      checkStorage(storage, (space) => {
        seen.storageSpace = space;
      }),
    clock,
  );

  async function look(): Promise<HealthView> {
    const [ofQueue, ofStorage] = await Promise.all([sharedQueueCheck(), sharedStorageCheck()]);
    // What was seen before it fell ill says nothing of now.
    const isKnown = (issues: readonly HealthIssue[]) => issues.every(({ severity }) => severity !== 'unhealthy');
    const space: (Space & { readonly place: 'queue' | 'storage' })[] = [];
    if (isKnown(ofQueue) && seen.queueSpace !== null) space.push({ place: 'queue', ...seen.queueSpace });
    if (isKnown(ofStorage) && seen.storageSpace !== null) space.push({ place: 'storage', ...seen.storageSpace });
    const ofService = [
      ...loops.issues(),
      ...keyIssues(keys?.fault() ?? null, keys?.ending?.() ?? 0),
      ...auditIssues(audit?.state() ?? null),
    ];
    const issues = [...ofService, ...ownIssues(), ...ofQueue, ...ofStorage];
    return { issues, queue: isKnown(ofQueue) ? seen.queue : null, history: history.points(), space };
  }
  async function inspect(): Promise<readonly HealthIssue[]> {
    return (await look()).issues;
  }

  return {
    look,
    inspect,
    check: async ({ withFigures = true } = {}) => summarise(await inspect(), withFigures),
    record: loops.record,
  };
}

function summarise(issues: readonly HealthIssue[], withFigures: boolean): HealthReport {
  function inWordsOf(check: CheckName): string {
    const reasons = issues
      .filter((issue) => issue.check === check)
      .map(({ reason, plainReason = reason }) => (withFigures ? reason : plainReason));
    return reasons.length === 0 ? 'healthy' : reasons.join('; ');
  }
  return {
    status: statusOfIssues(issues),
    checks: { service: inWordsOf('service'), queue: inWordsOf('queue'), storage: inWordsOf('storage') },
  };
}

/** How the loops of this process go. */
function createLoopRecords(clock: Clock): { issues(): HealthIssue[] } & Pick<Health, 'record'> {
  const failures = new Map<Reporter, LoopFailure & { readonly atMs: number }>();
  return {
    issues() {
      return [...failures].flatMap(([reporter, { reason, lastsMs, atMs }]): HealthIssue[] => {
        if (!isWithin(lastsMs, atMs, clock)) return [];
        const check = reporter === 'damage' || reporter === 'storage failure' ? 'storage' : 'service';
        return [{ check, code: reporter.replace(' ', '_'), reason, severity: 'degraded' }];
      });
    },
    record(reporter, failure) {
      if (failure === null) failures.delete(reporter);
      else failures.set(reporter, { ...failure, atMs: clock.nowMs() });
    },
  };
}

function queueCheck(
  queue: Pick<Queue, 'check' | 'depth'>,
  clock: Clock,
  settings: QueueHealthSettings,
  onSeen: (depth: NonNullable<HealthView['queue']>, space: Space) => void,
): () => Promise<readonly HealthIssue[]> {
  let expiredSinceMs: number | null = null;
  return async () => {
    // A queue whose disk is full still tells its depth; what it tells is not worth much then, and is left out.
    const { warnings, ...space } = await queue.check();
    const depth = await queue.depth();
    const nowMs = clock.nowMs();
    onSeen({ ...depth, nowMs, highWater: settings.queueHighWater ?? Number.POSITIVE_INFINITY }, space);
    if (depth.endedClaims === 0) expiredSinceMs = null;
    else expiredSinceMs ??= nowMs;
    const expiredClaimsMs = expiredSinceMs === null ? 0 : nowMs - expiredSinceMs;
    const ofDepth = depthIssues({ ...depth, nowMs, expiredClaimsMs }, settings);
    return [...ofDepth, ...spaceIssues('queue', space), ...warningIssues(warnings)];
  };
}

async function checkStorage(
  storage: Pick<Storage, 'check'>,
  onSeen: (space: Space) => void,
): Promise<readonly HealthIssue[]> {
  const check = await storage.check();
  onSeen(check);
  return [...spaceIssues('storage', check), ...quarantineIssues(check)];
}

/** Runs a check one at a time, gives its result to everybody for a while, and does not wait for it for ever. */
function shareCheck(
  check: CheckName,
  run: () => Promise<readonly HealthIssue[]>,
  clock: Clock,
): () => Promise<readonly HealthIssue[]> {
  let running: Promise<readonly HealthIssue[]> | null = null;
  let latest: { readonly issues: readonly HealthIssue[]; readonly atMs: number } | null = null;

  function unhealthy(code: string, reason: string): readonly HealthIssue[] {
    return [{ check, code, reason, severity: 'unhealthy' }];
  }

  async function start(): Promise<readonly HealthIssue[]> {
    const issues = await run().catch((error) => unhealthy(codeOf(error), inWords(codeOf(error))));
    latest = { issues, atMs: clock.nowMs() };
    running = null;
    return issues;
  }

  return async () => {
    if (latest !== null && isWithin(HEALTH_CACHE_MS, latest.atMs, clock)) return latest.issues;
    running ??= start();
    return await within(HEALTH_TIMEOUT_MS, running, () =>
      unhealthy('no_answer', `no answer within ${HEALTH_TIMEOUT_MS} ms`),
    );
  };
}

/**
 * Whether less has passed. Not where the clock was set back: what was found would count until it has caught up, an hour
 * perhaps. What has no end has none by any clock.
 */
function isWithin(ms: number, sinceMs: number, clock: Clock): boolean {
  const passedMs = clock.nowMs() - sinceMs;
  return ms === Number.POSITIVE_INFINITY || (passedMs >= 0 && passedMs < ms);
}

/** An error's code as words, `storage_full` as "storage full": a message may name files, a code does not. */
export function inWords(code: string): string {
  return code.replaceAll('_', ' ');
}

/** The code of an error; `internal` for what is no HrmError. */
export function codeOf(error: unknown): string {
  return isHrmError(error) ? error.code : 'internal';
}
