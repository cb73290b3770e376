// Records, and says so on standard output after each event that is on the disk: `node audit-worker.mjs PATH NAME MAX_BYTES`.
import { writeSync } from 'node:fs';
import { openAuditPlace, openAuditWriter } from 'hrm-core/audit';

const [path, name, maxBytes] = process.argv.slice(2);
const writer = openAuditWriter({ place: openAuditPlace(path) }, { maxBytes: Number(maxBytes), batchMs: 1 });
const event = { action: 'read', call: 'query', outcome: 'done', key: null, account: null, from: null, status: 200 };
for (let i = 0; ; i += 1) {
  const users = Array.from({ length: i % 20 }, (_, j) => `user ${j}`);
  if (i % 3 === 0) writer.note({ ...event, users, request: `${name}-${i}-noted` });
  else {
    await writer.write({ ...event, users, request: `${name}-${i}` });
    writeSync(1, `${name}-${i}\n`);
  }
}
