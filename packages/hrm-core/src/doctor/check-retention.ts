/** How long readings are kept: whether settings and store agree, and whether what is over can go. */
import { attestedDay } from '../flow/files/attested-day.js';
import { measureExpired } from '../flow/read/measure-expired.js';
import { systemClock } from '../ports/clock.js';
import type { Storage } from '../ports/storage.js';
import { createRetention, createRetentionRecord, dayOfMs, isSameRetention } from '../pure/erasure/retention.js';
import { readRetention } from '../retention-settings.js';
import type { Settings } from '../settings.js';
import { plural } from '../words.js';
import { type CheckResult, resultsOf } from './check-result.js';

/** Settings to look at a store by, which must not say anew how long it keeps readings. */
export function withRetentionOfStore(settings: Settings): Settings {
  return { ...settings, retentionDays: 'store', retentionFile: '' };
}

/** Looks at how long readings are kept. @throws HrmError kind `unavailable`; kind `invalid` where the rules of the settings are wrong. */
export async function retentionResults(storage: Storage, settings: Settings): Promise<readonly CheckResult[]> {
  const { ok, warning } = resultsOf('retention');
  const record = await storage.erasures.retention();
  const own = readRetention(settings);
  const kept = createRetention(record);
  const results: CheckResult[] = [];
  const said = record?.days == null ? 'for ever' : `for ${plural(record.days, 'day')}`;
  const rules = (record?.rules.length ?? 0) === 0 ? '' : `, with ${plural(record?.rules.length ?? 0, 'rule')} beside`;
  if (own !== null && !isSameRetention(record, createRetentionRecord(own, { salt: record?.salt, nowMs: 0 })))
    results.push(
      warning(
        'retention_differs',
        `the store says that readings are kept ${said}${rules}, and the settings here say otherwise`,
        'start hrm serve with the settings that are meant, and give all processes the same: the last one started counts',
      ),
    );
  else results.push(ok('kept', `readings are kept ${said}${rules}`));
  if (kept.isNone) return results;
  const today = dayOfMs(systemClock.nowMs());
  const expired = await measureExpired({ storage }, kept);
  if (expired === null || expired.files === 0) return results;
  const what = `${plural(expired.files, 'file')} of ${plural(expired.dates, 'day')} that are kept no longer`;
  if ((await attestedDay(storage, systemClock)) < today)
    results.push(
      warning(
        'retention_held',
        `${what} may stay on the disk: no stored reading says that today has come, only this clock`,
        'look whether the clock is right; a process that has run for a day deletes them, or hrm compact --trust-clock at once',
      ),
    );
  else results.push(ok('expired', `${what}: the next run of a compacter deletes them`));
  return results;
}
