/**
 * The process around one call of `hrm`.
 */
import { run } from './cli.js';
import { endProcess, forgetLostTerminals } from './end-process.js';
import { listenForStop } from './stop-signal.js';

forgetLostTerminals();
const { argv, stdout, stderr, env } = process;
const streams = { stdin: () => process.stdin, stdout, stderr };
await endProcess(await run(argv.slice(2), { ...streams, env, cwd: process.cwd(), signal: listenForStop() }));
