// Opens a new queue, pushes, opens it again and pushes, under a umask and never as root:
// `node queue-umask-worker.mjs DIRECTORY UMASK`.
import { openEmbeddedQueue } from 'hrm-core/embedded';

const NOBODY = 65_534;
const [directory, umask] = process.argv.slice(2);
if (process.getuid() === 0) {
  process.setgroups([]);
  process.setgid(NOBODY);
  process.setuid(NOBODY);
}
process.umask(Number.parseInt(umask, 8));
for (let count = 0; count < 2; count += 1) {
  const queue = await openEmbeddedQueue({ directory });
  await queue.push([{ bytes: Buffer.from('x'), readings: 1 }]);
  await queue.close();
}
