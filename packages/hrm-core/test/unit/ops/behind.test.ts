import { describe, expect, it } from 'vitest';
import type { CompactSummary } from '../../../src/flow/compact/compact-summary.js';
import type { DrainSummary } from '../../../src/flow/write/drain-batch.js';
import { COMPACTER_BEHIND_MS, CONSUMER_BEHIND_MS } from '../../../src/limits.js';
import { recordCompacter, recordConsumer } from '../../../src/ops/loop-health.js';

function recorder() {
  const reasons = new Map<string, string | null>();
  return {
    health: {
      record: (name: string, failure: { reason: string } | null) => reasons.set(name, failure?.reason ?? null),
    },
    reasonOf: (name: string) => reasons.get(name) ?? null,
  };
}

const NOTHING_EXPIRED = { dates: 0, files: 0, held: 0, letters: 0, quarantined: 0 };

describe('a loop that does not keep up', () => {
  it('is told of where a consumer has left readings for a while, until it leaves none', () => {
    const { health, reasonOf } = recorder();
    const tell = recordConsumer(health);
    const step = (left: number, durationMs: number) =>
      tell({ type: 'drained', summary: { left, postponed: 0 } as DrainSummary, durationMs });
    step(5, CONSUMER_BEHIND_MS - 1);
    expect(reasonOf('consumer')).toBeNull();
    step(5, 1);
    expect(reasonOf('consumer')).toContain('run more consumers');
    step(0, 1);
    expect(reasonOf('consumer')).toBeNull();
    step(5, CONSUMER_BEHIND_MS - 1);
    tell({ type: 'idle' });
    step(5, 1);
    expect(reasonOf('consumer')).toBeNull();
  });

  it('is told of where a compacter has left partitions for a while, and behind a failure', () => {
    const { health, reasonOf } = recorder();
    const tell = recordCompacter(health);
    const run = (left: number, durationMs: number, failures: CompactSummary['failures'] = []) =>
      tell({ type: 'compacted', summary: { left, failures } as CompactSummary, expired: NOTHING_EXPIRED, durationMs });
    run(1, COMPACTER_BEHIND_MS - 1);
    expect(reasonOf('compacter')).toBeNull();
    run(1, 1);
    expect(reasonOf('compacter')).toContain('does not keep up');
    const partition = { date: '20240115', directory: 'ana' };
    run(1, 1, [{ partition, code: 'bad_file', message: 'it is bad' } as CompactSummary['failures'][number]]);
    expect(reasonOf('compacter')).toContain('bad file');
    run(1, 1);
    expect(reasonOf('compacter')).toContain('does not keep up');
    run(0, 1);
    expect(reasonOf('compacter')).toBeNull();
  });
});
