/**
 * The feed on the embedded tables. Every function runs inside one transaction of its caller: what is pushed is recorded in the
 * transaction that pushes it, without a sync of its own.
 *
 * An entry has the number of its element in the queue, so that a push which nobody recorded (nobody watched, the disk was
 * nearly full, or a process of an older version made it) shows as a jump in the numbers: a gap.
 *
 * It lives in the table `meta` under keys of its own, not in a table: an older version refuses a file with a table that it
 * does not know, and skips keys that it does not know.
 * @module
 */
import { FEED_WATCH_MS, MAX_FEED_BYTES, MAX_FEED_ENTRIES, MAX_FEED_PAGE_BYTES } from '../../../limits.js';
import type { FeedEntry, FeedPage } from '../../../ports/feed.js';
import type { Tables } from './open.js';
import { elementStampMs, packDoubles, unpackElement } from './records.js';

interface FeedState {
  /** Of the feed, random: numbers begin anew in a new file. */
  readonly feedId: number;
  /** Until when pushes are recorded, epoch ms. */
  readonly untilMs: number;
  /** No entry has a number below it. */
  readonly headSeq: number;
  /** From here on, and before `nextSeq`, every push is recorded. */
  readonly firstSeq: number;
  /** The number of the next element, if nothing goes unrecorded. */
  readonly nextSeq: number;
  /** Entries there are, those before `firstSeq` included, and bytes in them. */
  readonly entries: number;
  readonly byteLength: number;
}

const STATE_KEY = 'feed';
const SECRET_KEY = 'feed-secret';
const SEQ_DIGITS = 16;

/** Entries that a push removes from a feed which nobody watches any more. */
const MAX_DROPS = 256;

/** Entries looked at in one go while the oldest are removed. */
const DROP_PAGE = 16;

/** Keeps the feed going. @param newId - 32 random bits, for a feed that is new. @returns the position after all. */
export function watchFeed(tables: Tables, tailSeq: number, nowMs: number, newId: number): string {
  const known = readState(tables) ?? { ...NO_ENTRIES, feedId: newId, headSeq: tailSeq };
  const isWhole = known.nextSeq === tailSeq;
  const state = { ...known, untilMs: nowMs + FEED_WATCH_MS, nextSeq: tailSeq };
  writeState(tables, isWhole ? state : { ...state, firstSeq: tailSeq });
  return cursorOf(state, tailSeq);
}

const NO_ENTRIES = { untilMs: 0, firstSeq: 0, nextSeq: 0, entries: 0, byteLength: 0 };

/** What hides the cursors; `undefined` where nobody has asked for it yet. */
export function readFeedSecret({ meta }: Tables): Buffer | undefined {
  return meta.get(SECRET_KEY);
}

/** Keeps it, unless somebody else was first. @returns what is kept. */
export function keepFeedSecret(tables: Tables, secret: Buffer): Buffer {
  const known = readFeedSecret(tables);
  if (known === undefined) tables.meta.put(SECRET_KEY, secret);
  return known ?? secret;
}

/**
 * Records what was pushed, while somebody watches.
 * @param fromSeq - the number of the first of `records`.
 * @param hasRoom - whether the disk has room for it; what is not recorded is a gap.
 */
export function recordPushed(
  tables: Tables,
  {
    fromSeq,
    records,
    nowMs,
    hasRoom,
  }: { fromSeq: number; records: readonly Buffer[]; nowMs: number; hasRoom: boolean },
): void {
  const state = readState(tables);
  if (state === undefined) return;
  if (!isWatched(state, nowMs) || !hasRoom) {
    if (state.entries > 0) writeState(tables, dropOldest(tables, state, 0, 0, MAX_DROPS));
    return;
  }
  const isWhole = state.nextSeq === fromSeq;
  let { entries, byteLength } = state;
  let seq = fromSeq + records.length;
  let newBytes = 0;
  for (const record of records.toReversed()) {
    newBytes += record.byteLength;
    if (newBytes > MAX_FEED_BYTES || fromSeq + records.length - seq >= MAX_FEED_ENTRIES) break;
    seq -= 1;
    tables.meta.put(entryKey(seq), record);
    entries += 1;
    byteLength += record.byteLength;
  }
  const firstSeq = isWhole && seq === fromSeq ? state.firstSeq : seq;
  const grown = { ...state, firstSeq, nextSeq: fromSeq + records.length, entries, byteLength };
  writeState(tables, dropOldest(tables, grown, MAX_FEED_BYTES, MAX_FEED_ENTRIES));
}

