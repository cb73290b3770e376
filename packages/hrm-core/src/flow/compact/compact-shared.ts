/**
 * The shared parts of a date: merge small ones into larger ones, split those that are due, delete those that are split.
 *
 * Some parts are split as a whole, user by user as their rows come by: into the user's compacted file where that is due
 * to be rewritten, else as a part of the user's. Either names the shared parts, so from then on they do not count for this
 * user. When every user's file was found there, old enough and proved, from the first user to the last, the shared parts go.
 *
 * All of that is done in pieces, and others have their turn between two. A piece goes on where the one before ended, see
 * split-passes.ts. Where nobody remembers that, as after a crash, it begins behind the users who have theirs.
 */
import { throwIfAborted } from '../../errors.js';
import { MAX_CONCURRENT_HOMES, SHARED_HELD_ROWS } from '../../limits.js';
import { openFile } from '../../parquet/footer.js';
import type { Partition, PartitionFailure, Snapshot } from '../../ports/storage.js';
import { type ReadingColumns, userOf } from '../../pure/columns.js';
import { sliceName, userDirectory } from '../../pure/partition.js';
import { type PlannedFile, planShared } from '../../pure/plan-compaction.js';
import { sortUtf8Steps } from '../../pure/utf8.js';
import { inTurns } from '../../steps.js';
import { withoutDamaged } from '../damage/damage-watch.js';
import type { PinnedFile } from '../files/content-hash.js';
import { mergeFiles } from '../files/merge-files.js';
import { createYielder } from '../files/yielder.js';
import {
  addSteps,
  type CompactionRun,
  fileWork,
  NOTHING_DONE,
  type StepOptions,
  type StepSummary,
  stepFailed,
} from './compaction-run.js';
import { inputsOf, mergeIntoPart, misnamed, namesHeld, removeProved, stepThrough, storeAnew } from './merge-steps.js';
import { beginPass, lastHeldUser, splitPassesOf } from './split-passes.js';
import { isSliceThere, type Slice, splitSlice } from './split-slice.js';
import { groupsOfUsers, splitUsers } from './split-users.js';

/** Takes the shared parts of a date one step further; when nothing was merged, there is nothing to merge now. */
export async function compactShared(
  run: CompactionRun,
  partition: Partition,
  options: StepOptions,
): Promise<StepSummary> {
  const passes = splitPassesOf(run.storage);
  const underWay = passes.get(partition.date)?.names;
  return await stepThrough(run, partition, options, {
    plan: (state, all) => planShared(state, all, underWay),
    async act({ snapshot, plan: { merge, split, isWaiting }, present, swept }) {
      const merged = merge === null ? NOTHING_DONE : await mergeIntoPart(run, snapshot, present, merge.inputs, options);
      const brought = split.length === 0 ? NOTHING_DONE : await splitShared(run, snapshot, present, split, options);
      return {
        // A split counts nothing as merged, and so is no reason to look again at once: what it left waits for its grace.
        ...addSteps(merged, brought),
        swept: swept + brought.swept,
        waiting: isWaiting ? 1 : 0,
      };
    },
  });
}

