/** Pushes an element, waits for another, and ends: `push-to-redis URL`. */
import { openRedisQueue } from '../../src/drivers/queue/redis/redis.js';

const queue = await openRedisQueue({ server: process.argv[2] ?? '' });
const bytes = Buffer.from('{}');
await queue.push([{ bytes, readings: 1 }]);
await queue.push([{ bytes, readings: 1 }]);
if (!(await queue.wait({ readings: 2, ageMs: 1_000_000 }, { timeoutMs: 5_000 }))) process.exitCode = 1;
await queue.close();
