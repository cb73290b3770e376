/**
 * What a Redis server says of itself: whether it can hold the queue at all, and what of it a crash would lose.
 * @module
 */
import { faultError, HrmError } from '../../../errors.js';
import type { QueueWarning } from '../../../ports/queue.js';
import { type Space, UNKNOWN_SPACE } from '../../../ports/space.js';
import { isUnreachable, type RedisServer, sendCommand } from './call.js';
import type { RedisKeys } from './context.js';

/** Major version of Redis, or of the Redis that a Valkey says it is: scripts with flags are of version 7. */
const MIN_VERSION = 7;

/** Facts of `INFO` and `CONFIG GET`. */
export interface ServerFacts {
  readonly version: string;
  readonly mode: 'standalone' | 'cluster' | 'sentinel';
  readonly usedBytes: number;
  /** 0: no limit. */
  readonly maxBytes: number;
  readonly evictionPolicy: string;
  readonly hasAppendOnlyFile: boolean;
  /** `always`, `everysec`, `no`; `null` where the server does not tell. */
  readonly appendFsync: string | null;
}

/** Asks the server. @throws HrmError kind `unavailable`. */
export async function inspectServer(server: RedisServer): Promise<ServerFacts> {
  const info = parseInfo(String(await sendCommand(server, 'INFO', [])));
  return {
    version: info.get('redis_version') ?? '',
    mode: modeOf(info),
    usedBytes: Number(info.get('used_memory') ?? 0),
    maxBytes: Number(info.get('maxmemory') ?? 0),
    evictionPolicy: info.get('maxmemory_policy') ?? '',
    hasAppendOnlyFile: info.get('aof_enabled') === '1',
    appendFsync: await readAppendFsync(server),
  };
}

/** Room under `maxmemory`; nulls where there is no limit. */
export function spaceOf({ usedBytes, maxBytes }: ServerFacts): Space {
  if (maxBytes === 0) return UNKNOWN_SPACE;
  return { freeBytes: Math.max(0, maxBytes - usedBytes), totalBytes: maxBytes };
}

/**
 * Refuses a server that cannot hold the queue.
 * @throws HrmError kind `invalid`, code `queue_version` or `invalid_settings`.
 */
export function requireUsable({ version, mode }: ServerFacts, { queue, processing, dead }: RedisKeys): void {
  if (Number.parseInt(version, 10) < MIN_VERSION) {
    const message = `Redis ${version} is too old: version ${MIN_VERSION} or newer is needed, or Valkey`;
    throw new HrmError(message, { kind: 'invalid', code: 'queue_version' });
  }
  if (mode !== 'cluster') return;
  const tags = new Set([queue, processing, dead].map(hashTag));
  if (tags.size === 1 && !tags.has(null)) return;
  const message =
    'in a cluster the keys of the queue need one hash tag: set for example HRM_QUEUE_KEY={heartbeat}:queue, HRM_PROCESSING_KEY={heartbeat}:processing and HRM_DEAD_KEY={heartbeat}:dead';
  throw faultError('invalid_settings', message, '/queueKey');
}

/** What could lose accepted readings, with the fix; empty when nothing does. */
export function durabilityWarnings(facts: ServerFacts): QueueWarning[] {
  const warnings: QueueWarning[] = [];
  const { evictionPolicy, hasAppendOnlyFile, appendFsync } = facts;
  if (evictionPolicy !== 'noeviction') {
    const message = `Redis may evict accepted readings when its memory is full (maxmemory-policy ${evictionPolicy})`;
    warnings.push({ code: 'redis_evicts', message, advice: 'set maxmemory-policy noeviction' });
  }
  if (!hasAppendOnlyFile) {
    const message = 'Redis keeps accepted readings in memory only, and loses them when it ends (appendonly no)';
    warnings.push({ code: 'redis_no_aof', message, advice: 'set appendonly yes and appendfsync always' });
  } else if (appendFsync === null) {
    const message =
      'Redis does not tell how often it syncs (CONFIG GET is not permitted), so a power cut may lose accepted readings';
    warnings.push({ code: 'redis_fsync_unknown', message, advice: 'see that it has appendfsync always' });
  } else if (appendFsync !== 'always') {
    const lost = appendFsync === 'everysec' ? 'about the last second of' : 'some seconds of';
    const message = `Redis loses ${lost} accepted readings in a power cut (appendfsync ${appendFsync})`;
    warnings.push({ code: 'redis_fsync', message, advice: 'set appendfsync always' });
  }
  return warnings;
}

/** What decides a key's slot: between the first `{` and the next `}`, if anything is. */
function hashTag(key: string): string | null {
  return /^[^{]*\{([^}]+)\}/.exec(key)?.[1] ?? null;
}

function modeOf(info: ReadonlyMap<string, string>): ServerFacts['mode'] {
  const mode = info.get('redis_mode');
  if (mode === 'sentinel') return mode;
  return mode === 'cluster' || info.get('cluster_enabled') === '1' ? 'cluster' : 'standalone';
}

function parseInfo(text: string): Map<string, string> {
  const info = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) info.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return info;
}

/** Hosted servers often do not permit CONFIG. */
async function readAppendFsync(server: RedisServer): Promise<string | null> {
  try {
    const reply = (await sendCommand(server, 'CONFIG', ['GET', 'appendfsync'])) as unknown[];
    return reply.length < 2 ? null : String(reply[1]);
  } catch (error) {
    // Of a connection that was lost just then nothing follows about what the server permits.
    if (isUnreachable(error)) throw error;
    return null;
  }
}
