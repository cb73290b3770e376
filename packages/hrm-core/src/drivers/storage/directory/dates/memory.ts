/**
 * Which dates may have a directory: what every question about a user's whole history asks of all dates.
 *
 * One user who sends a reading of each day since 1970 makes twenty thousand dates, and to look at each of them took every question 50 ms.
 * So a month is remembered: of dates that have few directories which they are, of others what was asked for. It holds while the
 * month's stamp is the same, see stamps.ts. A question then looks at the stamps' directory, and at those dates that have what it asks for.
 *
 * Not everybody makes stamps: a person who copies a backup, another program, an older version. So once a minute, for all
 * questions together, a month's dates are looked at: one that got an entry has another time. The newest month, which is where
 * nearly all is written, is always looked at.
 *
 * Only absence is taken from here: what may be there is looked at by who asks. Nothing is kept before the store is found to be there,
 * since of one that is not everything is absent.
 */
import { errorCode } from '../../../../errors.js';
import { DAY_MS, LISTING_SETTLE_MS, MAX_REMEMBERED_NAMES } from '../../../../limits.js';
import { type DirectoryFileSystem, type FileStatus, statusOf } from '../files.js';
import type { StoreIdentity } from '../start/identity.js';
import { createStamps, monthOf } from './stamps.js';
import { isOlderThan, stateText } from './state.js';

/** How long a month is taken to be as it was, where its stamp says so: what others than this software make is seen after that. */
const RECHECK_MS = 60_000;

/** Bytes of a date's directory that is listed: some hundred entries, a tenth of a millisecond. Of a larger one names are asked for. */
const MAX_LISTED_BYTES = 8_192;

/** Remembers dates. */
export interface DateMemory {
  /**
   * Of some dates those that may have one of the directories, ascending.
   * @param all - every date, ascending; the same array for as long as they are the same.
   * @throws HrmError kind `unavailable` where the store is not there; the system's error.
   */
  narrow(
    all: readonly string[],
    wanted: { readonly fromDate: string; readonly toDate: string; readonly directories: readonly string[] },
    yieldTurn: () => Promise<void>,
  ): Promise<readonly string[]>;
}

/** By name, the dates that have a directory of that name, or anything else. */
type Found = Map<string, readonly string[]>;

interface Month {
  readonly stamp: string;
  readonly dates: readonly string[];
  /** Of its dates' directories. */
  readonly state: string;
  /** When that was looked at. */
  checkedMs: number;
  readonly found: Found;
  /** Every name is in `found`, else those that were asked for. */
  readonly isListed: boolean;
}

/** What a memory goes by. */
export interface DateMemoryContext {
  readonly fileSystem: DirectoryFileSystem;
  readonly directory: string;
  readonly identity: Pick<StoreIdentity, 'require'>;
}

