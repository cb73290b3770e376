/**
 * The feed in Redis: a stream beside the queue, and a mark that says whether somebody watches.
 *
 * While nobody does, a push is the plain RPUSH that it always was: a process that pushes looks for the mark once a second.
 * While somebody does, queue and feed are written by one script. So a feed that begins is whole only after that second, and
 * the first watcher waits for it.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { throwIfAborted } from '../../../errors.js';
import {
  FEED_CHECK_MS,
  FEED_SECRET_BYTES,
  FEED_WATCH_MS,
  MAX_FEED_BYTES,
  MAX_FEED_ENTRIES,
  MAX_FEED_PAGE_BYTES,
} from '../../../limits.js';
import type { Feed, FeedEntry, FeedPage } from '../../../ports/feed.js';
import type { CallOptions } from '../../../ports/queue.js';
import { createSleepers, pollFeed, type Sleepers } from '../sleepers.js';
import { isUnreachable, runScript, sendCommand } from './call.js';
import { insist, nowArgument, type RedisContext, requireOpen } from './context.js';
import { unpackElement } from './element.js';
import { SCRIPTS } from './scripts.js';

/** Beyond {@link FEED_CHECK_MS}, for a push that was on its way when the mark was made, milliseconds. */
const WARM_SLACK_MS = 250;

/** The feed of one handle, and its pushes. */
export interface RedisFeed {
  readonly feed: Feed;
  /** Appends records to the queue, and to the feed while somebody watches, all or none. @throws as `sendCommand`. */
  send(records: readonly Buffer[]): Promise<void>;
  /** Appends records to the feed alone, while somebody watches: of a queue that is elsewhere. @throws as `sendCommand`. */
  publish(records: readonly Buffer[]): Promise<void>;
  /** Something that was pushed is not in the feed: there will be a gap in its place. */
  lose(): void;
}

interface State {
  readonly context: RedisContext;
  readonly sleepers: Sleepers;
  isWatched: boolean;
  /** When the mark was last asked for, by the clock that nobody sets. */
  checkedMs: number;
  /** All pushes wait for the same. */
  checking: Promise<void> | null;
  isLost: boolean;
}

/** @see RedisFeed */
export function createFeed(context: RedisContext): RedisFeed {
  const sleepers = createSleepers();
  context.closing.addEventListener('abort', () => sleepers.wake());
  const state: State = {
    context,
    sleepers,
    isWatched: false,
    checkedMs: Number.NEGATIVE_INFINITY,
    checking: null,
    isLost: false,
  };
  return {
    feed: {
      watch: (options) => watch(state, options),
      read: (from, options) => pollFeed(() => look(state, from), sleepers, options),
      secret: (options) => secret(state, options),
    },
    send: (records) => send(state, records),
    publish: (records) => publish(state, records),
    lose() {
      state.isLost = true;
    },
  };
}

async function send(state: State, records: readonly Buffer[]): Promise<void> {
  const { server, keys } = state.context;
  if (await isWatched(state)) await append(state, records, 'queue');
  else await sendCommand(server, 'RPUSH', [keys.queue, ...records]);
}

async function publish(state: State, records: readonly Buffer[]): Promise<void> {
  // Whoever begins to watch after this has missed nothing that is lost.
  if (!(await isWatched(state))) state.isLost = false;
  else await append(state, records, state.isLost ? 'gap' : 'feed');
}

async function isWatched(state: State): Promise<boolean> {
  if (!state.isWatched && performance.now() - state.checkedMs >= FEED_CHECK_MS) {
    state.checking ??= checkMark(state).finally(() => {
      state.checking = null;
    });
    await state.checking;
  }
  return state.isWatched;
}

