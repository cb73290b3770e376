import assert from 'node:assert/strict';
import type { Space } from '../ports/space.js';

/** Demands a space that makes sense: each figure `null`, or whole bytes, and no more free than there are. */
export function assertSpace(space: Space): void {
  assert.deepEqual(Object.keys(space).sort(), ['freeBytes', 'totalBytes']);
  const { freeBytes, totalBytes } = space;
  assert.ok(freeBytes === null || (Number.isSafeInteger(freeBytes) && freeBytes >= 0), `${freeBytes} bytes free`);
  assert.ok(totalBytes === null || (Number.isSafeInteger(totalBytes) && totalBytes > 0), `${totalBytes} bytes`);
  if (freeBytes !== null && totalBytes !== null) assert.ok(freeBytes <= totalBytes, `${freeBytes} of ${totalBytes}`);
}