/** Creates an empty memory. @param nowMs - a clock that is never set back. */
export function createDateMemory(
  { fileSystem, directory, identity }: DateMemoryContext,
  { nowMs = () => performance.now(), maxNames = MAX_REMEMBERED_NAMES } = {},
): DateMemory {
  const stamps = createStamps(fileSystem, directory);
  const remembered = createBoundedMonths(maxNames);
  /** Months that were asked about: one that is asked about once, as by a command, is not worth listing. */
  const asked = new Set<string>();
  let grouped: { readonly all: readonly string[]; readonly months: readonly (readonly string[])[] } | null = null;

  /** What is remembered of a month, if it still holds. */
  function recall(month: string, dates: readonly string[]): Month | null {
    const known = remembered.get(month);
    if (known === undefined || known.stamp !== stamps.of(month)) return null;
    if (known.dates !== dates && known.dates.join() !== dates.join()) return null;
    if (nowMs() - known.checkedMs >= RECHECK_MS) {
      if (stateOf(look(dates)) !== known.state) return null;
      known.checkedMs = nowMs();
    }
    return known;
  }

  function look(names: readonly string[]): readonly (FileStatus | null)[] {
    return names.map((name) => statusOf(fileSystem, `${directory}/${name}`));
  }

  /** Looks for directories, one by one. */
  function ask(dates: readonly string[], directories: readonly string[]): Found {
    const has = (name: string) => (date: string) => look([`${date}/${name}`])[0] !== null;
    return new Map(directories.map((name) => [keyOf(name), dates.filter(has(name))]));
  }

  /** None of a date that was deleted a moment ago. */
  function namesIn(date: string): readonly string[] {
    try {
      return fileSystem.readdirSync(`${directory}/${date}`);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  function list(dates: readonly string[]): Found {
    const found = new Map<string, string[]>();
    for (const date of dates) {
      for (const name of namesIn(date)) {
        const others = found.get(keyOf(name));
        if (others === undefined) found.set(keyOf(name), [date]);
        else others.push(date);
      }
    }
    return found;
  }

  /** Looks into the dates of a month; `kept` is what may be remembered. */
  function learn(month: string, dates: readonly string[], directories: readonly string[]) {
    const stamp = stamps.of(month);
    const isWorthIt = stamp !== null && asked.has(month) && !isNewest(month);
    asked.add(month);
    if (!isWorthIt) return { found: ask(dates, directories), kept: null };
    const checkedMs = nowMs();
    const before = look(dates);
    const state = stateOf(before);
    const isListed = state !== null && before.every((status) => status !== null && status.size <= MAX_LISTED_BYTES);
    const found = isListed ? list(dates) : ask(dates, directories);
    const isSteady = state !== null && stateOf(look(dates)) === state;
    return { found, kept: isSteady ? { stamp, dates, state, checkedMs, found, isListed } : null };
  }

  return {
    async narrow(all, { fromDate, toDate, directories }, yieldTurn) {
      if (grouped?.all !== all) grouped = { all, months: groupByMonth(all) };
      const keys = directories.map(keyOf);
      const learnt: Month[] = [];
      const mayHave: string[] = [];
      stamps.refresh();
      for (const dates of grouped.months) {
        const month = monthOf(dates[0] as string);
        if (month < monthOf(fromDate) || month > monthOf(toDate)) continue;
        await yieldTurn();
        const known = recall(month, dates);
        let found = known?.found;
        if (known === null || !(known.isListed || keys.every((key) => known.found.has(key)))) {
          const fresh = learn(month, dates, directories);
          found = fresh.found;
          if (fresh.kept !== null) learnt.push(fresh.kept);
        }
        const own = new Set(keys.flatMap((key) => found?.get(key) ?? []));
        for (const date of dates) if (own.has(date) && fromDate <= date && date <= toDate) mayHave.push(date);
      }
      if (learnt.length > 0) await identity.require();
      for (const month of learnt) remembered.keep(month);
      return mayHave;
    },
  };
}

/** Remembers months while there is room for the names and dates in them. */
function createBoundedMonths(maxNames: number) {
  const months = new Map<string, Month>();
  let held = 0;

  function forget(key: string): void {
    for (const dates of months.get(key)?.found.values() ?? []) held -= 1 + dates.length;
    months.delete(key);
  }

  function add(found: Found, to: Found): void {
    for (const [name, dates] of found) {
      if (to.has(name)) continue;
      to.set(name, dates);
      held += 1 + dates.length;
    }
  }

  return {
    get: (key: string) => months.get(key),
    keep(month: Month): void {
      const key = monthOf(month.dates[0] as string);
      const before = months.get(key);
      const isMore = before?.stamp === month.stamp && before.state === month.state && !month.isListed;
      const kept = isMore ? before : { ...month, found: new Map() };
      if (!isMore) forget(key);
      months.set(key, kept);
      add(month.found, kept.found);
      if (held <= maxNames) return;
      // What was asked for makes room first: it is looked for again when somebody asks.
      for (const [other, { isListed }] of months) if (!isListed) forget(other);
      if (held > maxNames) forget(key);
    },
  };
}

function groupByMonth(dates: readonly string[]): readonly (readonly string[])[] {
  const months = new Map<string, string[]>();
  for (const date of dates) {
    const others = months.get(monthOf(date));
    if (others === undefined) months.set(monthOf(date), [date]);
    else others.push(date);
  }
  return [...months.values()];
}

/** The state of dates' directories; `null` where one is gone, or may yet change without another time. */
function stateOf(statuses: readonly (FileStatus | null)[]): string | null {
  const isSteady = (status: FileStatus | null) => status !== null && isOlderThan(status, LISTING_SETTLE_MS);
  return statuses.every(isSteady) ? statuses.map((status) => stateText(status as FileStatus)).join() : null;
}

/** What tells names apart: some file systems have `Ana` and `ana` as one. Names are ASCII. */
function keyOf(name: string): string {
  return name.toLowerCase();
}

/** Whether a month has a day that is not over for long. */
function isNewest(month: string): boolean {
  return month >= monthOf(new Date(Date.now() - DAY_MS).toISOString().replaceAll('-', ''));
}
