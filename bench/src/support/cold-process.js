/** Does one thing once, and tells the parent how long it took: `cold-process.js query DIR USER` or `cold-process.js read FILE…`. */
import { query } from 'hrm-core';
import { openDirectoryStorage } from 'hrm-core/directory';
import { readBytes } from './dataset.js';
import { timeMs } from './figure.js';
import { DAY_MS, START_MS } from './readings.js';

const [what, ...args] = process.argv.slice(2);

async function queryDay() {
  const [directory = '', userId = ''] = args;
  const storage = await openDirectoryStorage({ directory });
  const rows = await query({ storage }, { userId, start: START_MS, end: START_MS + DAY_MS });
  if (rows.length !== 1_440) throw new Error(`${rows.length} rows`);
}

process.send?.(await timeMs(() => (what === 'query' ? queryDay() : readBytes(args))));
