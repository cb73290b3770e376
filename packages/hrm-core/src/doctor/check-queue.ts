import { isHrmError } from '../errors.js';
import { openQueue } from '../open.js';
import { queuedCounts } from '../ops/counts.js';
import { depthIssues } from '../ops/health-issues.js';
import type { Settings } from '../settings.js';
import { bytesText, plural } from '../words.js';
import { placeResults } from './check-place.js';
import { type CheckResult, resultsOf } from './check-result.js';
import { permissionResults } from './check-storage.js';
import { differenceText } from './difference-text.js';

/** How far the clock of Redis may be from ours, ms: leases go by its, stamps of readings by ours. */
const MAX_REDIS_SKEW_MS = 1_000;

/** A request to SQS that takes longer crosses an ocean, ms. */
const SLOW_REQUEST_MS = 100;

/** A command that takes longer keeps requests waiting, ms. */
const SLOW_TRIP_MS = 20;

/** Looks at the queue: the server or directory, what could lose readings, and what waits in it. */
export async function checkQueue(settings: Settings): Promise<readonly CheckResult[]> {
  const { problem } = resultsOf('queue');
  try {
    if (settings.queueUrl !== '') return await withDepth(await sqsResults(settings), settings);
    if (settings.redisUrl !== '') return await withDepth(await redisResults(settings), settings);
    return [...(await depthResults(settings)), ...(await permissionResults('queue', settings.queueDir))];
  } catch (error) {
    if (!isHrmError(error)) throw error;
    if (error.code === 'queue_missing') return await missingResults(settings.queueDir);
    // What to do depends on what is wrong, and the error says it.
    const advice =
      error.kind === 'invalid'
        ? 'change that setting or server'
        : 'mend that first: no reading can be accepted or stored';
    return [problem(error.code, error.message, advice)];
  }
}

/** What a server says of itself, and what is in the queue; each warning once. */
async function withDepth(ofServer: readonly CheckResult[], settings: Settings): Promise<readonly CheckResult[]> {
  const told = new Set(ofServer.map(({ code }) => code));
  return [...ofServer, ...(await depthResults(settings)).filter(({ code }) => !told.has(code))];
}

async function redisResults(settings: Settings): Promise<readonly CheckResult[]> {
  const { ok, warning } = resultsOf('redis');
  const { describeRedis } = await import('../drivers/queue/redis/redis.js');
  const { queueKey, processingKey, deadKey, redisUrl } = settings;
  const report = await describeRedis({ server: redisUrl, queueKey, processingKey, deadKey });
  const { version, mode, usedBytes, roundTripMs, clockAheadMs, warnings } = report;
  const results: CheckResult[] = [ok('version', `Redis ${version}, ${mode}, ${bytesText(usedBytes)} used`)];
  for (const { code, message, advice } of warnings) results.push(warning(code, message, advice));
  if (warnings.length === 0) results.push(ok('durability', 'what is accepted is on its disk'));
  const trip = `a command takes ${roundTripMs.toFixed(1)} ms`;
  if (roundTripMs <= SLOW_TRIP_MS) results.push(ok('round_trip', trip));
  else results.push(warning('round_trip_slow', trip, 'bring Redis nearer, or look at what else it does (SLOWLOG GET)'));
  const clock = `its clock is ${differenceText(clockAheadMs)}`;
  if (Math.abs(clockAheadMs) <= MAX_REDIS_SKEW_MS) results.push(ok('redis_clock', clock));
  else results.push(warning('redis_clock_skew', clock, 'set both machines by NTP'));
  return results;
}

async function sqsResults({ queueUrl }: Settings): Promise<readonly CheckResult[]> {
  const { ok, warning } = resultsOf('sqs');
  const { describeSqs } = await import('../drivers/queue/sqs/sqs.js');
  const report = await describeSqs({ url: queueUrl });
  const { region, host, endpointFrom, roundTripMs, retentionDays, clockAheadMs, warnings } = report;
  const at = endpointFrom === null ? host : `${host} (${endpointFrom}), whatever host HRM_QUEUE_URL has`;
  const results: CheckResult[] = [
    ok('queue', `${at}, region ${region}, keeps readings for ${plural(retentionDays, 'day')}`),
  ];
  for (const { code, message, advice } of warnings) results.push(warning(code, message, advice));
  const trip = `a request takes ${roundTripMs.toFixed(0)} ms`;
  if (roundTripMs <= SLOW_REQUEST_MS) results.push(ok('round_trip', trip));
  else results.push(warning('round_trip_slow', trip, 'run hrm in the region of the queue'));
  const clock = `its clock is ${differenceText(clockAheadMs)}`;
  if (clockAheadMs === 0) results.push(ok('sqs_clock', 'it takes our clock for right'));
  else results.push(warning('sqs_clock_skew', clock, 'set this machine by NTP'));
  return results;
}

async function missingResults(directory: string): Promise<readonly CheckResult[]> {
  const message = `there is no queue in ${directory} yet`;
  const advice = 'start hrm serve, which makes it, or set HRM_QUEUE_DIR, REDIS_URL or HRM_QUEUE_URL';
  const missing = resultsOf('queue').warning('queue_missing', message, advice);
  const place = await placeResults('queue', directory);
  return [missing, ...place, ...(await permissionResults('queue', directory))];
}

async function depthResults(settings: Settings): Promise<readonly CheckResult[]> {
  const { ok, warning, problem } = resultsOf('queue');
  const queue = await openQueue(settings, { create: false });
  try {
    const depth = await queue.depth();
    // After it: a place of dead letters that cannot be counted is known by then.
    const { warnings } = await queue.check();
    const nowMs = Date.now();
    const queued = depth.readings + depth.claimedReadings;
    const { oldestAgeMs } = queuedCounts(depth, nowMs);
    const oldest = oldestAgeMs === undefined ? '' : `, the oldest for ${Math.round((oldestAgeMs ?? 0) / 1_000)} s`;
    const waiting = `${depth.isEstimate ? 'about ' : ''}${plural(queued, 'reading')} queued${oldest}`;
    // How long ended claims wait to be taken over, one look does not tell.
    const issues = new Set(depthIssues({ ...depth, nowMs, expiredClaimsMs: 0 }, settings).map(({ code }) => code));
    const results = warnings.map(({ code, message, advice }) => warning(code, message, advice));
    if (issues.has('high_water')) {
      const message = `${waiting}: no more are accepted`;
      results.push(problem('high_water', message, 'run more consumers, or hrm drain --all'));
    }
    if (issues.has('backlog')) {
      const message = `${waiting}, near the high-water mark (${settings.queueHighWater})`;
      results.push(warning('backlog', message, 'run more consumers before the queue refuses readings'));
    }
    if (issues.has('overdue'))
      results.push(warning('overdue', waiting, 'start a consumer (hrm serve), or run hrm drain --all'));
    if (results.length === warnings.length) results.push(ok('depth', waiting));
    if (issues.has('dead_letters')) {
      const message = `${plural(depth.deadLetters ?? 0, 'dead letter')}: what could not be stored`;
      results.push(warning('dead_letters', message, 'run hrm dlq list, then redrive or purge them'));
    }
    return results;
  } finally {
    await queue.close();
  }
}
