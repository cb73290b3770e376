import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DirectoryReport } from '../drivers/storage/directory/start/describe.js';
import { isHrmError } from '../errors.js';
import { findReceivedAhead } from '../flow/verify/find-received-ahead.js';
import { openStorage, rememberedStore } from '../open.js';
import type { Storage } from '../ports/storage.js';
import type { Settings } from '../settings.js';
import { plural } from '../words.js';
import { placeResults, spaceResults } from './check-place.js';
import { type CheckResult, resultsOf } from './check-result.js';
import { retentionResults, withRetentionOfStore } from './check-retention.js';
import { differenceText } from './difference-text.js';

/** Directory entries whose permissions are looked at: enough to find a wrong umask, and no walk through years. */
const MAX_ENTRIES = 2_000;

/** A disk that takes longer to sync a block limits what can be stored: each file waits for two or three of these. */
const SLOW_SYNC_MS = 50;
const SYNC_TRIES = 3;

/** Readings that are looked at for their minute of reception: some seconds' work. */
const MAX_AHEAD_READINGS = 2_000_000;
const MINUTE_MS = 60_000;

/** How long obstacles are looked for, ms. */
const MAX_OBSTACLES_MS = 3_000;

/** How far a file system's clock may be from ours, ms. */
const MAX_FILE_SKEW_MS = 2_000;

/** Looks at the data directory: whether it can be written durably, the room, who may read it, what was left or set aside. */
export async function checkStorage(settings: Settings): Promise<readonly CheckResult[]> {
  const { dataDir: directory } = settings;
  const { ok, warning, problem } = resultsOf('data');
  const results: CheckResult[] = [];
  const store = await rememberedStore(settings);
  try {
    const storage = await openStorage(withRetentionOfStore(settings), { create: false, store });
    try {
      const space = await storage.check();
      results.push(...syncResults(await measureSync(storage)), ...spaceResults('data', space));
      results.push(...(await aheadResults(storage)), ...(await obstacleResults(storage)));
      results.push(...(await retentionResults(storage, settings)));
    } finally {
      await storage.close();
    }
  } catch (error) {
    if (!isHrmError(error)) throw error;
    if (error.code === 'storage_missing' && store === null) {
      const message = `there are no data in ${directory} yet`;
      results.push(warning('data_missing', message, 'start hrm serve, which begins there, or set HRM_DATA_DIR'));
      const place = await placeResults('data', directory);
      return [...results, ...place, ...(await permissionResults('data', directory))];
    }
    results.push(problem(error.code, error.message, 'mend that first: nothing can be stored'));
    if (error.code === 'storage_missing' || error.code === 'storage_replaced') return results;
  }
  const { describeDirectory } = await import('../drivers/storage/directory/start/describe.js');
  const report = await describeDirectory(directory);
  results.push(identityResult(report), ...clockResults(report));
  results.push(...(await permissionResults('data', directory)));
  if (report.staleTemporaries > 0) {
    const message = `${plural(report.staleTemporaries, 'unfinished file')} over an hour old`;
    results.push(warning('stale_temporaries', message, 'start hrm serve or hrm drain anew, which removes them'));
  }
  if (report.isQuarantined) {
    const message = 'the quarantine is not empty: files were found damaged';
    results.push(warning('quarantine', message, 'run hrm verify, which says what is lost, and hrm verify --repair'));
  }
  return results.length > 0 ? results : [ok('data', 'well')];
}

/** The best of some tries, ms: that others use the disk just now does not make it a slow one. */
async function measureSync(storage: Storage): Promise<number> {
  let bestMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < SYNC_TRIES; i += 1) {
    const beganMs = performance.now();
    await storage.check();
    bestMs = Math.min(bestMs, performance.now() - beganMs);
  }
  return bestMs;
}

function syncResults(syncMs: number): readonly CheckResult[] {
  const { ok, warning } = resultsOf('data');
  const message = `writing and syncing a block takes ${syncMs.toFixed(1)} ms`;
  if (syncMs <= SLOW_SYNC_MS) return [ok('sync', message)];
  return [warning('sync_slow', message, 'use a faster disk, or one that is less busy: every file waits for it')];
}

