/**
 * `hrm`, as a function: finds the command, loads only that one, and turns its outcome into an exit code. What it needs of a process it
 * gets, so that it can be called any number of times in one.
 */
import { flush } from 'hrm-core/process';
import { explainUnknownVariables, loadSettings, readConfigFile } from 'hrm-core/settings';
import {
  type Command,
  type CommandEntry,
  GLOBAL_OPTIONS,
  type Invocation,
  parseArguments,
  type Surroundings,
  takesNext,
  unknownName,
} from './command.js';
import { COMMANDS, GROUPS } from './commands.js';
import { exitCodeOf } from './exit-codes.js';
import { commandHelp, overviewHelp } from './help.js';
import { createOutput } from './output/output.js';
import { describeTerminal, type Terminal } from './output/terminal.js';
import { VERSION } from './version.js';

/** What the first arguments name. */
interface Target {
  /** `query`, `dlq list`; a group (`dlq`) or `''` when no command is named. */
  readonly name: string;
  readonly args: readonly string[];
}

/**
 * Runs one call of `hrm`.
 * @param argv - what stands behind `hrm`.
 * @returns the exit code, once what was said is handed on; a service does not wait long for that.
 */
export async function run(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout, stderr } = surroundings;
  // A reader of the error messages who leaves must not turn the outcome into a crash.
  stderr.on('error', () => undefined);
  const target = findTarget(argv);
  const entry = Object.hasOwn(COMMANDS, target.name) ? COMMANDS[target.name] : undefined;
  const end = target.args.indexOf('--');
  const flags = end === -1 ? target.args : target.args.slice(0, end);
  const json = flags.includes('--json');
  let command: Command | undefined;
  let exitCode: number;
  try {
    command = await entry?.load();
    exitCode =
      entry === undefined || command === undefined
        ? await runWithoutCommand(target, json, surroundings)
        : await runCommand(command, entry, { args: target.args, flags, json }, surroundings);
  } catch (error) {
    const { describeFailure } = await import('./failure.js');
    const failure = describeFailure(error, { command: `hrm ${target.name}`.trimEnd(), json });
    stderr.write(failure.text);
    exitCode = failure.exitCode;
  }
  await Promise.all([flush(stdout, command?.flushMs), flush(stderr, command?.flushMs)]);
  return exitCode;
}

interface CommandLine {
  readonly args: readonly string[];
  /** Those of them that may be options. */
  readonly flags: readonly string[];
  readonly json: boolean;
}

async function runCommand(
  command: Command,
  { summary, seeAlso = [] }: CommandEntry,
  { args, flags, json }: CommandLine,
  surroundings: Surroundings,
): Promise<number> {
  const { stdout, stderr, env, cwd } = surroundings;
  const output = createOutput(stdout);
  if (flags.some((arg) => arg === '--help' || arg === '-h')) {
    await output.write(commandHelp(command, { summary, seeAlso, terminal: describeTerminal(stdout, env) }));
    return exitCodeOf('done');
  }
  const parsed = parseArguments(command, args);
  if ('fault' in parsed) return failUsage(`hrm ${command.name}`, parsed.fault, json, surroundings);
  const config = await readConfigFile(parsed.value('config'), surroundings);
  const settings = loadSettings({ flags: parsed.flags, env, file: config ?? undefined, cwd });
  if (!json) stderr.write(variableWarnings(env));
  try {
    return await runAudited(command, { ...surroundings, args: parsed, settings, config, json, output, trail: null });
  } catch (error) {
    const { inFlagNames } = await import('./flag-names.js');
    throw inFlagNames(error, parsed.flags);
  }
}

/** Runs a command, and records that where it looks at persons' data and there is an audit log. */
async function runAudited(command: Command, invocation: Invocation): Promise<number> {
  const { args, settings, stderr } = invocation;
  const { audit, name } = command;
  if (audit === undefined || settings.auditLog === '' || args.value('url') !== undefined)
    return exitCodeOf(await command.run(invocation));
  const { auditCommand } = await import('hrm-core/audit');
  return await auditCommand(
    settings,
    { action: audit, call: `hrm ${name}`, users: args.values('user') },
    async (trail) => exitCodeOf(await command.run({ ...invocation, trail })),
    { statusOf: exitCodeOf, warn: (text) => stderr.write(`hrm: ${text}\n`) },
  );
}

/** A line for each environment variable that looks like a setting and is none. */
function variableWarnings(env: NodeJS.ProcessEnv): string {
  return explainUnknownVariables(env)
    .map(({ name, meant }) => {
      const hint = meant === undefined ? '' : `: did you mean ${meant}?`;
      return `hrm: the environment has ${name}, which is no setting${hint}\n`;
    })
    .join('');
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
async function runWithoutCommand({ name, args }: Target, json: boolean, surroundings: Surroundings): Promise<number> {
  const output = createOutput(surroundings.stdout);
  const terminal = describeTerminal(surroundings.stdout, surroundings.env);
  const group = Object.keys(COMMANDS).filter((command) => name !== '' && command.startsWith(`${name} `));
  if (name !== '' && group.length === 0) {
    const fault = unknownName(`command ${JSON.stringify(name)}`, name, Object.keys(COMMANDS));
    return failUsage('hrm', fault, json, surroundings);
  }
  const known = [...GLOBAL_OPTIONS.flatMap((option) => [`--${option.name}`]), '-h', '--version'];
  const config = args.indexOf('--config');
  const wrong = args.find((arg, i) => !known.includes(arg) && (config === -1 || i !== config + 1));
  if (wrong !== undefined) {
    const names = known.map((flag) => flag.replace(/^-+/, ''));
    const fault = unknownName(`option ${wrong}`, wrong.replace(/^-+/, ''), names, '--');
    return failUsage('hrm', fault, json, surroundings);
  }
  if (args.includes('--version')) await output.write(json ? `{"version":"${VERSION}"}\n` : `${VERSION}\n`);
  else if (name === '') await output.write(overview(terminal));
  else await output.write(groupHelp(name, group, terminal));
  return exitCodeOf('done');
}

function overview(terminal: Terminal): string {
  const about =
    'Takes heart-rate readings without losing one, keeps them as Parquet files, and answers minute by minute.';
  return overviewHelp(
    'hrm COMMAND [options]      (hrm COMMAND --help explains one)',
    about,
    Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary]),
    terminal,
  );
}

function groupHelp(name: string, commands: readonly string[], terminal: Terminal): string {
  return overviewHelp(
    `hrm ${name} COMMAND [options]`,
    GROUPS[name] ?? '',
    commands.map((command) => [command, COMMANDS[command]?.summary ?? '']),
    terminal,
  );
}

/** Reports wrong use of the command line, without loading anything for it. */
function failUsage(command: string, message: string, json: boolean, { stderr }: Surroundings): number {
  const error = { kind: 'invalid', code: 'invalid_usage', message, errors: [] };
  stderr.write(json ? `${JSON.stringify({ error })}\n` : `${command}: ${message}\nSee: ${command} --help\n`);
  return exitCodeOf('invalid');
}
