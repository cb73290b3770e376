/** Erasures, each an object below `.erasures/` that is written once. */
import type { ErasurePlace } from '../erasures/erasures.js';
import { ERASURES_DIRECTORY } from '../names.js';
import type { Objects } from './objects.js';

/** Where the S3 driver keeps erasures. */
export function erasurePlace(objects: Objects): ErasurePlace {
  const root = `${ERASURES_DIRECTORY}/`;
  return {
    async list() {
      const names: string[] = [];
      for await (const page of objects.list({ prefix: root }))
        for (const { key } of page.objects) names.push(key.slice(root.length));
      return names;
    },
    async read(name) {
      return (await objects.get(root + name))?.bytes.toString('utf8') ?? null;
    },
    async write(name, text) {
      await objects.put(root + name, Buffer.from(text, 'utf8'), { condition: 'absent' });
    },
  };
}
