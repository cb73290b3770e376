// Pushes one element after another, and reports each as it ends: `node queue-fault-worker.mjs DIRECTORY PUSHES`.
// Standard output: `ok N` or `failed N CODE CAUSE`.
import { writeSync } from 'node:fs';
import { openEmbeddedQueue } from 'hrm-core/embedded';

const [directory, pushes] = process.argv.slice(2);
const queue = await openEmbeddedQueue({ directory });
for (let number = 0; number < Number(pushes); number += 1) {
  try {
    await queue.push([{ bytes: Buffer.from(`${number} ${'x'.repeat(3_000)}`), readings: 1 }]);
    writeSync(1, `ok ${number}\n`);
  } catch (error) {
    writeSync(1, `failed ${number} ${error.code} ${error.cause?.message}\n`);
  }
}
await queue.close();
