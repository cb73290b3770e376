/**
 * Whose the readings in a queue are, about: near its bound nobody may have all of the room that is left.
 *
 * What is queued is what was pushed last, since the oldest leaves first. So the pushes are counted by owner in blocks, in
 * order; an owner's part of the newest blocks that make up the depth is what it has queued. What other processes push is in
 * the depth and not in the blocks, so there an owner is taken to have more than it has: it is told no a little earlier.
 */

/** Of the bound: readings of a block. */
const BLOCK_SHARE = 1 / 32;
/** Owners that a block counts by name; others have no share to hold them to. */
const MAX_BLOCK_OWNERS = 1_000;
/**
 * An owner may have queued so many times what is free. So one that pushes alone fills seven eighths, two have seven fifteenths
 * each, and whoever has little queued is taken to the last reading.
 */
const MAX_TIMES_FREE = 7;

interface Block {
  readings: number;
  readonly byOwner: Map<string, number>;
}

/** Counts pushes by owner. */
export interface OwnerShares {
  add(owner: string, readings: number): void;
  /** Whether an owner has its share of the queue, with so many readings in it. */
  isUsedUp(owner: string, depth: number): boolean;
}

/** @param highWaterReadings - the bound. */
export function countOwners(highWaterReadings: number): OwnerShares {
  const blockReadings = Math.max(1, highWaterReadings * BLOCK_SHARE);
  // The newest last.
  let blocks: Block[] = [];
  let readingsInBlocks = 0;

  function queuedOf(owner: string, depth: number): number {
    let left = depth;
    let queued = 0;
    for (const block of blocks.toReversed()) {
      if (left <= 0) break;
      queued += (block.byOwner.get(owner) ?? 0) * Math.min(1, left / block.readings);
      left -= block.readings;
    }
    return queued;
  }

  return {
    add(owner, readings) {
      let block = blocks.at(-1);
      if (block === undefined || block.readings >= blockReadings) {
        block = { readings: 0, byOwner: new Map() };
        blocks.push(block);
        const [oldest] = blocks;
        if (oldest !== undefined && readingsInBlocks - oldest.readings >= highWaterReadings) {
          readingsInBlocks -= oldest.readings;
          blocks = blocks.slice(1);
        }
      }
      block.readings += readings;
      readingsInBlocks += readings;
      const { byOwner } = block;
      if (!byOwner.has(owner) && byOwner.size >= MAX_BLOCK_OWNERS) return;
      byOwner.set(owner, (byOwner.get(owner) ?? 0) + readings);
    },
    isUsedUp(owner, depth) {
      const maxQueued = MAX_TIMES_FREE * (highWaterReadings - depth);
      // Nobody has more queued than there is.
      return depth > maxQueued && queuedOf(owner, depth) > maxQueued;
    },
  };
}
