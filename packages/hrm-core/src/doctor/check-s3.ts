import type { S3Report } from '../drivers/storage/s3/describe.js';
import { isHrmError } from '../errors.js';
import { openStorage, rememberedStore, s3Options } from '../open.js';
import type { Settings } from '../settings.js';
import { type CheckResult, resultsOf } from './check-result.js';
import { retentionResults, withRetentionOfStore } from './check-retention.js';
import { differenceText } from './difference-text.js';

/** A service that is farther away keeps questions waiting, ms. */
const SLOW_TRIP_MS = 200;

/** How far the service's clock may be from ours, ms: from 15 minutes on it refuses requests, and stamps of readings go by ours. */
const MAX_SKEW_MS = 5_000;

/** Looks at the store in S3: whether it can be written and listed, what the service enforces, what keeps old versions. */
export async function checkS3(settings: Settings): Promise<readonly CheckResult[]> {
  const { ok, warning, problem } = resultsOf('data');
  const { storageUrl: url } = settings;
  try {
    const { describeS3 } = await import('../drivers/storage/s3/describe.js');
    const report = await describeS3(s3Options(url, settings));
    const results: CheckResult[] = [...placeResults(report)];
    const store = await rememberedStore(settings);
    try {
      const storage = await openStorage(withRetentionOfStore(settings), { create: false, store });
      try {
        const { quarantinedFiles } = await storage.check();
        results.push(ok('conditions', `${url} can be written, and enforces conditional writes`));
        results.push(ok('identity', `the store ${(await storage.identity())?.slice(0, 8)}`));
        if (quarantinedFiles > 0) {
          const message = 'the quarantine is not empty: files were found damaged';
          results.push(
            warning('quarantine', message, 'run hrm verify, which says what is lost, and hrm verify --repair'),
          );
        }
        results.push(...(await retentionResults(storage, settings)));
      } finally {
        await storage.close();
      }
    } catch (error) {
      if (!isHrmError(error) || error.code !== 'storage_missing' || store !== null) throw error;
      const advice = 'start hrm serve, which begins there, or set HRM_STORAGE_URL';
      results.push(warning('data_missing', `there are no data in ${url} yet`, advice));
    }
    return results;
  } catch (error) {
    if (!isHrmError(error)) throw error;
    return [problem(error.code, error.message, 'mend that first: nothing can be stored')];
  }
}

function placeResults({
  region,
  host,
  clockAheadMs,
  roundTripMs,
  isVersioned,
  hasLifecycle,
  canDelete,
}: S3Report): readonly CheckResult[] {
  const { ok, warning, problem } = resultsOf('s3');
  const results: CheckResult[] = [ok('region', `${host}, region ${region}`)];
  const trip = `a request takes ${roundTripMs.toFixed(0)} ms`;
  if (roundTripMs <= SLOW_TRIP_MS) results.push(ok('round_trip', trip));
  else results.push(warning('round_trip_slow', trip, 'run hrm in the region of the bucket'));
  const clock = `its clock is ${differenceText(clockAheadMs)}`;
  if (Math.abs(clockAheadMs) <= MAX_SKEW_MS) results.push(ok('clock', clock));
  else results.push(warning('clock_skew', clock, 'set this machine by NTP'));
  if (isVersioned === true && hasLifecycle === false) {
    const message =
      'the bucket keeps every version, and no lifecycle rule deletes old ones: what is deleted takes room for ever';
    results.push(warning('versions_kept', message, 'add a rule that expires noncurrent versions'));
  } else if (isVersioned !== null)
    results.push(ok('versions', isVersioned ? 'old versions are kept for a while' : 'no versions are kept'));
  if (canDelete === false) {
    const message = 'the keys may not delete objects, so that compaction and erasures leave everything where it is';
    results.push(problem('cannot_delete', message, 'grant s3:DeleteObject'));
  } else if (canDelete) results.push(ok('deletion', 'objects can be deleted'));
  return results;
}
