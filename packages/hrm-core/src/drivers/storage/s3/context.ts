/** What the parts of the S3 storage share. */
import type { Erasures } from '../../../ports/erasures.js';
import type { ListedObject, Objects } from './objects.js';
import type { Pieces } from './pieces.js';

/** An opened store. */
export interface S3Context {
  readonly objects: Objects;
  readonly pieces: Pieces;
  /** What was erased. */
  readonly erasures: Erasures;
  /** Whether an object is a tombstone. */
  readonly isTombstone: (object: ListedObject) => Promise<boolean>;
}
