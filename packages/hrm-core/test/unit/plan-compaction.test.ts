import { describe, expect, it } from 'vitest';
import { MAX_COMPACTED_BYTES, MAX_MERGE_FILES, QUIET_AFTER_MS } from '../../src/limits.js';
import { type PartitionState, type PlannedFile, planCompaction, planShared } from '../../src/pure/plan-compaction.js';

const SWEEP_AFTER_MS = 60_000;

function file(name: string, rows: number, more: Partial<PlannedFile> = {}): PlannedFile {
  return { name, contentName: name, rows, byteLength: 600 + rows, users: 1, ageMs: 0, replaces: [], ...more };
}

function parts(count: number, rows: number, prefix = 'part-'): PlannedFile[] {
  return Array.from({ length: count }, (_, i) => file(`${prefix}${i}.parquet`, rows));
}

function state(files: readonly PlannedFile[], more: Partial<PartitionState> = {}): PartitionState {
  return {
    files,
    dayOver: false,
    isUnchanged: false,
    quietAfterMs: QUIET_AFTER_MS,
    sweepAfterMs: SWEEP_AFTER_MS,
    ...more,
  };
}

const COMPACTED = file('compacted.parquet', 10_000);

describe("a user's partition", () => {
  it('is left alone where there is no part, or only parts that another file holds', () => {
    expect(planCompaction(state([]), true)).toMatchObject({ merge: null, sweeps: [], isClean: true });
    expect(planCompaction(state([COMPACTED]), true)).toMatchObject({ merge: null, sweeps: [], isClean: true });
    const held = [{ ...COMPACTED, replaces: ['part-0.parquet', 'part-gone.parquet'] }, ...parts(1, 10)];
    expect(planCompaction(state(held), true)).toMatchObject({ merge: null, sweeps: [], isClean: false });
  });

  it('is compacted when half as many readings again wait as are compacted, not before', () => {
    expect(planCompaction(state([COMPACTED, ...parts(2, 7_499)]), false).merge).toBeNull();
    expect(planCompaction(state([COMPACTED, ...parts(2, 7_500)]), false).merge).toEqual({
      inputs: ['compacted.parquet', 'part-0.parquet', 'part-1.parquet'],
      into: 'compacted',
    });
    expect(planCompaction(state([COMPACTED, ...parts(1, 1)]), true).merge?.into).toBe('compacted');
  });

  it('is compacted for the first time when it has two parts, and with one when its day is over', () => {
    expect(planCompaction(state(parts(1, 10)), false)).toMatchObject({ merge: null, isClean: false });
    expect(planCompaction(state(parts(2, 10)), false).merge?.inputs).toHaveLength(2);
    expect(planCompaction(state(parts(1, 10), { dayOver: true }), false).merge?.into).toBe('compacted');
  });

  it('whose day is over is brought to one file when its youngest part is old enough, and says so until then', () => {
    const old = [COMPACTED, ...parts(2, 10)].map((each) => ({ ...each, ageMs: QUIET_AFTER_MS }));
    const late = [...old, file('part-young.parquet', 10, { ageMs: QUIET_AFTER_MS - 1 })];
    expect(planCompaction(state(late, { dayOver: true }), false)).toMatchObject({ merge: null, isWaiting: true });
    expect(planCompaction(state(late, { dayOver: true }), true).merge?.inputs).toHaveLength(4);
    expect(planCompaction(state(old, { dayOver: true }), false)).toMatchObject({ isWaiting: false });
    expect(planCompaction(state(old, { dayOver: true }), false).merge?.inputs).toHaveLength(3);
    expect(planCompaction(state(old), false)).toMatchObject({ merge: null, isWaiting: false });
    expect(planCompaction(state([COMPACTED], { dayOver: true }), false).isWaiting).toBe(false);
    // Nothing new since the last look: that may have been another compacter's, just now.
    const looked = { dayOver: true, isUnchanged: true };
    const seconds = (ageMs: number) => [COMPACTED, ...parts(2, 10)].map((each) => ({ ...each, ageMs }));
    expect(planCompaction(state(seconds(1_999), looked), false)).toMatchObject({ merge: null, isWaiting: true });
    expect(planCompaction(state(seconds(2_000), looked), false).merge?.inputs).toHaveLength(3);
    expect(planCompaction(state(seconds(2_000), { ...looked, dayOver: false }), false).merge).toBeNull();
  });

  it('has sixteen parts of one size merged into one, with the smaller ones', () => {
    const fifteen = [COMPACTED, ...parts(15, 20), ...parts(3, 5, 'part-small-'), ...parts(3, 500, 'part-large-')];
    expect(planCompaction(state(fifteen), false).merge).toBeNull();
    const { merge } = planCompaction(state([...fifteen, file('part-more.parquet', 250)]), false);
    expect(merge?.into).toBe('part');
    expect(merge?.inputs).toHaveLength(19);
    expect(merge?.inputs.some((name) => name.startsWith('part-large-'))).toBe(false);
  });

  it('loses what another file has held for the grace, and says which', () => {
    const holder = file('part-m.parquet', 40, {
      replaces: ['part-0.parquet', 'part-1.parquet'],
      ageMs: SWEEP_AFTER_MS,
    });
    expect(planCompaction(state([...parts(3, 20), holder]), false).sweeps).toEqual([
      { holder: 'part-m.parquet', names: ['part-0.parquet', 'part-1.parquet'] },
    ]);
    const young = { ...holder, ageMs: SWEEP_AFTER_MS - 1 };
    expect(planCompaction(state([...parts(3, 20), young]), false).sweeps).toEqual([]);
  });

  it('loses a file that somebody named by its bytes alone, once it has been there for the grace too', () => {
    const holder = file('compacted.parquet', 40, { replaces: ['part-0.parquet'], ageMs: SWEEP_AFTER_MS });
    const named = file('part-theirs.parquet', 20, { contentName: 'part-0.parquet', ageMs: SWEEP_AFTER_MS });
    const sweeps = [{ holder: 'compacted.parquet', names: [named.name] }];
    expect(planCompaction(state([holder, named]), true)).toMatchObject({ merge: null, sweeps });
    const young = { ...named, ageMs: SWEEP_AFTER_MS - 1 };
    expect(planCompaction(state([holder, young]), true)).toMatchObject({ merge: null, sweeps: [] });
    // The name that it has is nobody's: other bytes under it are merged.
    const holdsName = { ...holder, replaces: ['part-theirs.parquet'] };
    const inputs = ['compacted.parquet', 'part-theirs.parquet'];
    expect(planCompaction(state([holdsName, named]), true)).toMatchObject({ merge: { inputs }, sweeps: [] });
    // The same bytes twice, under two names.
    const both = [named.name, 'part-too.parquet'].map((name) => ({ ...named, name }));
    expect(planCompaction(state([holder, ...both]), true).sweeps).toEqual([
      { holder: 'compacted.parquet', names: ['part-theirs.parquet', 'part-too.parquet'] },
    ]);
  });

  it('keeps a file that holds others until they are gone by another one', () => {
    const inner = file('part-m.parquet', 40, { replaces: ['part-0.parquet'], ageMs: SWEEP_AFTER_MS });
    const outer = file('compacted.parquet', 50, { replaces: ['part-m.parquet'], ageMs: SWEEP_AFTER_MS });
    // What goes is not proved: the other one names what it held, where that is still there.
    expect(planCompaction(state([outer, inner, ...parts(1, 20)]), false).sweeps).toEqual([
      { holder: 'compacted.parquet', names: ['part-m.parquet'] },
    ]);
  });

  it('is merged a bounded number of files, rows and bytes at a time', () => {
    const many = parts(MAX_MERGE_FILES + 100, 1);
    expect(planCompaction(state([COMPACTED, ...many]), true).merge?.inputs).toHaveLength(MAX_MERGE_FILES);
    const long = parts(40, 1_000_000);
    expect(planCompaction(state(long), true).merge?.inputs).toHaveLength(16);
    const heavy = parts(4, 1_000).map((each) => ({ ...each, byteLength: MAX_COMPACTED_BYTES / 2 }));
    expect(planCompaction(state(heavy), true).merge?.inputs).toHaveLength(2);
    const full = { ...COMPACTED, byteLength: MAX_COMPACTED_BYTES };
    expect(planCompaction(state([full, ...parts(1, 10)]), true)).toMatchObject({ merge: null, isClean: true });
  });
});

