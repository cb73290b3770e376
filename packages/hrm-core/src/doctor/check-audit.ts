import { accessSync, constants, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { verifyAudit } from '../audit/verify.js';
import { errorCode, isHrmError } from '../errors.js';
import type { Settings } from '../settings.js';
import { plural } from '../words.js';
import { type CheckResult, resultsOf } from './check-result.js';
import { rightsOfOthers } from './check-storage.js';
import { writableResults } from './check-surroundings.js';

/** Looks at the audit log: whether it can be written, who else may read it, whether it is whole, and what it could not record. */
export async function checkAudit({ auditLog }: Pick<Settings, 'auditLog'>): Promise<readonly CheckResult[]> {
  const { ok, warning, problem } = resultsOf('audit');
  if (auditLog === '') return [ok('none', 'there is no audit log: HRM_AUDIT_LOG names one')];
  try {
    const results = [...placeResults(auditLog), ...writableResults('audit', auditLog)];
    const { isWhole, faultCount, lost, events } = await verifyAudit(auditLog);
    if (!isWhole) {
      const message = `the audit log is not whole: ${plural(faultCount, 'fault')}`;
      results.push(problem('audit_broken', message, 'hrm audit verify shows where; keep a copy before anything else'));
    }
    if (lost > 0) {
      const message = `${plural(lost, 'event')} could not be recorded in the audit log`;
      results.push(
        warning('audit_lost', message, 'see that its disk has room; HRM_AUDIT_REQUIRED=true refuses such calls'),
      );
    }
    return results.length > 0 ? results : [ok('audit', `whole, ${plural(events, 'event')}`)];
  } catch (error) {
    const message = isHrmError(error) ? error.message : `the audit log ${auditLog} cannot be had (${errorCode(error)})`;
    return [problem('audit_unavailable', message, 'see that this user may read and write it')];
  }
}

function placeResults(path: string): CheckResult[] {
  const { warning, problem } = resultsOf('audit');
  const stats = statSync(path, { throwIfNoEntry: false });
  // A directory that is not there either is made with the file.
  if (stats === undefined) {
    const directory = dirname(resolve(path));
    if (statSync(directory, { throwIfNoEntry: false }) !== undefined) accessSync(directory, constants.W_OK);
    return [];
  }
  accessSync(path, constants.R_OK | constants.W_OK);
  if ((stats.mode & 0o077) === 0) return [];
  const { rights, isProblem } = rightsOfOthers(stats.mode);
  const message = `others may ${rights} the audit log, which says whose data was looked at`;
  return [(isProblem ? problem : warning)('permissions', message, `run chmod go= ${path}`)];
}