/** @param where - `queue`: to both. `feed`: to the feed alone. `gap`: the same, after a gap. */
async function append(state: State, records: readonly Buffer[], where: 'queue' | 'feed' | 'gap'): Promise<void> {
  const { server, keys } = state.context;
  const sentMs = performance.now();
  const limits = [FEED_WATCH_MS, MAX_FEED_BYTES, MAX_FEED_ENTRIES, where];
  const args = [nowArgument(state.context), ...limits, ...records];
  state.isWatched = (await runScript(server, SCRIPTS.push, [keys.queue, keys.feed, keys.watch], args)) === 1;
  state.checkedMs = sentMs;
  if (where === 'gap') state.isLost = false;
  if (state.isWatched) state.sleepers.wake();
}

async function checkMark(state: State): Promise<void> {
  const { server, keys } = state.context;
  const sentMs = performance.now();
  try {
    state.isWatched = (await sendCommand(server, 'EXISTS', [keys.watch])) === 1;
  } catch (error) {
    // Nothing was pushed. A server that says no is not asked again for a while: the push itself will say what is wrong.
    if (isUnreachable(error)) throw error;
  }
  state.checkedMs = sentMs;
}

async function watch(state: State, { signal }: CallOptions = {}): Promise<string> {
  const [next, warmMs] = await mark(state, signal);
  if (warmMs === 0) return toCursor(next);
  await state.sleepers.sleep(warmMs, signal);
  const [warmNext] = await mark(state, signal);
  return toCursor(warmNext);
}

async function mark({ context }: State, signal: AbortSignal | undefined): Promise<[next: string, warmMs: number]> {
  throwIfAborted(signal, 'watching the feed');
  const { feed, watch } = context.keys;
  const args = [nowArgument(context), FEED_WATCH_MS, FEED_CHECK_MS + WARM_SLACK_MS];
  const { reply } = await insist(context, SCRIPTS.watch, [feed, watch], args);
  const [next, warmMs] = reply as unknown[];
  return [String(next), Number(warmMs)];
}

async function secret({ context }: State, { signal }: CallOptions = {}): Promise<Uint8Array> {
  throwIfAborted(signal, 'watching the feed');
  const { reply } = await insist(context, SCRIPTS.keep, [context.keys.secret], [randomBytes(FEED_SECRET_BYTES)]);
  return reply as Buffer;
}

async function look(state: State, from: string): Promise<FeedPage> {
  const { context } = state;
  requireOpen(context);
  const fromId = toId(from);
  const { feed, watch: watchKey } = context.keys;
  const args = [fromId ?? '+', MAX_FEED_PAGE_BYTES];
  const { reply } = await insist(context, SCRIPTS.feed, [feed, watchKey], args);
  const [first, end, next, ...found] = reply as Buffer[];
  if (first === undefined) return { entries: [], next: await watch(state), isGap: true };
  if (fromId === null || from > toCursor(String(end))) return { entries: [], next: toCursor(String(end)), isGap: true };
  return { entries: toEntries(found), next: toCursor(String(next)), isGap: from < toCursor(String(first)) };
}

function toEntries(found: readonly Buffer[]): FeedEntry[] {
  const entries: FeedEntry[] = [];
  for (let i = 0; i + 1 < found.length; i += 2) {
    const id = String(found[i]);
    const { bytes, stampMs } = unpackElement(found[i + 1] as Buffer, Number(id.split('-')[0]), 0);
    entries.push({ cursor: toCursor(id), bytes, stampMs });
  }
  return entries;
}

const MS_DIGITS = 15;
const SEQ_DIGITS = 20;

/** A stream's id with leading zeros, so that cursors sort as text the way ids do. */
function toCursor(id: string): string {
  const [ms = '', seq = ''] = id.split('-');
  return `${ms.padStart(MS_DIGITS, '0')}-${seq.padStart(SEQ_DIGITS, '0')}`;
}

/** The inverse of {@link toCursor}; `null` for what is no cursor of this driver. */
function toId(cursor: string): string | null {
  const [, ms, seq] = /^(\d{15})-(\d{20})$/.exec(cursor) ?? [];
  const isId = ms !== undefined && Number.isSafeInteger(Number(seq));
  return isId ? `${Number(ms)}-${Number(seq)}` : null;
}
