import type { Erasures } from '../../ports/erasures.js';
import type { Queue } from '../../ports/queue.js';
import type { Settings } from '../../settings.js';
import { createSemaphore } from '../../shares/quota.js';
import { sweepSpool } from '../archive/spool.js';
import { importUpload, type UploadTarget } from './import-upload.js';
import { pacedPieces, tooLargeError } from './paced-pieces.js';
import { readUploadRules, type UploadQuery } from './upload-rules.js';

/** Files that are imported at once: each has a thread and its memory, and lies on the disk, up to three times where archives are in it. */
const MAX_UPLOADS = 4;

/** Those of one client, so that it shuts out nobody. */
const MAX_CLIENT_UPLOADS = 2;

/** The settings of uploads. */
export type UploadSettings = Pick<
  Settings,
  'naiveTimestamps' | 'maxFutureMs' | 'maxPastMs' | 'spoolDir' | 'importMaxBytes'
>;

/** A file on its way, and what takes its readings. */
interface Upload extends Pick<UploadTarget, 'enqueue' | 'requireUser'> {
  /** Who sends it, for its share of places. */
  readonly client: string;
  /** Whose part of the queue it fills; `undefined`: nobody's in particular. */
  readonly owner: string | undefined;
  readonly query: UploadQuery;
  /** As it is announced; 0 where it is not. */
  readonly byteLength: number;
  /** Ends the import. */
  readonly signal: AbortSignal;
  /** Begins to read it, once there is a place. */
  begin(): AsyncIterator<Uint8Array>;
}

/**
 * Imports files that come over connections: some at once, and of one client fewer.
 * @returns what imports one: its account as the JSON of `hrm import --json`. It throws as {@link importUpload}; code `invalid_query`; before
 *   anything is read code `body_too_large`, `queue_full` or `too_busy`.
 */
export function createUploads(
  {
    queue,
    storage,
  }: { readonly queue: Queue; readonly storage?: { readonly erasures: Pick<Erasures, 'known'> } | undefined },
  { spoolDir: spoolDirectory, importMaxBytes, naiveTimestamps, maxFutureMs, maxPastMs }: UploadSettings,
): (upload: Upload) => Promise<Uint8Array<ArrayBuffer>> {
  const places = createSemaphore(MAX_UPLOADS, 'too many imports at once: wait for one to end', MAX_CLIENT_UPLOADS);
  const limits = { naiveTimestamps, maxFutureMs, maxPastMs, spoolDirectory, maxSpoolBytes: importMaxBytes };
  void sweepSpool(spoolDirectory);
  return async ({ client, owner, query, byteLength, signal, begin, enqueue, requireUser }) => {
    const retention = storage?.erasures.known().retention.record ?? null;
    const rules = { ...readUploadRules(query), ...limits, retention };
    if (byteLength > importMaxBytes) throw tooLargeError(importMaxBytes);
    // What will be refused need not be read.
    if (!rules.dryRun) queue.requireRoom?.({ owner });
    const release = places.acquire(client);
    try {
      return await importUpload(pacedPieces(begin(), importMaxBytes), { queue, enqueue, requireUser }, rules, signal);
    } finally {
      release();
    }
  };
}
