import assert from 'node:assert/strict';
import type { Space } from '../ports/space.js';

/** Demands a space that makes sense: each figure `null`, or whole and no more free than there are; inodes may be absent. */
export function assertSpace(space: Space): void {
  const figures = Object.keys(space).filter((name) => !name.endsWith('Inodes'));
  assert.deepEqual(figures.sort(), ['freeBytes', 'totalBytes']);
  const { freeInodes: free = null, totalInodes: total = null } = space;
  assert.ok(free === null || (Number.isSafeInteger(free) && free >= 0), `${free} inodes free`);
  if (free !== null && total !== null) assert.ok(free <= total, `${free} of ${total} inodes`);
  const { freeBytes, totalBytes } = space;
  assert.ok(freeBytes === null || (Number.isSafeInteger(freeBytes) && freeBytes >= 0), `${freeBytes} bytes free`);
  assert.ok(totalBytes === null || (Number.isSafeInteger(totalBytes) && totalBytes > 0), `${totalBytes} bytes`);
  if (freeBytes !== null && totalBytes !== null) assert.ok(freeBytes <= totalBytes, `${freeBytes} of ${totalBytes}`);
}