describe('compacted files with hashes for names', () => {
  const [large, small, last] = ['a', 'b', 'c'].map((digit, i) =>
    file(`compacted-${digit.repeat(32)}.parquet`, 1_000 - i),
  ) as [PlannedFile, PlannedFile, PlannedFile];

  it('are merged at once where there are several, the largest first', () => {
    const plan = planCompaction(state([small, large, last]), false);
    expect(plan.merge).toEqual({ inputs: [large, last, small].map(({ name }) => name), into: 'compacted' });
    expect(plan.isClean).toBe(false);
  });

  it('are one file where one has the readings of the others, which are swept', () => {
    const replacing = { ...last, replaces: [large.name, small.name], rows: 2_000, ageMs: SWEEP_AFTER_MS };
    const plan = planCompaction(state([large, small, replacing]), false);
    expect(plan.merge).toBeNull();
    expect(plan.sweeps).toEqual([{ holder: last.name, names: [large.name, small.name] }]);
    expect(planCompaction(state([last]), false)).toMatchObject({ merge: null, isClean: true });
  });
});

describe('shared parts', () => {
  const small = parts(16, 50_000).map((each) => ({ ...each, users: 10_000 }));

  it('are merged in tiers until they hold enough of a user', () => {
    expect(planShared(state(small.slice(1)), false)).toMatchObject({ merge: null, split: [], isClean: false });
    const plan = planShared(state(small), false);
    expect(plan.merge).toMatchObject({ into: 'part' });
    expect(plan.merge?.inputs).toHaveLength(16);
    expect(plan.split).toEqual([]);
  });

  it('are split when they hold 256 readings of a user, whatever waits besides', () => {
    const large = file('part-large.parquet', 2_560_000, { users: 10_000 });
    const plan = planShared(state([...small.slice(1), large]), false);
    expect(plan.split).toEqual(['part-large.parquet']);
    expect(plan.merge).toBeNull();
    const lesser = { ...large, rows: 2_559_999 };
    expect(planShared(state([lesser]), false).split).toEqual([]);
  });

  it('that are being split are split to the end, whatever comes meanwhile, unless all are wanted', () => {
    const begun = small.slice(0, 2).map(({ name }) => name);
    const come = parts(16, 40, 'part-come-').map((each) => ({ ...each, users: 20 }));
    const now = state([...small, ...come], { dayOver: true });
    const plan = planShared(now, false, begun);
    expect(plan.split).toEqual(begun);
    // The others are merged as ever.
    expect(plan.merge?.inputs).toEqual(come.map(({ name }) => name).sort());
    // One is gone: they are others' now.
    expect(planShared(now, false, [...begun, 'part-gone.parquet']).split).toEqual([]);
    expect(planShared(now, true, begun).split).toHaveLength(32);
  });

  it('all are split when their day is over and the youngest is old enough, or they are told to', () => {
    expect(planShared(state(small.slice(1), { dayOver: true }), false)).toMatchObject({ split: [], isWaiting: true });
    const old = small.map((each) => ({ ...each, ageMs: QUIET_AFTER_MS }));
    expect(planShared(state(old, { dayOver: true }), false)).toMatchObject({ isWaiting: false });
    expect(planShared(state(old, { dayOver: true }), false).split).toHaveLength(16);
    expect(planShared(state([...old, ...parts(1, 10)], { dayOver: true }), false).split).toEqual([]);
    expect(planShared(state(small), true)).toMatchObject({ merge: null, sweeps: [] });
    expect(planShared(state(small), true).split).toHaveLength(16);
    expect(planShared(state([]), true)).toMatchObject({ merge: null, split: [], sweeps: [], isClean: true });
  });
});

