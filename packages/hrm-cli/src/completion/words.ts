import { SETTINGS } from 'hrm-core/settings';
import { type Command, type CommandOption, type CommandTable, GLOBAL_OPTIONS } from '../command.js';

/** What may follow an option: nothing, since it is a switch; a path; one of some words; or what nobody can guess. */
export type Values = 'none' | 'file' | 'directory' | 'unknown' | readonly string[];

/** One option, as shells offer it. */
interface OfferedOption {
  /** With its dashes. */
  readonly flag: string;
  readonly values: Values;
  readonly isRepeatable: boolean;
  /** One line, for shells that show it. */
  readonly about: string;
}

/** One command, as shells offer it. */
export interface OfferedCommand {
  /** `query`, `dlq list`. */
  readonly name: string;
  readonly about: string;
  readonly options: readonly OfferedOption[];
  readonly operands: Values;
}

/** Options and operands whose value is the name of a file. */
const FILES: readonly string[] = ['FILE', 'FILE…'];

/** Everything that can be completed. What is stored is not: ids are nobody's business, and a disk may be slow. */
export async function offeredCommands(table: CommandTable): Promise<readonly OfferedCommand[]> {
  const commands: OfferedCommand[] = [];
  for (const [name, { summary, load }] of Object.entries(table)) {
    const command = await load();
    const options = [...command.options, ...GLOBAL_OPTIONS].map(offeredOption);
    commands.push({ name, about: summary, options: [...options, ...settingOptions()], operands: operandsOf(command) });
  }
  return commands;
}

function offeredOption({ name, value, choices, repeatable = false, about }: CommandOption): OfferedOption {
  const [line = ''] = about.split('\n');
  return { flag: `--${name}`, values: valuesOf(value, choices), isRepeatable: repeatable, about: line };
}

function operandsOf({ operands }: Command): Values {
  return operands === undefined ? 'none' : valuesOf(operands.label, operands.choices);
}

function valuesOf(value: string | undefined, choices: readonly string[] | undefined): Values {
  if (choices !== undefined) return choices;
  if (value === undefined) return 'none';
  return FILES.includes(value) ? 'file' : 'unknown';
}

function settingOptions(): OfferedOption[] {
  return SETTINGS.map(({ flag, allowed, about }) => {
    return { flag: `--${flag}`, values: allowedValues(allowed), isRepeatable: false, about };
  });
}

/** What a setting allows, where its own words say so in a form that can be offered. */
function allowedValues(allowed: string): Values {
  if (allowed === 'a directory') return 'directory';
  if (allowed === 'a file') return 'file';
  return /^\w+(?:, \w+)* or \w+$/.test(allowed) ? allowed.split(/, | or /) : 'unknown';
}

/** The words that may stand first after `hrm`, and of each group (`dlq`) the second ones. */
export function firstWords(commands: readonly OfferedCommand[]): ReadonlyMap<string, readonly OfferedCommand[]> {
  const words = new Map<string, readonly OfferedCommand[]>();
  for (const command of commands) {
    const [first = ''] = command.name.split(' ');
    words.set(first, [...(words.get(first) ?? []), command]);
  }
  return words;
}

/** Whether a first word is a group's. */
export function isGroup(commands: readonly OfferedCommand[]): boolean {
  return commands.some(({ name }) => name.includes(' '));
}

/** The flags that may stand before a command, and have their value in the next word. */
export function valuedFlags(): readonly string[] {
  const valued = GLOBAL_OPTIONS.flatMap(({ name, value }) => (value === undefined ? [] : [`--${name}`]));
  const settings = SETTINGS.filter(({ allowed }) => allowed !== 'true or false').map(({ flag }) => `--${flag}`);
  return [...valued, ...settings];
}
