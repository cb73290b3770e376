/**
 * Appends to the file that HRM_TEST_CPU names what each test file cost: CPU seconds of its process and of the processes that it waited for,
 * then of those alone. Unlike the time that it took, that says the same on a busy machine. Linux alone tells.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { afterAll, expect } from 'vitest';

/** What the process had cost when its file before ended: some share a process. */
const told = globalThis as { cpuOfFilesBefore?: readonly number[] };

afterAll(() => {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const ticks = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12, 16).map(Number);
  const before = told.cpuOfFilesBefore ?? [];
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = ticks.map((now, i) => (now - (before[i] ?? 0)) / 100);
  told.cpuOfFilesBefore = ticks;
  const children = childUser + childSystem;
  const line = [(user + system + children).toFixed(1), children.toFixed(1), expect.getState().testPath];
  appendFileSync(String(process.env.HRM_TEST_CPU), `${line.join('\t')}\n`);
});