/** Looks for readings whose minute of reception is not there yet: a correction of them would count only when it is over. */
async function aheadResults(storage: Storage): Promise<readonly CheckResult[]> {
  const { ok, warning } = resultsOf('clock');
  const { readings, latestMs, isComplete } = await findReceivedAhead({ storage }, { maxReadings: MAX_AHEAD_READINGS });
  const days = 'of yesterday, today and later days';
  const looked = isComplete ? days : `among the first ${MAX_AHEAD_READINGS.toLocaleString('en')} ${days}`;
  if (latestMs === null)
    return [ok('received', `no reading ${looked} was received ahead of it; hrm verify looks at all`)];
  const until = new Date(latestMs + MINUTE_MS).toISOString();
  const message = `${plural(readings, 'reading')} ${looked} ${readings === 1 ? 'was' : 'were'} received ahead of it, up to ${until}`;
  const advice = `set the clock by NTP; send corrections of these readings after ${until}, since earlier ones do not count`;
  return [warning('received_ahead', message, advice)];
}

/** Looks for what keeps a date or a user's day from being stored, for a while: a store of years has very many days. */
async function obstacleResults(storage: Storage): Promise<readonly CheckResult[]> {
  const signal = AbortSignal.timeout(MAX_OBSTACLES_MS);
  let count = 0;
  try {
    for await (const _ of storage.obstacles({}, { signal })) {
      count += 1;
      if (count === MAX_ENTRIES) break;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (count === 0) return [];
  const message = `${plural(count, 'entry', 'entries')} among the directories of dates or users, and none of them: nothing there is stored or read`;
  return [resultsOf('data').problem('orphans', message, 'run hrm verify, which names them, and move them away')];
}

/** Without its identity an empty mount point cannot be told from the store, nor another store. */
function identityResult({ identity }: DirectoryReport): CheckResult {
  const { ok, warning } = resultsOf('data');
  if (identity !== null) return ok('identity', `the store ${identity.slice(0, 8)}`);
  const message = 'the store has no identity, so that nothing tells it from an empty mount point';
  return warning('identity_missing', message, 'start hrm serve once, which gives it one (.store)');
}

/** What keeps a file from being made there was found before. */
function clockResults({ clockAheadMs }: DirectoryReport): readonly CheckResult[] {
  const { ok, warning } = resultsOf('clock');
  if (clockAheadMs === null) return [];
  const message = `the file system's clock is ${differenceText(clockAheadMs)}`;
  if (Math.abs(clockAheadMs) <= MAX_FILE_SKEW_MS) return [ok('file_clock', message)];
  return [warning('file_clock_skew', message, 'set both machines by NTP: files are swept by their age')];
}

/** Looks for what others than the owner may read or write, or another owner has; finds nothing where nothing is. */
export async function permissionResults(check: string, directory: string): Promise<readonly CheckResult[]> {
  const { ok, problem, warning } = resultsOf(check);
  const open = { directories: 0, files: 0, foreign: 0, modes: 0 };
  const user = process.getuid?.() ?? null;
  let seen = 0;
  for await (const path of walk(directory)) {
    const stats = await lstat(path).catch(() => null);
    if (stats === null || stats.isSymbolicLink()) continue;
    seen += 1;
    if ((stats.mode & 0o077) !== 0) open[stats.isDirectory() ? 'directories' : 'files'] += 1;
    open.modes |= stats.mode;
    if (user !== null && user !== 0 && stats.uid !== user) open.foreign += 1;
    if (seen >= MAX_ENTRIES) break;
  }
  if (seen === 0) return [];
  const { directories, files, foreign, modes } = open;
  const results: CheckResult[] = [];
  if (directories + files > 0) {
    const { rights, isProblem } = rightsOfOthers(modes);
    const counts = `${plural(directories, 'directory', 'directories')} and ${plural(files, 'file')}`;
    const message = `others may ${rights} ${counts} of ${seen} looked at`;
    results.push((isProblem ? problem : warning)('permissions', message, `run chmod -R go= ${directory}`));
  }
  if (foreign > 0) {
    const message = `${foreign} of ${seen} entries belong to another user`;
    results.push(problem('owner', message, `run as their owner, or chown -R ${user} ${directory}`));
  }
  return results.length > 0 ? results : [ok('permissions', `for its owner alone (${seen} entries looked at)`)];
}

/** What others than the owner may do, by modes or-ed together. That everybody may write is a problem, a group may be meant to. */
export function rightsOfOthers(modes: number): { readonly rights: string; readonly isProblem: boolean } {
  return { rights: (modes & 0o022) === 0 ? 'read' : 'read and write', isProblem: (modes & 0o002) !== 0 };
}

/** A directory and what is in it, breadth first: dates before users before files. */
async function* walk(directory: string): AsyncGenerator<string> {
  yield directory;
  const pending = [directory];
  for (let at = 0; at < pending.length && pending.length <= MAX_ENTRIES; at += 1) {
    const entries = await opendir(pending[at] as string).catch(() => []);
    for await (const entry of entries) {
      const path = join(pending[at] as string, entry.name);
      yield path;
      if (entry.isDirectory()) pending.push(path);
    }
  }
}
