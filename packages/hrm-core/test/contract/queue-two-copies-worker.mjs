// Pushes and claims through both copies of the module that one process can have, imported and required:
// `node queue-two-copies-worker.mjs DIRECTORY PUSHES OTHERS`, OTHERS being how many elements another process pushes.
// Standard output: JSON of how many elements were delivered, and how many different ones of this process.
import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { openEmbeddedQueue as openImported } from 'hrm-core/embedded';

const { openEmbeddedQueue: openRequired } = createRequire(import.meta.url)('hrm-core/embedded');
assert.notEqual(openImported, openRequired);
const LIMITS = { maxReadings: 1_000_000, maxBytes: 1_000_000_000, maxElements: 100, leaseMs: 600_000 };
const [directory, pushes, others] = process.argv.slice(2);
const expected = 2 * Number(pushes) + Number(others);
const own = new Set();
let delivered = 0;

async function produce(queue, name) {
  for (let count = 0; count < Number(pushes); count += 1) {
    await queue.push([{ bytes: Buffer.from(`${name}-${count}`), readings: 1 }]);
  }
}

async function consume(open) {
  while (delivered < expected) {
    // Opened anew each time: the copies come and go while the other one works.
    const queue = await open({ directory });
    await queue.wait({ readings: 1, ageMs: 0 }, { timeoutMs: 100 });
    const claim = await queue.claim(LIMITS);
    for (const { bytes } of claim?.elements ?? []) {
      delivered += 1;
      const text = Buffer.from(bytes).toString();
      if (!text.startsWith('xxx')) own.add(text);
    }
    if (claim !== null) assert.equal(await queue.ack(claim.token), 'acked');
    await queue.close();
  }
}

const imported = await openImported({ directory });
const required = await openRequired({ directory });
writeSync(1, 'ready\n');
await Promise.all([
  produce(imported, 'imported'),
  produce(required, 'required'),
  consume(openImported),
  consume(openRequired),
]);
const { readings, claimedReadings } = await required.depth();
await imported.close();
await required.close();
writeSync(1, `${JSON.stringify({ delivered, own: own.size, readings, claimedReadings })}\n`);
