/**
 * The call that takes a whole file: a device's, an export, an archive.
 */
import { enqueueUntrusted } from 'hrm-core';
import { importUpload, readUploadRules, sweepSpool } from 'hrm-core/import';
import { requireValid } from 'hrm-core/keys';
import { IMPORT_PARAMETERS, IMPORT_TYPES } from 'hrm-core/schemas';
import type { Settings } from 'hrm-core/settings';
import { createSemaphore } from 'hrm-core/shares';
import { receiveFile } from '../http/file-body.js';
import { isGzipped, readMediaType } from '../http/media-type.js';
import { MAX_CLIENT_IMPORTS, MAX_IMPORTS } from '../limits.js';
import { clientOf, type Handler } from './handler.js';
import { enqueueOptions, type IngestComponents, type IngestSettings } from './ingest.js';
import { readQuery } from './parameters.js';
import { asSpan } from './requests.js';

/** The settings of imports. */
export type ImportSettings = IngestSettings & Pick<Settings, 'spoolDir' | 'importMaxBytes'>;

/** Takes a file, as far as it can be read. */
export function postImport(components: IngestComponents, settings: ImportSettings): Handler {
  const { naiveTimestamps, maxFutureMs, maxPastMs, spoolDir: spoolDirectory, importMaxBytes } = settings;
  const semaphore = createSemaphore(MAX_IMPORTS, 'too many imports at once: wait for one to end', MAX_CLIENT_IMPORTS);
  void sweepSpool(spoolDirectory);
  return async (call) => {
    const { incoming, access, headers, signal } = call;
    const query = readQuery(incoming.url ?? '', IMPORT_PARAMETERS);
    access.requireUser(query.user_id);
    const limits = { naiveTimestamps, maxFutureMs, maxPastMs, spoolDirectory, maxSpoolBytes: importMaxBytes };
    const rules = { ...readUploadRules(query), ...limits };
    readMediaType(incoming.headers, IMPORT_TYPES);
    // Gzip is unpacked by its first bytes, whoever packed.
    isGzipped(incoming.headers);
    if (!rules.dryRun) components.queue.requireRoom?.({ owner: access.keyId ?? undefined });
    const release = semaphore.acquire(clientOf(call));
    async function enqueue(items: readonly unknown[], receivedMs: number | undefined): Promise<number> {
      for (const item of items) access.requireUser((item as { user_id?: unknown }).user_id);
      requireValid(access);
      const options = { ...enqueueOptions(components, settings, call), receivedMs, signal, wireOnly: true };
      return (await enqueueUntrusted(components, items, options)).accepted;
    }
    try {
      const file = receiveFile(call, importMaxBytes);
      const target = { queue: components.queue, enqueue };
      const account = await asSpan(incoming, 'import', () => importUpload(file, target, rules, signal));
      return new Response(account, { headers: { ...headers, 'Content-Type': 'application/json' } });
    } finally {
      release();
    }
  };
}
