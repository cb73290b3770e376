/**
 * The process around one call of `hrm`.
 */
import { endProcess, forgetLostTerminals, listenForStop } from 'hrm-core/process';
import { run } from './cli.js';

forgetLostTerminals();
const { argv, stdout, stderr, env } = process;
const streams = { stdin: () => process.stdin, stdout, stderr };
await endProcess(await run(argv.slice(2), { ...streams, env, cwd: process.cwd(), signal: listenForStop() }));
