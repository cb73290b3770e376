/**
 * The call that takes a whole file: a device's, an export, an archive.
 */
import { enqueueUntrusted } from 'hrm-core';
import { createUploads, type UploadSettings } from 'hrm-core/import';
import { requireValid } from 'hrm-core/keys';
import { IMPORT_PARAMETERS, IMPORT_TYPES, readQuery } from 'hrm-core/schemas';
import { allowLong } from '../http/connections/connection-bounds.js';
import { sendContinue } from '../http/connections/expect-continue.js';
import { isGzipped, readMediaType } from '../http/media-type.js';
import { clientOf, type Handler } from './handler.js';
import { enqueueOptions, type IngestComponents } from './ingest.js';
import { asSpan } from './requests.js';

/** Takes a file, as far as it can be read. */
export function postImport(components: IngestComponents, settings: UploadSettings): Handler {
  const importFile = createUploads(components, settings);
  return async (call) => {
    const { incoming, outgoing, access, headers, signal } = call;
    const query = readQuery(incoming.url ?? '', IMPORT_PARAMETERS);
    access.requireUser(query.user_id);
    readMediaType(incoming.headers, IMPORT_TYPES);
    // Gzip is unpacked by its first bytes, whoever packed.
    isGzipped(incoming.headers);
    function begin(): AsyncIterator<Buffer> {
      allowLong(incoming);
      sendContinue(incoming, outgoing);
      // The answer goes out over the same socket.
      return incoming.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
    }
    async function enqueue(items: readonly unknown[], receivedMs: number | undefined): Promise<number> {
      for (const item of items as readonly { user_id?: unknown; device_id?: unknown }[]) {
        access.requireUser(item.user_id);
        access.requireDevice(item.device_id ?? undefined);
      }
      requireValid(access);
      call.trail?.addReadings(items.length);
      const options = { ...enqueueOptions(components, settings, call), receivedMs, signal, wireOnly: true };
      return (await enqueueUntrusted(components, items, options)).accepted;
    }
    const byteLength = Number(incoming.headers['content-length'] ?? 0);
    const upload = {
      client: clientOf(call),
      owner: access.keyId ?? undefined,
      query,
      byteLength,
      signal,
      begin,
      enqueue,
      requireUser: access.requireUser,
    };
    const account = await asSpan(incoming, 'import', () => importFile(upload));
    return new Response(account, { headers: { ...headers, 'Content-Type': 'application/json' } });
  };
}
