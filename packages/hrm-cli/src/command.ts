/**
 * The shape of a command, and the table-driven parsing of its arguments. Every command takes every setting as a flag, as
 * it takes every environment variable and config key: one set of settings serves all commands.
 */
import type { Readable, Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import type { AuditAction, AuditTrail } from 'hrm-core/audit';
import { nearest, type ReadConfigFile, SETTINGS, type SettingName, type Settings } from 'hrm-core/settings';
import type { Output } from './output/output.js';

/** The settings that say where the queue is. */
export const QUEUE_SETTINGS = [
  'queueUrl',
  'redisUrl',
  'queueDir',
  'queueKey',
  'processingKey',
  'deadKey',
] as const satisfies readonly SettingName[];

/** The settings that say where the data are. */
export const STORAGE_SETTINGS = [
  'dataDir',
  'storageUrl',
  's3Region',
  's3Endpoint',
  's3PathStyle',
  's3Encryption',
  's3KmsKey',
  's3CacheDir',
  's3CacheBytes',
  'retentionDays',
  'retentionFile',
] as const satisfies readonly SettingName[];

/** One flag of a command, besides the settings. */
export interface CommandOption {
  /** Without its dashes. */
  readonly name: string;
  /** What stands for the value in help (`--user USER`); without it the option is a switch. */
  readonly value?: string;
  readonly short?: string;
  readonly about: string;
  readonly required?: boolean;
  readonly repeatable?: boolean;
  /** The only values allowed. */
  readonly choices?: readonly string[];
}

/** The arguments of a command that are no flags. */
interface CommandOperands {
  /** As help shows them: `FILE…`. */
  readonly label: string;
  /** The only values allowed. */
  readonly choices?: readonly string[];
  readonly min: number;
  readonly max: number;
}

/** One command: what help says of it, what it takes, what it does. */
export interface Command {
  /** As typed after `hrm`: `query`, `dlq list`. */
  readonly name: string;
  /** Some sentences for help, which breaks their lines; a blank line parts paragraphs. */
  readonly about: string;
  readonly operands?: CommandOperands;
  readonly options: readonly CommandOption[];
  /** The settings that matter to it: those that its help explains. */
  readonly settings: readonly SettingName[];
  readonly examples: readonly string[];
  /** What the audit log calls it, where it looks at what is here of persons, or changes it. With `--url` the server records that. */
  readonly audit?: AuditAction;
  /**
   * How long the end waits for whoever reads what was said, milliseconds. By default as long as that takes; a service must not
   * be kept by it.
   */
  readonly flushMs?: number;
  /** @returns the kind of outcome, which is the exit code. @throws HrmError */
  run(invocation: Invocation): Promise<'done' | 'data' | 'unavailable'>;
}

/** A command that is loaded when it is used. */
export interface CommandEntry {
  readonly summary: string;
  /** Commands that somebody may want next, for help. */
  readonly seeAlso?: readonly string[];
  load(): Promise<Command>;
}

/** Commands by what is typed after `hrm`. */
export type CommandTable = Readonly<Record<string, CommandEntry>>;

/** The arguments of one call, checked against the command's table. */
export interface ParsedArguments {
  /** The value of an option that takes one. */
  value(name: string): string | undefined;
  /** Every value of a repeatable option. */
  values(name: string): readonly string[];
  /** Whether a switch was given. */
  has(name: string): boolean;
  readonly operands: readonly string[];
  /** The settings given as flags. */
  readonly flags: Readonly<Partial<Record<SettingName, string>>>;
}

/** A stream that is written to; what it says of its terminal only a terminal knows. */
export type OutputStream = Writable &
  Partial<Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'rows'>> & { readonly fd?: number };

/** What surrounds a call. No command reads it from the process itself, so that a call needs no process of its own. */
export interface Surroundings {
  /** Opens standard input. Called where it is read, so that others leave a terminal, or a pipe that they share, alone. */
  readonly stdin: () => Readable;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: NodeJS.ProcessEnv;
  /** What relative paths are relative to; absolute. */
  readonly cwd: string;
  /** Fires when the call is told to stop. */
  readonly signal: AbortSignal;
}

/** What a command gets. */
export interface Invocation extends Surroundings {
  readonly args: ParsedArguments;
  /** Their paths are absolute. */
  readonly settings: Settings;
  /** The config file that was read; `null` where there is none. */
  readonly config: ReadConfigFile | null;
  readonly json: boolean;
  /** What the audit log hears of it; `null` without one. */
  readonly trail: AuditTrail | null;
  /** Standard output, for results. */
  readonly output: Output;
}

/** A wrong use of the command line: what is wrong, and what would be right. */
export interface UsageFault {
  readonly fault: string;
}

/** Options that every command takes. */
export const GLOBAL_OPTIONS: readonly CommandOption[] = [
  { name: 'json', about: 'Print JSON; errors are JSON on standard error.' },
  { name: 'config', value: 'FILE', about: 'Config file; default ./hrm.config.json if there is one.' },
  { name: 'help', short: 'h', about: 'Print this help.' },
];

/** Parses a command's arguments, without the command's own name. Wrong use is a value, not an error. */
export function parseArguments(command: Command, args: readonly string[]): ParsedArguments | UsageFault {
  const settings = SETTINGS.map(({ flag }): CommandOption => ({ name: flag, value: 'VALUE', about: '' }));
  const known = [...command.options, ...GLOBAL_OPTIONS, ...settings];
  const config: ParseConfig = {};
  for (const { name, value, short } of known) {
    config[name] = { type: value === undefined ? 'boolean' : 'string', multiple: true, ...(short && { short }) };
  }
  let parsed: ReturnType<typeof parseStrictly>;
  try {
    parsed = parseStrictly(completeArguments(args, known), config);
  } catch (error) {
    return { fault: explainParseError(error, args, known) };
  }
  const given = new Map<string, readonly (string | boolean)[]>();
  for (const [name, value] of Object.entries(parsed.values)) if (value !== undefined) given.set(name, value);
  const fault = checkOptions(command, known, given) ?? checkOperands(command, parsed.positionals);
  if (fault !== undefined) return { fault };
  const values = (name: string) => (given.get(name) ?? []).filter((value) => typeof value === 'string');
  return {
    value: (name) => values(name)[0],
    values,
    has: (name) => given.has(name),
    operands: parsed.positionals,
    flags: Object.fromEntries(SETTINGS.flatMap(({ name, flag }) => values(flag).map((value) => [name, value]))),
  };
}

/** Whether the argument there is one that every command takes, with its value in the next one: `--data-dir ./data`. */
export function takesNext(args: readonly string[], at: number): boolean {
  const arg = args[at] ?? '';
  if (isSwitch(arg)) return args[at + 1] === 'true' || args[at + 1] === 'false';
  const names = [
    ...GLOBAL_OPTIONS.filter(({ value }) => value !== undefined),
    ...SETTINGS.map(({ flag: name }) => ({ name })),
  ];
  return names.some(({ name }) => arg === `--${name}`);
}

function isSwitch(arg: string): boolean {
  return SETTINGS.some(({ flag, allowed }) => arg === `--${flag}` && allowed === 'true or false');
}

/**
 * `--allow-anonymous` alone means `--allow-anonymous=true`: a setting that is true or false is a switch, too. And `--backfill -1` means
 * `--backfill=-1`: no option is a digit.
 */
function completeArguments(args: readonly string[], known: readonly CommandOption[]): readonly string[] {
  const valued = new Set(known.flatMap(({ name, value }) => (value === undefined ? [] : [`--${name}`])));
  const completed: string[] = [];
  for (const [i, arg] of args.entries()) {
    if (arg === '--') return [...completed, ...args.slice(i)];
    const before = completed.at(-1);
    if (isSwitch(arg) && !takesNext(args, i)) completed.push(`${arg}=true`);
    else if (/^-\d/.test(arg) && before !== undefined && valued.has(before))
      completed.splice(-1, 1, `${before}=${arg}`);
    else completed.push(arg);
  }
  return completed;
}

type ParseConfig = Record<string, { type: 'boolean' | 'string'; multiple: true; short?: string }>;

function parseStrictly(args: readonly string[], options: ParseConfig) {
  return parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
}

function checkOptions(
  command: Command,
  known: readonly CommandOption[],
  given: ReadonlyMap<string, readonly (string | boolean)[]>,
): string | undefined {
  for (const { name, value, repeatable } of known) {
    const count = given.get(name)?.length ?? 0;
    if (count > 1 && value !== undefined && repeatable !== true)
      return `--${name} is given ${count} times: give it once`;
  }
  for (const { name, value, choices, required } of command.options) {
    const values = given.get(name) ?? [];
    if (required === true && values.length === 0) return `--${name} ${value} is missing`;
    if (values.includes('')) return `--${name} must not be empty`;
    const wrong = values.find((text) => choices !== undefined && !choices.includes(String(text)));
    if (wrong !== undefined) return `--${name} is ${JSON.stringify(wrong)}: it must be one of ${choices?.join(', ')}`;
  }
  return undefined;
}

function checkOperands({ name, operands }: Command, given: readonly string[]): string | undefined {
  const { label = '', min = 0, max = 0 } = operands ?? {};
  if (given.length < min) return `${label} is missing`;
  const wrong = given.find((text) => operands?.choices?.includes(text) === false);
  if (wrong !== undefined)
    return `${label} is ${JSON.stringify(wrong)}: it must be one of ${operands?.choices?.join(', ')}`;
  if (given.length <= max) return undefined;
  return `unexpected argument ${JSON.stringify(given[max])}: hrm ${name} takes ${max === 0 ? 'only options' : `one ${label}`}`;
}

function explainParseError(error: unknown, args: readonly string[], known: readonly CommandOption[]): string {
  if (!(error instanceof Error) || !('code' in error)) throw error;
  if (error.code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') return explainValueError(error.message, known);
  if (error.code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return error.message.split('\n')[0] ?? '';
  const names = known.map(({ name }) => name);
  const given = args.map((arg) => /^(--?)([^=]+)/.exec(arg));
  const unknown = given.find((match) => match?.[2] !== undefined && match[0] !== '-h' && !names.includes(match[2]));
  return unknownName(`option ${unknown?.[0] ?? ''}`, unknown?.[2] ?? '', names, '--');
}

/** In place of Node's words, of which only the option's name is of use. */
function explainValueError(message: string, known: readonly CommandOption[]): string {
  const name = /--([\w-]+)/.exec(message)?.[1] ?? '';
  const value = known.find((option) => option.name === name)?.value;
  if (value === undefined) return `--${name} takes no value`;
  return `--${name} ${value} has no value; one that begins with a dash is written --${name}=-…`;
}

/** `unknown option --usr: did you mean --user?` */
export function unknownName(what: string, given: string, names: readonly string[], prefix = ''): string {
  const meant = nearest(given, names);
  return `unknown ${what}${meant === undefined ? '' : `: did you mean ${prefix}${meant}?`}`;
}
