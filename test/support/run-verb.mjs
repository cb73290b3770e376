/**
 * Runs one verb of the library over a data directory: `node run-verb.mjs DIRECTORY VERB`. It begins when something comes on standard input,
 * and says so first, so that what loading takes can be told from what the verb does.
 */
import { once } from 'node:events';
import { exportReadings, verify } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';

const [, , directory, verb] = process.argv;
const DAY = { start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' };

const VERBS = {
  async export(storage) {
    for (const userId of ['ana', 'of 1', 'of 100']) {
      for await (const bytes of exportReadings({ storage }, { userId, ...DAY })) if (bytes.length < 0) return;
    }
  },
  verify: (storage) => verify({ storage }),
};

const storage = await openDirectoryStorage({ directory });
process.stdout.write('ready\n');
await once(process.stdin, 'data');
await VERBS[verb](storage);
await storage.close();
process.stdin.destroy();
