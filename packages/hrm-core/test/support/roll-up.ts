/** Rollups in one piece. */
import type { ReadingColumns } from '../../src/pure/columns.js';
import type { DevicePriority } from '../../src/pure/merge.js';
import { type Rollup, rollUpSteps } from '../../src/pure/rollup/rollup.js';
import { encodeRollupSteps } from '../../src/pure/rollup/rollup-codec.js';
import { inOnePiece } from '../../src/steps.js';

/** As `rollUpSteps`. */
export function rollUp(columns: ReadingColumns, dayMs: number, priority: DevicePriority): Rollup | null {
  return inOnePiece(rollUpSteps(columns, dayMs, priority));
}

/** As `encodeRollupSteps`. */
export function encodeRollup(rollup: Rollup): Uint8Array {
  return inOnePiece(encodeRollupSteps(rollup));
}
