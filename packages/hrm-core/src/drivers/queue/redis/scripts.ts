/**
 * The scripts that run inside Redis, each one atomic. What a script's KEYS and ARGV are stands at its head.
 * @module
 */
import { createHash } from 'node:crypto';
import ack from './lua/ack.lua';
import check from './lua/check.lua';
import claim from './lua/claim.lua';
import deadLetters from './lua/dead-letters.lua';
import feed from './lua/feed.lua';
import keep from './lua/keep.lua';
import measure from './lua/measure.lua';
import peek from './lua/peek.lua';
import push from './lua/push.lua';
import redrive from './lua/redrive.lua';
import release from './lua/release.lua';
import renew from './lua/renew.lua';
import shared from './lua/shared.lua';
import takeOver from './lua/take-over.lua';
import watch from './lua/watch.lua';

/** A script as Redis takes it. */
export interface Script {
  readonly text: string;
  /** SHA-1 in hex, by which the server remembers it. */
  readonly sha: string;
}

/**
 * Those that empty the queue, or move what is there, and what they need, run also when the memory is full: else it would stay full. `push` and
 * `check` must fail then, and nobody begins to watch.
 */
export const SCRIPTS = {
  claim: script('allow-oom', claim),
  takeOver: script('allow-oom', takeOver),
  renew: script('allow-oom', renew),
  release: script('allow-oom', release),
  ack: script('allow-oom', ack),
  redrive: script('allow-oom', redrive),
  measure: script('allow-oom', measure),
  measureOnly: script('no-writes', measure),
  deadLetters: script('no-writes', deadLetters),
  peek: script('no-writes', peek),
  check: script('', check),
  push: script('', push),
  watch: script('', watch),
  feed: script('no-writes', feed),
  keep: script('', keep),
  remember: script('allow-oom', keep),
} as const;

function script(flags: string, body: string): Script {
  const text = `#!lua${flags === '' ? '' : ` flags=${flags}`}\n${shared}\n${body}`;
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}