describe('a simulated day of 5-second batches', () => {
  const runs = [
    { everyS: 300, rows: 5 },
    { everyS: 300, rows: 250 },
    { everyS: 60, rows: 10 },
    { everyS: 5, rows: 5 },
    { everyS: 1_800, rows: 5 },
  ];
  it.each(runs)('rewrites each reading at most 6 times, and keeps few files ($rows rows, every $everyS s)', (run) => {
    const { rewritten, mostWaiting, files } = simulateDay(run);
    expect(rewritten).toBeLessThan(6);
    expect(mostWaiting).toBeLessThanOrEqual(64);
    expect(files.map(({ name }) => name)).toEqual(['compacted.parquet']);
    expect(files[0]?.rows).toBe(run.rows * 17_280);
  });
});

function renamed<File extends PlannedFile>(planned: File, name: string): File {
  return { ...planned, name, contentName: name };
}

/** A day's batches and the runs of a compacter, as the plans say; what files hold is only counted. */
function simulateDay({ everyS, rows }: { everyS: number; rows: number }) {
  let files: (PlannedFile & { bornS: number })[] = [];
  let [written, mostWaiting, id] = [0, 0, 0];
  for (let nowS = 5; nowS <= 90_000; nowS += 5) {
    if (nowS <= 86_400) files.push({ ...file(`part-${id++}.parquet`, rows), bornS: nowS });
    if (nowS % everyS !== 0) continue;
    for (let step = 0; step < 10; step += 1) {
      const aged = files.map((each) => ({ ...each, ageMs: (nowS - each.bornS) * 1_000 }));
      const { merge, sweeps } = planCompaction(state(aged, { dayOver: nowS > 86_400 }), false);
      const gone = new Set(sweeps.flatMap(({ names }) => names));
      files = files.filter(({ name }) => !gone.has(name));
      if (merge === null) break;
      const superseded = `part-old-${id++}.parquet`;
      const inputs = files.filter(({ name }) => merge.inputs.includes(name));
      const mergedRows = inputs.reduce((sum, each) => sum + each.rows, 0);
      written += mergedRows;
      // As the flow does: what the inputs hold is named anew.
      const present = new Set(files.map(({ name }) => name));
      const held = inputs.flatMap(({ replaces }) => replaces).filter((name) => present.has(name));
      const rename = (name: string) => (name === 'compacted.parquet' ? superseded : name);
      if (merge.into === 'compacted') files = files.map((each) => renamed(each, rename(each.name)));
      const name = merge.into === 'compacted' ? 'compacted.parquet' : `part-${id++}.parquet`;
      files.push({ ...file(name, mergedRows, { replaces: [...merge.inputs.map(rename), ...held] }), bornS: nowS });
    }
    const held = new Set(files.flatMap(({ replaces }) => replaces));
    mostWaiting = Math.max(mostWaiting, files.filter(({ name }) => !held.has(name)).length);
  }
  return { rewritten: written / (17_280 * rows), mostWaiting, files };
}
