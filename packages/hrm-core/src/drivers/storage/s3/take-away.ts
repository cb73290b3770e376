/** Taking away an object that somebody else may write over at any moment: that very one, or none. */
import type { S3Context } from './context.js';
import { TOMBSTONE } from './tombstone.js';

/**
 * Takes an object away, if it still has this ETag.
 * @returns whether it did so itself: of several that try at once one does.
 */
export async function takeAway({ objects }: Pick<S3Context, 'objects'>, key: string, etag: string): Promise<boolean> {
  return (await objects.put(key, TOMBSTONE, { condition: { etag } })) === 'done';
}
