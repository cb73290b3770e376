// One process that opens a queue again and again: `node queue-opening-worker.mjs DIRECTORY LOG NAME OPENINGS`. Each time it pushes a
// few elements, claims some, acknowledges them and closes. Every line of the log is one element: `A id` acknowledged by the
// push, `K id` claimed and acknowledged.
import { openSync, writeSync } from 'node:fs';
import { openEmbeddedQueue } from 'hrm-core/embedded';

const [directory, logPath, name, openings] = process.argv.slice(2);
const LIMITS = { maxReadings: 5, maxBytes: 200_000, maxElements: 5, leaseMs: 60_000 };
const log = openSync(logPath, 'a');

for (let opening = 0; opening < Number(openings); opening += 1) {
  const queue = await openEmbeddedQueue({ directory });
  await queue.store.remember('the-store');
  for (let push = 0; push < 3; push += 1) {
    const id = `${name}-${opening}-${push}`;
    await queue.push([{ bytes: Buffer.from(id.padEnd(20 + Math.floor(Math.random() * 5_000))), readings: 1 }]);
    writeSync(log, `A ${id}\n`);
  }
  const claim = await queue.claim(LIMITS);
  if (claim !== null && (await queue.ack(claim.token)) === 'acked') {
    const ids = claim.elements.map(({ bytes }) => `K ${Buffer.from(bytes).toString().trim()}\n`);
    writeSync(log, ids.join(''));
  }
  await queue.close();
}
