/** A process that prints `ready`, compacts until SIGTERM, then prints how often it did: `node compact-forever.mjs DATA GRACE_MS`. */
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { runCompacter } from '../../src/index.js';

const [, , directory = '', graceMs = ''] = process.argv;
const clock = { nowMs: () => Date.UTC(2025, 0, 1) };
const storage = await openDirectoryStorage({ directory, clock });
const stop = new AbortController();
let compacted = 0;
process.on('SIGTERM', () => stop.abort());
console.log('ready');
await runCompacter(
  { storage, clock },
  { compactEveryMs: 1, sweepAfterMs: Number(graceMs) },
  {
    signal: stop.signal,
    onEvent(event) {
      if (event.type === 'failed') throw event.error;
      if (event.type === 'damaged') throw new Error(event.report.message);
      if (event.summary.failures.length > 0) throw new Error(JSON.stringify(event.summary.failures));
      compacted += event.summary.compacted;
    },
  },
);
await storage.close();
console.log(compacted);
