/**
 * What a question about a day costs that has one row: all that is there whatever the answer is. CPU time of the server, over HTTP, asked
 * a hundred times at a time over one connection, against the same day in 1,440 rows. Two devices at 1 Hz, compacted.
 */
import { Agent } from 'node:http';
import path from 'node:path';
import { ask } from './support/ask.js';
import { USER_ID, writeDataset } from './support/dataset.js';
import { interleave, runFigure } from './support/figure.js';
import { DAY_MS, START_MS } from './support/readings.js';
import { withServers } from './support/servers.js';

/** Questions that are measured together: the system counts CPU time in ticks of some milliseconds. */
const AT_A_TIME = 100;
/** Rounds before any that counts, after which the server has compiled what it runs. */
const WARM_UP_ROUNDS = 20;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

const ONE_ROW = 'a question of one row: HTTP, CPU time';
const ALL_ROWS = 'the whole day, 1,440 rows';

await runFigure('query-fixed', async (bench) => {
  const directory = await bench.directory('fixed');
  const shape = { deviceIds: ['strap-1', 'watch-1'], days: 1, stepMs: 1_000 };
  await writeDataset({ ...shape, directory: path.join(directory, 'data') });
  const agent = new Agent({ keepAlive: true });
  try {
    await withServers({ server: { kind: 'api', directory } }, async ({ server }) => {
      /** @param {{ fromMs: number, toMs: number }} range */
      async function measure(range) {
        const question = { userId: USER_ID, ...range };
        const before = await server.cpuMs();
        for (let i = 0; i < AT_A_TIME; i += 1) await ask(server, question, { agent });
        const cpu = ((await server.cpuMs()) - before) / AT_A_TIME;
        return { value: cpu, cpu };
      }
      const hour = START_MS + HOUR_MS;
      const variants = {
        [ONE_ROW]: () => measure({ fromMs: hour, toMs: hour + MINUTE_MS }),
        [ALL_ROWS]: () => measure({ fromMs: START_MS, toMs: START_MS + DAY_MS }),
      };
      for (let round = 0; round < WARM_UP_ROUNDS; round += 1) await variants[ONE_ROW]?.();
      const samples = await interleave(variants, bench.quick ? 5 : 15);
      bench.compare(samples, ONE_ROW, ALL_ROWS, 'ms', 'CPU of the server, a question', { value: 0.5 });
    });
  } finally {
    agent.destroy();
  }
});
