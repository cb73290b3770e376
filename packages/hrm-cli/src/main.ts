/**
 * `hrm`: finds the command, loads only that one, and turns its outcome into an exit code.
 */
import { readFileSync } from 'node:fs';
import { GLOBAL_OPTIONS, parseArguments, takesNext, unknownName } from './command.js';
import { COMMANDS, GROUPS } from './commands.js';
import { endProcess, forgetLostTerminals } from './end-process.js';
import { exitCodeOf } from './exit-codes.js';
import { commandHelp, overviewHelp } from './help.js';
import { createOutput, flush } from './output.js';
import { listenForStop } from './stop-signal.js';
import { describeTerminal, type Terminal } from './terminal.js';

/** What the first arguments name. */
interface Target {
  /** `query`, `dlq list`; a group (`dlq`) or `''` when no command is named. */
  readonly name: string;
  readonly args: readonly string[];
}

/** How long the end waits for readers of what was said: as the command says. */
let flushMs: number | undefined;

/** Runs one call of `hrm`. @returns the exit code. */
async function run(argv: readonly string[]): Promise<number> {
  const target = findTarget(argv);
  const end = target.args.indexOf('--');
  const flags = end === -1 ? target.args : target.args.slice(0, end);
  const json = flags.includes('--json');
  try {
    return await runTarget(target, flags, json);
  } catch (error) {
    const { describeFailure } = await import('./failure.js');
    const failure = describeFailure(error, { command: `hrm ${target.name}`.trimEnd(), json });
    process.stderr.write(failure.text);
    return failure.exitCode;
  }
}

async function runTarget({ name, args }: Target, flags: readonly string[], json: boolean): Promise<number> {
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  const output = createOutput(process.stdout);
  if (entry === undefined) return await runWithoutCommand(name, args, json);
  const command = await entry.load();
  flushMs = command.flushMs;
  if (flags.some((arg) => arg === '--help' || arg === '-h')) {
    const { summary, seeAlso = [] } = entry;
    await output.write(commandHelp(command, { summary, seeAlso, terminal: ownTerminal() }));
    return exitCodeOf('done');
  }
  const parsed = parseArguments(command, args);
  if ('fault' in parsed) return failUsage(`hrm ${name}`, parsed.fault, json);
  const { nameAsGiven, readSettings, warnings } = await import('./config.js');
  const settings = await readSettings(parsed.flags, parsed.value('config'));
  if (!json) process.stderr.write(warnings(process.env));
  try {
    return exitCodeOf(await command.run({ args: parsed, settings, json, output, signal: listenForStop() }));
  } catch (error) {
    throw nameAsGiven(error, parsed.flags);
  }
}

/** Takes the command's name out of the arguments; what every command takes, settings too, may stand before it. */
function findTarget(argv: readonly string[]): Target {
  let at = 0;
  while (argv[at]?.startsWith('-')) at += takesNext(argv, at) ? 2 : 1;
  const before = argv.slice(0, at);
  const [first = '', second = ''] = argv.slice(at);
  const isGroup = Object.keys(COMMANDS).some((name) => name.startsWith(`${first} `));
  if (!isGroup) return { name: first, args: [...before, ...argv.slice(at + 1)] };
  const named = second !== '' && !second.startsWith('-');
  return { name: named ? `${first} ${second}` : first, args: [...before, ...argv.slice(at + (named ? 2 : 1))] };
}

/** Help, the version, or what is wrong with the command's name. */
async function runWithoutCommand(name: string, args: readonly string[], json: boolean): Promise<number> {
  const output = createOutput(process.stdout);
  const group = Object.keys(COMMANDS).filter((command) => name !== '' && command.startsWith(`${name} `));
  if (name !== '' && group.length === 0) {
    const fault = unknownName(`command ${JSON.stringify(name)}`, name, Object.keys(COMMANDS));
    return failUsage('hrm', fault, json);
  }
  const known = [...GLOBAL_OPTIONS.flatMap((option) => [`--${option.name}`]), '-h', '--version'];
  const config = args.indexOf('--config');
  const wrong = args.find((arg, i) => !known.includes(arg) && (config === -1 || i !== config + 1));
  if (wrong !== undefined) {
    const names = known.map((flag) => flag.replace(/^-+/, ''));
    return failUsage('hrm', unknownName(`option ${wrong}`, wrong.replace(/^-+/, ''), names, '--'), json);
  }
  if (args.includes('--version')) await output.write(json ? `{"version":"${version()}"}\n` : `${version()}\n`);
  else if (name === '') await output.write(overview());
  else await output.write(groupHelp(name, group));
  return exitCodeOf('done');
}

function ownTerminal(): Terminal {
  return describeTerminal(process.stdout, process.env);
}

function overview(): string {
  const about =
    'Takes heart-rate readings without losing one, keeps them as Parquet files, and answers minute by minute.';
  return overviewHelp(
    'hrm COMMAND [options]      (hrm COMMAND --help explains one)',
    about,
    Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary]),
    ownTerminal(),
  );
}

function groupHelp(name: string, commands: readonly string[]): string {
  return overviewHelp(
    `hrm ${name} COMMAND [options]`,
    GROUPS[name] ?? '',
    commands.map((command) => [command, COMMANDS[command]?.summary ?? '']),
    ownTerminal(),
  );
}

/** Reports wrong use of the command line, without loading anything for it. */
function failUsage(command: string, message: string, json: boolean): number {
  const error = { kind: 'invalid', code: 'invalid_usage', message, errors: [] };
  process.stderr.write(json ? `${JSON.stringify({ error })}\n` : `${command}: ${message}\nSee: ${command} --help\n`);
  return exitCodeOf('invalid');
}

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}

// A reader of the error messages who leaves must not turn the outcome into a crash.
process.stderr.on('error', () => undefined);
forgetLostTerminals();
const exitCode = await run(process.argv.slice(2));
await Promise.all([flush(process.stdout, flushMs), flush(process.stderr, flushMs)]);
await endProcess(exitCode);
