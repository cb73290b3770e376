// A primary of `hrm serve --workers` that dies as soon as its worker begins to start: argv are the worker's parts.
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { loadSettings } from 'hrm-core/settings';

cluster.schedulingPolicy = cluster.SCHED_NONE;
cluster.setupPrimary({
  exec: fileURLToPath(new URL('../../hrm-server/dist/worker.js', import.meta.url)),
  args: process.argv.slice(2),
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
});
const child = cluster.fork();
child.on('message', ({ type }) => {
  if (type !== 'here') return;
  process.stdout.write(`${child.process.pid}\n`);
  const start = { type: 'start', settings: loadSettings({ env: process.env }), keysNeeded: false };
  child.send(start, () => process.kill(process.pid, 'SIGKILL'));
});