/** Splits a piece of some parts. */
async function splitShared(
  run: CompactionRun,
  snapshot: Snapshot,
  present: readonly PlannedFile[],
  names: readonly string[],
  options: StepOptions,
): Promise<StepSummary> {
  const { date } = snapshot.partition;
  const inputs = await inputsOf(snapshot, names);
  if (misnamed(inputs).length > 0) return await storeAnew(run.storage, snapshot, misnamed(inputs), options);
  const ageMs = present
    .filter(({ name }) => names.includes(name))
    .reduce((youngest, file) => Math.min(youngest, file.ageMs), Number.POSITIVE_INFINITY);
  const passes = splitPassesOf(run.storage);
  const contentNames = inputs.map(({ contentName }) => contentName);
  const replaced = await namesHeld(run.storage, snapshot.partition, present, inputs);
  const slicesOf = (directory: string) => replaced.map((name) => sliceName(name, directory));
  const { bounds, isForeign } = await boundsOf(inputs);
  let pass = passes.take(date, contentNames);
  pass ??= beginPass(
    await lastHeldUser(bounds, async (userId) => {
      const own = { date, directory: userDirectory(userId) };
      return await isSliceThere(run.storage, own, slicesOf(own.directory), options);
    }),
  );
  const home = bringHome(run, date, { slicesOf, ageMs }, options);
  // Another writer's part may be in any order, and is put in order anew for each piece: it has a bounded number of rows.
  const pieceRows = isForeign ? Number.POSITIVE_INFINITY : run.bounds.pieceRows;
  const maxSplit = Math.min(MAX_CONCURRENT_HOMES, run.storage.maxConcurrent ?? MAX_CONCURRENT_HOMES);
  const { afterUser } = pass;
  const tables = mergeFiles(inputs, { ...options, heldRows: SHARED_HELD_ROWS, afterUser });
  // The first alone: where its slice was brought a moment ago, all others were then.
  for await (const together of groupsOfUsers(splitUsers(tables, afterUser), maxSplit)) {
    const states = await Promise.all(together.map(home.bring));
    const isNew = states.some((state) => state === 'brought' || state === 'failed');
    if (pass.isWhole && !isNew && states.includes('young')) {
      passes.keep(date, contentNames, pass);
      return home.total();
    }
    const last = together.at(-1) as ReadingColumns;
    pass = { afterUser: userOf(last, 0), isWhole: pass.isWhole && states.every((state) => state === 'held') };
    if (home.total().work < pieceRows || run.all) continue;
    passes.keep(date, contentNames, pass);
    return { ...home.total(), splitting: 1 };
  }
  if (!pass.isWhole) {
    // What was made is proved next, also where more comes meanwhile.
    passes.keep(date, contentNames, beginPass(null));
    return home.total();
  }
  const holders: Partition[] = [];
  for await (const columns of splitUsers(mergeFiles(inputs, { ...options, heldRows: SHARED_HELD_ROWS }), null)) {
    holders.push({ date, directory: userDirectory(userOf(columns, 0)) });
  }
  const gone = await removeProved(run.storage, snapshot, oldEnough(run, present, inputs), holders);
  return { ...home.total(), swept: gone.length };
}

/** Brings users' slices home, and adds up what it took. */
function bringHome(
  run: CompactionRun,
  date: string,
  { slicesOf, ageMs }: { readonly slicesOf: (directory: string) => readonly string[]; readonly ageMs: number },
  options: StepOptions,
) {
  const failures: PartitionFailure[] = [];
  let total: StepSummary = NOTHING_DONE;
  return {
    /** What was done so far. */
    total: (): StepSummary => ({ ...total, failures }),
    async bring(columns: ReadingColumns): Promise<Slice['state'] | 'failed'> {
      throwIfAborted(options.signal, 'compacting');
      const partition = { date, directory: userDirectory(userOf(columns, 0)) };
      try {
        const rows = { columns, slices: slicesOf(partition.directory), ageMs };
        const slice = await withoutDamaged(run.storage, partition, options, () =>
          splitSlice(run, partition, rows, options),
        );
        total = addSteps(total, slice);
        return slice.state;
      } catch (error) {
        total = addSteps(total, { ...stepFailed(failures, partition, error), work: fileWork(columns.length) });
        return 'failed';
      } finally {
        options.onAlive?.();
      }
    },
  };
}

/** The first user of each row group, and the last of each part, in order; and whether another writer made one of the parts. */
async function boundsOf(inputs: readonly PinnedFile[]) {
  const users = new Set<string>();
  let isForeign = false;
  const { yieldTurn } = createYielder();
  for (const { file, partition } of inputs) {
    await yieldTurn();
    const { footer } = await openFile(file, partition);
    isForeign ||= footer.checksumKind === 'foreign';
    for (const { userBounds } of footer.groups) if (userBounds !== null) users.add(userBounds[0]);
    const [, last] = footer.groups.at(-1)?.userBounds ?? [];
    if (last !== undefined) users.add(last);
  }
  return { bounds: await inTurns(sortUtf8Steps([...users]), yieldTurn), isForeign };
}

/** Those that nobody writes to any more: that are named after their bytes, or have had those for long. */
function oldEnough({ sweepAfterMs }: CompactionRun, present: readonly PlannedFile[], inputs: readonly PinnedFile[]) {
  const young = new Set(present.filter(({ ageMs }) => ageMs < sweepAfterMs).map(({ name }) => name));
  return inputs
    .map(({ file: { name }, contentName, sha256 }) => ({ name, contentName, sha256 }))
    .filter(({ name, contentName }) => name === contentName || !young.has(name));
}
