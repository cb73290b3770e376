/**
 * The feed port: what was pushed to a queue a moment ago, for those who watch. It is a bounded log beside the queue, written
 * in the same step as the push, and only while somebody watches: without watchers a push costs nothing for it.
 *
 * - Best effort: a reading is never refused or held up because of the feed. What the feed has lost is told as a gap.
 * - A push that resolves while the feed is watched is in the feed, whichever process made it, or there is a gap in its place.
 *   What is in the feed was accepted; the reply to its push may have been lost.
 * - What goes back to the queue (requeue, redrive, release, take-over) was accepted before, and is not in the feed again.
 * - A cursor is a position between entries: text of `0-9`, `a-z` and `-`, at most {@link MAX_CURSOR_LENGTH} long. Cursors of
 *   one feed are ordered as strings. A cursor of another feed, or of none, is a gap.
 */
import type { CallOptions } from './call-options.js';

/** A pushed element in the feed. */
export interface FeedEntry {
  /** The position just before it; reading from there delivers it again. */
  readonly cursor: string;
  /** As they were pushed. */
  readonly bytes: Uint8Array;
  /** When it was pushed, epoch ms: the `received_ms` of readings that carry none. */
  readonly stampMs: number;
}

/** What a read found. */
export interface FeedPage {
  /** In the order of the queue; bounded, so there may be more. */
  readonly entries: readonly FeedEntry[];
  /** The position after them, where the next read goes on. */
  readonly next: string;
  /** Whether entries between the cursor and the first of these are lost, or may be. */
  readonly isGap: boolean;
}

/** The feed of one queue; every method throws as those of the queue do. */
export interface Feed {
  /**
   * Lets pushes of all processes be recorded for the next {@link FEED_WATCH_MS}: to be called again well before that.
   * Where nobody watched it resolves only once every process records.
   * @returns the position after everything recorded so far: what is pushed from now on comes after it.
   */
  watch(options?: CallOptions): Promise<string>;
  /** Reads entries after a position; waits for the first, or a gap, up to `timeoutMs`. */
  read(from: string, options: CallOptions & { readonly timeoutMs: number }): Promise<FeedPage>;
  /**
   * {@link FEED_SECRET_BYTES} random bytes that all handles of the queue have in common: what cursors are hidden by from those
   * who watch one user. Made when they are first asked for; where they were lost, others are.
   */
  secret(options?: CallOptions): Promise<Uint8Array>;
}
