/**
 * One figure, one program: it measures what it is named after next to the bare limit of the same work, and prints rows.
 * Only ratios mean anything on a shared machine, so subject and limit take turns, and each round gives one ratio. Where
 * others use the machine too, CPU time says more than the clock: the second ratio is that of the CPU used.
 */
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { printRows } from './table.js';

/**
 * One line of a figure. `ratio` is always "how much of the limit's speed" (or thrift): 1 is the limit, higher is better.
 * @typedef {object} Row
 * @property {string} what
 * @property {string} limit
 * @property {Unit} unit
 * @property {number} value median of the subject
 * @property {number} limitValue median of the limit
 * @property {number} ratio median over the rounds
 * @property {number} ratioMin
 * @property {number} ratioMax
 * @property {number | null} cpuRatio median of the limit's CPU time over the subject's, for the same work
 * @property {string} note
 * @property {Reached | null} target
 */

/**
 * What is asked of a figure: its value, or its share of the limit's value, be at most this, or its ratio at least.
 * @typedef {{ value: number } | { share: number } | { ratio: number }} Target
 */

/** @typedef {{ of: string, bound: number, got: number, met: boolean }} Reached */

/** @typedef {'MiB' | 'ms' | 'readings/s' | 'requests/s' | 'bytes/reading'} Unit */

/**
 * One measurement.
 * @typedef {object} Sample
 * @property {number} value in the figure's unit
 * @property {number | null} cpu CPU time for a fixed amount of work, in whatever unit is the same for all variants
 */

/** @typedef {Record<string, Sample[]>} Samples By variant, one a round. */

/**
 * What a figure's program works with.
 * @typedef {object} Bench
 * @property {boolean} quick fewer rounds and less data
 * @property {(prefix: string) => Promise<string>} directory an empty directory that goes when the bench ends
 * @property {(samples: Samples, subject: string, limit: string, unit: Unit, note?: string, target?: Target) => void} compare adds a row
 */

/** File systems in memory, by `statfs` type: tmpfs, ramfs. A sync costs nothing there. */
const MEMORY_FILE_SYSTEMS = [0x01021994, 0x858458f6];

/** The environment variable that tells a program where its temporaries go; they are then somebody else's to delete. */
export const DIRECTORY_VARIABLE = 'HRM_BENCH_DIRECTORY';

/** Makes an empty directory on a disk: where the system's temporaries are, or beside this program if those are in memory. */
export function makeWorkDirectory() {
  const isInMemory = MEMORY_FILE_SYSTEMS.includes(statfsSync(tmpdir()).type);
  const parent = isInMemory ? fileURLToPath(new URL('../../', import.meta.url)) : tmpdir();
  return mkdtempSync(path.join(parent, 'hrm-bench-'));
}

/**
 * Runs one figure as this process's program: `--quick` shortens it, `--json` prints rows for machines.
 * @param {string} name
 * @param {(bench: Bench) => Promise<void>} measure
 */
export async function runFigure(name, measure) {
  const given = process.env[DIRECTORY_VARIABLE];
  const work = given ?? makeWorkDirectory();
  /** @type {Row[]} */
  const rows = [];
  try {
    await measure({
      quick: process.argv.includes('--quick'),
      directory: (prefix) => mkdtemp(path.join(work, `${prefix}-`)),
      compare: (samples, subject, limit, unit, note = '', target) => {
        rows.push(toRow(samples, subject, limit, unit, note, target));
      },
    });
  } finally {
    if (given === undefined) rmSync(work, { recursive: true, force: true });
  }
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(rows)}\n`);
  else printRows(name, rows);
}

/**
 * Measures variants in turn: A B, B A, A B, … The first round warms up and does not count.
 * @param {Record<string, () => Promise<Sample>>} variants
 * @param {number} rounds
 * @returns {Promise<Samples>}
 */
export async function interleave(variants, rounds) {
  /** @type {Samples} */
  const samples = {};
  for (const name of Object.keys(variants)) samples[name] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const turn = Object.entries(variants);
    if (round % 2 === 1) turn.reverse();
    for (const [name, variant] of turn) {
      // What the one before left behind is not this one's to collect. A whole collection would shrink the heap, and this
      // one would pay for growing it: 4 ms of 14 for a query.
      globalThis.gc?.({ type: 'minor' });
      const sample = await variant();
      if (round > 0) samples[name]?.push(sample);
    }
  }
  return samples;
}

/**
 * Milliseconds that an action takes, by the clock and of this process's CPU time.
 * @param {() => unknown} action
 * @returns {Promise<Sample>}
 */
export async function timeMs(action) {
  const before = process.cpuUsage();
  const startMs = performance.now();
  await action();
  const value = performance.now() - startMs;
  const { user, system } = process.cpuUsage(before);
  return { value, cpu: (user + system) / 1_000 };
}

/**
 * A duration as a rate.
 * @param {Sample} duration in milliseconds
 * @param {number} readings how many it took that long for
 * @returns {Sample}
 */
export function perSecond({ value, cpu }, readings) {
  return { value: (readings / value) * 1_000, cpu };
}

/** @param {readonly number[]} values at least one */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/**
 * @param {Samples} samples
 * @param {string} subject
 * @param {string} limit
 * @param {Unit} unit
 * @param {string} note
 * @param {Target | undefined} target
 * @returns {Row}
 */
function toRow(samples, subject, limit, unit, note, target) {
  const isRate = unit.endsWith('/s');
  const rounds = (samples[subject] ?? []).map((sample, round) => {
    const other = samples[limit]?.[round];
    if (other === undefined) throw new Error(`${limit} was not measured in round ${round}`);
    return { sample, other, ratio: isRate ? sample.value / other.value : other.value / sample.value };
  });
  const ratios = rounds.map(({ ratio }) => ratio);
  const cpuRatios = rounds.flatMap(({ sample, other }) =>
    sample.cpu === null || other.cpu === null ? [] : [other.cpu / sample.cpu],
  );
  const value = median(rounds.map(({ sample }) => sample.value));
  return {
    what: subject,
    limit,
    unit,
    value,
    limitValue: median(rounds.map(({ other }) => other.value)),
    ratio: median(ratios),
    ratioMin: Math.min(...ratios),
    ratioMax: Math.max(...ratios),
    cpuRatio: cpuRatios.length === 0 ? null : median(cpuRatios),
    note,
    target: target === undefined ? null : reach(target, value, median(ratios)),
  };
}

/**
 * @param {Target} target
 * @param {number} value
 * @param {number} ratio
 * @returns {Reached}
 */
function reach(target, value, ratio) {
  if ('ratio' in target) return { of: 'ratio', bound: target.ratio, got: ratio, met: ratio >= target.ratio };
  if ('value' in target) return { of: 'value', bound: target.value, got: value, met: value <= target.value };
  return { of: 'share', bound: target.share, got: 1 / ratio, met: 1 / ratio <= target.share };
}
