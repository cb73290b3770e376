/** The search of Observations: which minutes a page is of. */
import { DAY_MS, MAX_QUERY_DAYS } from '../../limits.js';
import { SHARED_DIRECTORY } from '../../names.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Storage } from '../../ports/storage.js';
import type { QuestionInput } from '../../pure/answer/question.js';
import type { ObservationSearch } from '../../pure/fhir/search.js';
import { dateStartMs, userDirectory } from '../../pure/partition.js';
import { createYielder } from '../files/yielder.js';
import type { QueryComponents } from './query.js';

/** What a page of a search asks. */
export interface SearchPlan {
  readonly question: QuestionInput;
  /** Where the search goes on behind the question, which may ask about ten years at most; `null`: nowhere. */
  readonly resumeMs: number | null;
}

/**
 * Makes a question of a search. Where its dates leave an end open, or are far apart, it is about the days from the first to the last that have
 * anything of the user's, or are shared.
 * @throws HrmError kind `unavailable` when the storage cannot now; kind `closed` when aborted.
 */
export async function planSearch(
  { storage }: QueryComponents,
  { userId, deviceId, fromMs, toMs, isOfHeartRates }: ObservationSearch,
  options: CallOptions = {},
): Promise<SearchPlan> {
  const whose = { userId, deviceId, interval: '1m' } as const;
  const nothing = { question: { ...whose, start: 0, end: 0 }, resumeMs: null };
  if (!isOfHeartRates) return nothing;
  const isOpen = fromMs === undefined || toMs === undefined || toMs - fromMs > MAX_QUERY_DAYS * DAY_MS;
  const stored = isOpen ? await storedRange(storage, userId, options) : null;
  if (isOpen && stored === null) return nothing;
  const start = Math.max(fromMs ?? 0, stored?.fromMs ?? 0);
  const end = Math.min(toMs ?? Number.POSITIVE_INFINITY, stored?.toMs ?? Number.POSITIVE_INFINITY);
  if (start >= end) return nothing;
  const last = start + MAX_QUERY_DAYS * DAY_MS;
  if (end <= last) return { question: { ...whose, start, end }, resumeMs: null };
  return { question: { ...whose, start, end: last }, resumeMs: last };
}

/** The days from the first to the last that may have something of the user's. */
async function storedRange(storage: Storage, userId: string, options: CallOptions) {
  const { yieldTurn } = createYielder(options);
  const directories = [SHARED_DIRECTORY, userDirectory(userId)];
  let fromMs: number | null = null;
  let toMs = 0;
  for await (const { date } of storage.partitions({ directories }, { ...options, yieldTurn })) {
    const dayMs = dateStartMs(date);
    if (dayMs === null) continue;
    fromMs ??= dayMs;
    toMs = dayMs + DAY_MS;
    await yieldTurn();
  }
  return fromMs === null ? null : { fromMs, toMs };
}
