/** Oura: the files of its account and what its API answers. Every ring of a person is one device: nothing tells them apart. */
import { belowRoot, jsonFormat, listOf, member } from '../text/json-format.js';
import type { JsonChoice } from '../text/json-values.js';
import { offsetInstant } from '../text/local-time.js';
import { toNumber } from '../text/numbers.js';
import { hasColumns, tableFormat } from '../text/table-format.js';
import { readTimeAndRate } from '../text/time-and-rate.js';

const DEVICE = 'oura';

/** Seconds between two values of a night, where an answer does not say. */
const DEFAULT_INTERVAL_S = 300;

/** `heartrate.csv`. */
export const ouraCsv = tableFormat({
  name: 'oura-csv',
  title: 'Oura, CSV',
  isHeader: (names) => hasColumns(names, 'timestamp', 'bpm', 'source'),
  createReader: (names, gather) =>
    readTimeAndRate(gather, {
      deviceId: DEVICE,
      timeColumn: names.indexOf('timestamp'),
      rateColumn: names.indexOf('bpm'),
      toMs: offsetInstant,
    }),
});

/** Heart rates, and nights with theirs. */
export const ouraApi = jsonFormat({
  name: 'oura',
  title: 'Oura API, JSON',
  recognizes: (head) =>
    (/"bpm"\s*:/.test(head) && /"source"\s*:/.test(head) && /"timestamp"\s*:\s*"/.test(head)) ||
    (/"heart_rate"\s*:\s*\{/.test(head) && /"interval"\s*:/.test(head) && /"items"\s*:\s*\[/.test(head)),
  select: chooseData,
  createReader: (gather) => ({
    value(_, one) {
      const night = member(one, 'heart_rate');
      const startMs = offsetInstant(member(night, 'timestamp') ?? member(one, 'bedtime_start'));
      const stepMs = (toNumber(member(night, 'interval')) ?? DEFAULT_INTERVAL_S) * 1_000;
      listOf(member(night, 'items')).forEach((rate, i) => {
        gather.value(DEVICE, startMs === null ? null : startMs + i * stepMs, toNumber(rate));
      });
      const rate = member(one, 'bpm');
      if (rate !== undefined) gather.value(DEVICE, offsetInstant(member(one, 'timestamp')), toNumber(rate));
    },
  }),
});

function chooseData(path: readonly string[]): JsonChoice {
  // Bare rows in a list, or `data` of an answer, or answers in a list: only what is within tells.
  if (path.length === 0) return 'enter';
  const inner = belowRoot(path);
  if (inner.length === 0) return 'take';
  if (inner[0] !== 'data') return 'skip';
  return inner.length === 1 ? 'enter' : 'take';
}
