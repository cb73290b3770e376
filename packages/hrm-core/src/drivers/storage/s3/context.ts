/** What the parts of the S3 storage share. */
import type { ListedObject, Objects } from './objects.js';
import type { Pieces } from './pieces.js';

/** An opened store. */
export interface S3Context {
  readonly objects: Objects;
  readonly pieces: Pieces;
  /** Whether an object is a tombstone. */
  readonly isTombstone: (object: ListedObject) => Promise<boolean>;
}
