/**
 * Every count has a width and a bound. What a user's day, a batch or a file has many of must be neither the arguments of a call
 * nor a value of a few bits: a day of 34,000 parts was answered without nine of its readings, silently. Whatever is narrow on
 * purpose is listed here, with what bounds it.
 */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findNarrowArrays, findSpreads, type Place, readSources } from './support/counts.js';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const SOURCES = readSources(ROOT, [
  'packages/hrm-core/src',
  'packages/hrm-server/src',
  'packages/hrm-server/dashboard',
  'packages/hrm-cli/src',
]);

interface Bounded {
  readonly file: RegExp;
  readonly text: RegExp;
  /** What keeps it small. */
  readonly because: string;
}

const SPREADS: readonly Bounded[] = [
  { file: /core\/src\/contract\//, text: /./, because: 'the suites decide how much they do' },
  { file: /row-table\.ts$/, text: /left\.|right\./, because: 'a table is of one day: 1,440 rows at most' },
  { file: /plan-compaction\.ts$/, text: /^\.\.\.full$/, because: 'sizes of parts, a logarithm: some eight' },
  { file: /footer\.ts$/, text: /bounds/, because: 'five columns; a file with more in a row group is damaged' },
  { file: /foreign\/open\.ts$/, text: /slice\(0, 1\)/, because: 'one' },
  { file: /write\/enqueue\.ts$/, text: /MAX_FAULTS|encodeElements/, because: 'of one call: MAX_ENQUEUE_READINGS' },
  { file: /redis\/wait\.ts$/, text: /^\.\.\.ages$/, because: 'two' },
  { file: /write-delivered\.ts$/, text: /found\.|refused/, because: 'a step spends MAX_HALVING_WRITES' },
  {
    file: /core\/src\/settings\.ts$/,
    text: /keyFaults|auditFaults|webhookFaults|issuerFaults/,
    because: 'one a key, or a secret',
  },
  { file: /alerts\/\w+(-\w+)?\.ts$/, text: /rules/, because: 'MAX_ALERT_RULES' },
  { file: /doctor\/check-\w+\.ts$/, text: /Results/, because: 'one a thing that is looked at' },
  { file: /simulate\/\w+\.ts$/, text: /^\.\.\.key$/, because: 'a person, a device and a number' },
  { file: /enqueue-chunks\.ts$/, text: /faults\.slice\(0, MAX_FAULTS/, because: 'cut to MAX_FAULTS' },
  {
    file: /(cli\/src\/help|core\/src\/summaries\/table)\.ts$/,
    text: /^\.\.\.rows\.map/,
    because: 'lines of a help or of a summary',
  },
  {
    file: /dashboard\/(by-device|controls|devices|dom|open-alerts|panels|people|profile|sign-in|tables|user-field|(days|live|status)\/\w+|live-device\/main|import\/(main|show)|texts\/translate-page)\.ts$/,
    text: /./,
    because: 'elements of a page, which has fewer than a table has rows',
  },
];

const NARROW: readonly Bounded[] = [
  { file: /rollup(-codec)?\.ts$/, text: /minute/, because: 'minutes of a day' },
  { file: /plan-query\.ts$/, text: /DAY_MINUTES \+ 1/, because: 'counts minutes of a day' },
  { file: /dashboard\/(rows|live-rows)\.ts$/, text: /min|max/, because: 'bpm, 30 to 220' },
];

function unbounded(places: readonly Place[], allowed: readonly Bounded[]): string[] {
  return places
    .filter((place) => !allowed.some(({ file, text }) => file.test(place.file) && text.test(place.text)))
    .map(({ file, text }) => `${file}: ${text}`);
}

const all = (find: typeof findSpreads) => [...SOURCES].flatMap(([file, text]) => find(file, text));

describe('the sources', () => {
  it('spread no array into a call that may be long', () => {
    expect(unbounded(all(findSpreads), SPREADS)).toEqual([]);
  });

  it('keep no count in 8 or 16 bits that may be larger', () => {
    expect(unbounded(all(findNarrowArrays), NARROW)).toEqual([]);
  });

  it.each([
    ['Math.max(...values)', 1],
    ['list.push(1, ...values)', 1],
    ['new Map(...values)', 1],
    ['String.fromCharCode.apply(null, bytes)', 1],
    ['const f = (...values: number[]) => Math.max(...values)', 0],
    ['const f = (...values: number[]) => (values: number[]) => Math.max(...values)', 1],
    ['[...values]; f({ ...value })', 0],
  ])('would be refused or taken rightly: %s', (text, count) => {
    expect(findSpreads('a.ts', text)).toHaveLength(count);
  });

  it.each([
    ['const owner = new Int16Array(1_440)', 1],
    ['const owner = Uint16Array.from(counts)', 1],
    ['function f(minutes: Uint16Array, bytes: Uint8Array) {}', 0],
    ['const bytes = new Uint8Array(16)', 0],
  ])('would be found narrow or not: %s', (text, count) => {
    expect(findNarrowArrays('a.ts', text)).toHaveLength(count);
  });
});
