/** A process that publishes and replaces once, saying so when it may: `node publish-once.mjs DATA`. */
import { writeSync } from 'node:fs';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';

const [, , directory = ''] = process.argv;
const partition = { date: '20240115', directory: 'ana' };
const bytes = new TextEncoder().encode('[1,2,3]');
const storage = await openDirectoryStorage({ directory });
await storage.publish(partition, 'part-a.parquet', bytes);
writeSync(1, 'published part-a.parquet\n');
const snapshot = await storage.snapshot(partition);
await storage.replace({ snapshot, supersededName: 'part-old-1.parquet', bytes });
writeSync(1, 'replaced compacted.parquet\n');
await snapshot.close();
await storage.close();
