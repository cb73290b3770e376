/**
 * A redis-server of its own for one figure, and its guard: `redis-process.js DIR PORT FSYNC`. Ends it when the figure's
 * program ends, however that ends.
 */
import { spawn } from 'node:child_process';

const [directory = '', port = '', appendfsync = ''] = process.argv.slice(2);

const OPTIONS = {
  port,
  bind: '127.0.0.1',
  dir: directory,
  save: '',
  appendonly: 'yes',
  appendfsync,
  // Rewriting the file is a cost of every so many bytes, and would fall into whichever round comes then.
  'auto-aof-rewrite-percentage': '0',
  logfile: 'redis.log',
};

const args = Object.entries(OPTIONS).flatMap(([name, value]) => [`--${name}`, value]);
const server = spawn('redis-server', args, { stdio: 'ignore' });

function end() {
  server.kill('SIGKILL');
}

server.on('error', (error) => {
  const isMissing = 'code' in error && error.code === 'ENOENT';
  const why = isMissing
    ? 'redis-server is missing: install it (apt-get install redis-server, brew install redis)'
    : String(error);
  process.stderr.write(`${why}\n`);
  process.exit(1);
});
server.on('exit', () => process.exit());
process.on('disconnect', end);
// A terminal sends it to all of them; the figure's end says when.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', end);
