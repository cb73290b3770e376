// Pushes, and says so on standard output after each: `node queue-ack-worker.mjs DIRECTORY PUSHES`.
import { writeSync } from 'node:fs';
import { openEmbeddedQueue } from 'hrm-core/embedded';

const [directory, pushes] = process.argv.slice(2);
const queue = await openEmbeddedQueue({ directory });
for (let count = 0; count < Number(pushes); count += 1) {
  await queue.push([{ bytes: Buffer.alloc(3_000, 'x'), readings: 30 }]);
  writeSync(1, 'acknowledged\n');
}
await queue.close();
