/**
 * The primary's side of a scrape: it asks all workers but the one that was scraped, and remembers what each said last. So
 * sums never go back: who does not answer in time counts with what it said last, and what an ended worker counted
 * stays in the sums. Workers tell by themselves, too, five times a second: one that is killed tells nothing more.
 */
import { addEnded, type MetricsReport } from '../metrics/merge.js';

/** How long workers may take, ms: each looks at its health, which takes up to 2 s. */
const MAX_COUNT_MS = 3_000;

/** The workers, as the tally needs them. */
export interface TallyWorkers<Child> {
  /** All that work now, but this one. */
  others(asker: Child): readonly Child[];
  ask(child: Child, id: number): void;
}

/** What workers have counted. */
export interface Tally<Child> {
  /** All reports but the asker's own, which it brings along. Never throws. */
  gather(asker: Child, own: MetricsReport): Promise<readonly MetricsReport[]>;
  /** A worker has answered. */
  heard(child: Child, id: number, report: MetricsReport): void;
  /** A worker tells what it has counted, unasked. */
  counts(child: Child, report: MetricsReport): void;
  /** A worker is gone. */
  ended(child: Child): void;
}

/** @param workers - those that are asked. */
export function createTally<Child extends object>({ others, ask }: TallyWorkers<Child>): Tally<Child> {
  const latest = new Map<Child, MetricsReport>();
  // What each has counted, asked or not: newer than its latest report, and without what only a living process has.
  const counted = new Map<Child, MetricsReport>();
  const gone = new WeakSet<Child>();
  const waiting = new Map<number, (child: Child) => void>();
  let sumOfEnded: Promise<MetricsReport> = Promise.resolve([]);
  let lastId = 0;

  /** Resolves when all have answered, or have had the time to. */
  function askAll(children: readonly Child[]): Promise<void> {
    if (children.length === 0) return Promise.resolve();
    lastId += 1;
    const id = lastId;
    const missing = new Set(children);
    return new Promise((resolve) => {
      function finish(): void {
        clearTimeout(timer);
        waiting.delete(id);
        resolve();
      }
      const timer = setTimeout(finish, MAX_COUNT_MS);
      waiting.set(id, (child) => {
        missing.delete(child);
        if (missing.size === 0) finish();
      });
      for (const child of children) ask(child, id);
    });
  }

  function keep(child: Child, report: MetricsReport): void {
    latest.set(child, report);
    counted.set(child, report);
  }

  return {
    async gather(asker, own) {
      if (!gone.has(asker)) keep(asker, own);
      await askAll(others(asker));
      const reports = [...latest].flatMap(([child, report]) => (child === asker ? [] : [report]));
      return [await sumOfEnded, ...reports];
    },
    heard(child, id, report) {
      // What comes after its end was counted already.
      if (!gone.has(child)) keep(child, report);
      waiting.get(id)?.(child);
    },
    counts(child, report) {
      if (!gone.has(child)) counted.set(child, report);
    },
    ended(child) {
      const last = counted.get(child);
      const sumBefore = sumOfEnded;
      gone.add(child);
      latest.delete(child);
      counted.delete(child);
      if (last !== undefined) sumOfEnded = sumBefore.then((sum) => addEnded(sum, last)).catch(() => sumBefore);
      for (const note of [...waiting.values()]) note(child);
    },
  };
}