/** Elements that came back to the queue take numbers, and are no news: where nothing else went by, there is no gap. */
export function passOver(tables: Tables, fromSeq: number, toSeq: number): void {
  const state = readState(tables);
  if (state?.nextSeq === fromSeq) writeState(tables, { ...state, nextSeq: toSeq });
}

/** What is recorded from a position on; `undefined` where nobody has watched yet. */
export function readFeed(tables: Tables, from: string): FeedPage | undefined {
  const state = readState(tables);
  if (state === undefined) return undefined;
  const { firstSeq, nextSeq } = state;
  const fromSeq = seqOf(state, from);
  if (fromSeq === undefined || fromSeq > nextSeq) return { entries: [], next: cursorOf(state, nextSeq), isGap: true };
  const entries: FeedEntry[] = [];
  let next = nextSeq;
  let byteLength = 0;
  for (const { key, value } of tables.meta.getRange({
    start: entryKey(Math.max(fromSeq, firstSeq)),
    end: entryKey(nextSeq),
  })) {
    const seq = Number(key.slice(-SEQ_DIGITS));
    if (byteLength > MAX_FEED_PAGE_BYTES) {
      next = seq;
      break;
    }
    byteLength += value.byteLength;
    const { bytes } = unpackElement(value, 0);
    entries.push({ cursor: cursorOf(state, seq), bytes, stampMs: elementStampMs(value) });
  }
  return { entries, next: cursorOf(state, next), isGap: fromSeq < firstSeq };
}

/** Removes the oldest entries until there are no more than so many, at most `maxDrops` of them. */
function dropOldest(
  tables: Tables,
  state: FeedState,
  maxBytes: number,
  maxEntries: number,
  maxDrops = Number.POSITIVE_INFINITY,
): FeedState {
  let { headSeq, firstSeq, entries, byteLength } = state;
  let drops = 0;
  const isOver = () => entries > 0 && (byteLength > maxBytes || entries > maxEntries) && drops < maxDrops;
  while (isOver()) {
    const range = { start: entryKey(headSeq), end: entryKey(state.nextSeq), limit: DROP_PAGE };
    // All of them first: none is removed under the cursor.
    const page = [...tables.meta.getRange(range)];
    if (page.length === 0) return { ...state, headSeq: state.nextSeq, firstSeq, entries: 0, byteLength: 0 };
    for (const { key, value } of page) {
      if (!isOver()) break;
      tables.meta.remove(key);
      headSeq = Number(key.slice(-SEQ_DIGITS)) + 1;
      firstSeq = Math.max(firstSeq, headSeq);
      entries -= 1;
      byteLength -= value.byteLength;
      drops += 1;
    }
  }
  return { ...state, headSeq, firstSeq, entries, byteLength };
}

/**
 * A mark much further in the future than one can be was made before the clock was set back; a little further, by a process
 * whose clock was read after this one's.
 */
function isWatched({ untilMs }: FeedState, nowMs: number): boolean {
  const leftMs = untilMs - nowMs;
  return leftMs > 0 && leftMs <= 2 * FEED_WATCH_MS;
}

function readState({ meta }: Tables): FeedState | undefined {
  const record = meta.get(STATE_KEY);
  if (record === undefined) return undefined;
  const at = (index: number) => record.readDoubleLE(index * 8);
  return {
    feedId: at(0),
    untilMs: at(1),
    headSeq: at(2),
    firstSeq: at(3),
    nextSeq: at(4),
    entries: at(5),
    byteLength: at(6),
  };
}

function writeState({ meta }: Tables, state: FeedState): void {
  const { feedId, untilMs, headSeq, firstSeq, nextSeq, entries, byteLength } = state;
  meta.put(STATE_KEY, packDoubles([feedId, untilMs, headSeq, firstSeq, nextSeq, entries, byteLength]));
}

function entryKey(seq: number): string {
  return `${STATE_KEY}:${String(seq).padStart(SEQ_DIGITS, '0')}`;
}

function cursorOf({ feedId }: FeedState, seq: number): string {
  return `${feedId.toString(16).padStart(8, '0')}-${String(seq).padStart(SEQ_DIGITS, '0')}`;
}

function seqOf(state: FeedState, cursor: string): number | undefined {
  const seq = Number(/^[0-9a-f]{8}-(\d{16})$/.exec(cursor)?.[1]);
  return cursor === cursorOf(state, seq) ? seq : undefined;
}
