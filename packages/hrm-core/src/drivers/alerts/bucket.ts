/**
 * Alerts as objects below `.alerts/` in a store in S3. Each is one PUT, under the condition that there is none of its key; it is encrypted as
 * the store's own objects are, since an alert is health data, too.
 * @module
 */
import { isHrmError } from '../../errors.js';
import { MAX_ALERT_NAMES } from '../../limits.js';
import type { AlertPlace } from '../../ports/alert-place.js';
import { openObjects } from '../storage/s3/objects.js';
import { objectsSettings, requirePlace, type S3StorageOptions } from '../storage/s3/s3.js';
import { ALERTS_NAME, alertsError, requireName } from './names.js';

/**
 * A place for alerts in a bucket.
 * @param options - of the store: where it is, and how it is written to.
 * @throws HrmError kind `invalid` for a URL or keys that are none.
 */
export function openAlertBucket(options: Omit<S3StorageOptions, 'readOnly' | 'create' | 'store'>): AlertPlace {
  // Its connections end by themselves when nobody uses them, and keep no process from ending.
  const objects = openObjects(objectsSettings(options, requirePlace(options.url)));
  const keyOf = (name: string) => `${ALERTS_NAME}/${requireName(name)}`;

  async function orUnavailable<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isHrmError(error) || error.kind !== 'unavailable') throw error;
      throw alertsError(`${objects.place}/${ALERTS_NAME}`, error.message, error);
    }
  }

  return {
    put: (name, text) =>
      orUnavailable(async () => {
        const outcome = await objects.put(keyOf(name), Buffer.from(text), { condition: 'absent' });
        return outcome === 'done' ? 'written' : 'exists';
      }),
    get: (name) => orUnavailable(async () => (await objects.get(keyOf(name)))?.bytes.toString('utf8') ?? null),
    list: (folder) =>
      orUnavailable(async () => {
        const names: string[] = [];
        const prefix = `${keyOf(folder.slice(0, -1))}/`;
        for await (const page of objects.list({ prefix })) {
          for (const { key } of page.objects) names.push(key.slice(ALERTS_NAME.length + 1));
          if (names.length >= MAX_ALERT_NAMES) break;
        }
        return names.slice(0, MAX_ALERT_NAMES);
      }),
    remove: (names) => orUnavailable(() => objects.remove(names.map(keyOf))),
  };
}
