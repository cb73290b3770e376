/**
 * Signs of life as objects below `.processes/` in a store in S3: one PUT each. Whoever lists them reads only those that were written since.
 * @module
 */
import { MAX_PROCESS_FILES } from '../../limits.js';
import type { ProcessPlace } from '../../ports/process-place.js';
import { openObjects } from '../storage/s3/objects.js';
import { objectsSettings, requirePlace, type S3StorageOptions } from '../storage/s3/s3.js';
import { isProcessName, PROCESSES_NAME, requireProcessName } from './names.js';

/**
 * A place in a bucket.
 * @param options - of the store: where it is, and how it is written to.
 * @throws HrmError kind `invalid` for a URL or keys that are none.
 */
export function openProcessBucket(options: Omit<S3StorageOptions, 'readOnly' | 'create' | 'store'>): ProcessPlace {
  const objects = openObjects(objectsSettings(options, requirePlace(options.url)));
  const keyOf = (name: string) => `${PROCESSES_NAME}/${requireProcessName(name)}`;
  let known: ReadonlyMap<string, { readonly etag: string; readonly text: string }> = new Map();

  return {
    async put(name, text) {
      await objects.put(keyOf(name), Buffer.from(text));
    },
    async list() {
      const texts = new Map<string, { readonly etag: string; readonly text: string }>();
      const files: Awaited<ReturnType<ProcessPlace['list']>>[number][] = [];
      for await (const page of objects.list({ prefix: `${PROCESSES_NAME}/`, maxKeys: MAX_PROCESS_FILES })) {
        for (const { key, etag, ageMs } of page.objects) {
          const name = key.slice(PROCESSES_NAME.length + 1);
          if (!isProcessName(name)) continue;
          const before = known.get(name);
          const text = before?.etag === etag ? before.text : (await objects.get(key))?.bytes.toString('utf8');
          if (text === undefined) continue;
          texts.set(name, { etag, text });
          files.push({ name, text, ageMs });
        }
      }
      known = texts;
      return files;
    },
    remove: (names) => objects.remove(names.map(keyOf)),
  };
}
