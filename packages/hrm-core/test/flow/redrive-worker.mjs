// Redrives every dead letter and is killed by its own hand while it does: `node redrive-worker.mjs DIRECTORY TURNS`.
import { openEmbeddedQueue } from 'hrm-core/embedded';

const [directory, turns] = process.argv.slice(2);
const queue = await openEmbeddedQueue({ directory });
const deadLetters = await queue.deadLetters.list({ limit: 1_000_000 });
void queue.deadLetters.redrive(deadLetters.map(({ id }) => id));
for (let turn = 0; turn < Number(turns); turn += 1) await new Promise((resolve) => setImmediate(resolve));
process.kill(process.pid, 'SIGKILL');
