/**
 * Another project's server for one figure, and its guard: `guard.js COMMAND [ARGUMENT…]`. Ends it when the figure's program ends,
 * however that ends. Tells the server's process id to the parent.
 */
import { spawn } from 'node:child_process';

const [command = '', ...args] = process.argv.slice(2);

const server = spawn(command, args, { stdio: 'ignore' });

function end() {
  server.kill('SIGKILL');
}

server.on('error', (error) => {
  const isMissing = 'code' in error && error.code === 'ENOENT';
  const why = isMissing
    ? `${command} is missing: install it from your system's packages (Debian, macOS: ${command})`
    : String(error);
  process.stderr.write(`${why}\n`);
  process.exit(1);
});
server.on('spawn', () => process.send?.(server.pid));
server.on('exit', () => process.exit());
process.on('disconnect', end);
// A terminal sends it to all of them; the figure's end says when.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', end);
