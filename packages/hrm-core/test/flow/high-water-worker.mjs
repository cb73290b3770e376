// Pushes through two handles until both refuse, and tells how much they took: `node high-water-worker.mjs DIRECTORY MARK`.
import { openQueue } from 'hrm-core/open';

const [queueDir, mark] = process.argv.slice(2);
let taken = 0;
let refused = 0;

async function fill() {
  const queue = await openQueue({ queueDir, queueHighWater: Number(mark) });
  for (let isFull = false; !isFull; ) {
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => queue.push([{ bytes: Buffer.from('a'), readings: 1 }])),
    );
    for (const { reason } of results) {
      if (reason === undefined) taken += 1;
      else if (reason.code !== 'queue_full') throw reason;
      else isFull = true;
    }
    if (isFull) refused += 1;
  }
  await queue.close();
}

await Promise.all([fill(), fill()]);
process.stdout.write(JSON.stringify({ taken, refused }));
