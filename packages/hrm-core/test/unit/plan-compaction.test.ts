import { describe, expect, it } from 'vitest';
import { planCompaction } from '../../src/pure/plan-compaction.js';

function file(name: string, byteLength = 1_000) {
  return { name, byteLength };
}

const OPEN_DAY = { compacted: file('compacted.parquet', 100_000), replaces: [], dayOver: false, graceOver: true };

describe('what is merged', () => {
  it('nothing when there is no part, or only parts that are in the compacted file already', () => {
    expect(planCompaction({ ...OPEN_DAY, parts: [] }, true)).toEqual({ merge: [], replaced: [] });
    const parts = [file('part-a.parquet')];
    expect(planCompaction({ ...OPEN_DAY, parts, replaces: ['part-a.parquet', 'part-gone.parquet'] }, true)).toEqual({
      merge: [],
      replaced: ['part-a.parquet'],
    });
  });

  it('parts that weigh a quarter of the compacted file, not less', () => {
    const parts = [file('part-a.parquet', 12_000), file('part-b.parquet', 12_000)];
    expect(planCompaction({ ...OPEN_DAY, parts }, false).merge).toEqual([]);
    const more = [...parts, file('part-c.parquet', 1_000)];
    expect(planCompaction({ ...OPEN_DAY, parts: more }, false).merge).toHaveLength(3);
  });

  it('very many parts, whatever they weigh', () => {
    const parts = Array.from({ length: 64 }, (_, i) => file(`part-${i}.parquet`, 1));
    expect(planCompaction({ ...OPEN_DAY, parts }, false).merge).toHaveLength(64);
    expect(planCompaction({ ...OPEN_DAY, parts: parts.slice(1) }, false).merge).toEqual([]);
  });

  it('two parts where there is no compacted file, and a single one when its day is over', () => {
    const one = { compacted: null, replaces: [], parts: [file('part-a.parquet')], graceOver: false };
    expect(planCompaction({ ...one, dayOver: false }, false).merge).toEqual([]);
    expect(planCompaction({ ...one, dayOver: true }, false).merge).toEqual(['part-a.parquet']);
    expect(
      planCompaction({ ...one, dayOver: false, parts: [...one.parts, file('part-b.parquet')] }, false).merge,
    ).toHaveLength(2);
  });

  it('nothing while replaced files wait for the end of their grace, or they would wait for ever', () => {
    const parts = Array.from({ length: 100 }, (_, i) => file(`part-${i}.parquet`));
    const state = { ...OPEN_DAY, parts, replaces: ['part-0.parquet'], dayOver: true };
    expect(planCompaction({ ...state, graceOver: false }, false)).toEqual({ merge: [], replaced: ['part-0.parquet'] });
    expect(planCompaction({ ...state, graceOver: true }, false).merge).toHaveLength(99);
    expect(planCompaction({ ...state, graceOver: false }, true).merge).toHaveLength(99);
  });

  it('anything when told to, but at most 500 files a run', () => {
    const parts = Array.from({ length: 600 }, (_, i) => file(`part-${i}.parquet`, 1));
    expect(planCompaction({ ...OPEN_DAY, parts }, true).merge).toHaveLength(500);
    expect(planCompaction({ ...OPEN_DAY, parts: parts.slice(0, 1) }, true).merge).toEqual(['part-0.parquet']);
  });
});
