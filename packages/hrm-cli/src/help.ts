import { SETTINGS, type SettingDescription } from 'hrm-core/settings';
import { type Command, type CommandOption, GLOBAL_OPTIONS } from './command.js';
import { EXIT_CODES } from './exit-codes.js';

/** The help of one command: usage, what it does, options with defaults and environment variables, examples, exit codes. */
export function commandHelp(command: Command): string {
  const settings = SETTINGS.filter(({ name }) => command.settings.includes(name));
  return [
    `Usage: ${usageLine(command)}`,
    command.about,
    `Options:\n${columns([...command.options, ...GLOBAL_OPTIONS].map((option) => [spell(option), aboutOption(option)]))}`,
    settingsHelp(settings),
    `Examples:\n${command.examples.map((example) => `  ${example}\n`).join('')}`,
    exitCodesHelp(),
  ]
    .join('\n\n')
    .replace(/\n{3,}/g, '\n\n');
}

/** The help of `hrm` itself, or of a group (`hrm dlq`). */
export function overviewHelp(usage: string, about: string, commands: readonly (readonly [string, string])[]): string {
  return [
    `Usage: ${usage}`,
    about,
    `Commands:\n${columns(commands)}`,
    `Options:\n${columns([...GLOBAL_OPTIONS, VERSION_OPTION].map((option) => [spell(option), option.about]))}`,
    'Every command takes every setting as a flag; hrm serve --help lists them all.\n',
    exitCodesHelp(),
  ]
    .join('\n\n')
    .replace(/\n{3,}/g, '\n\n');
}

const VERSION_OPTION: CommandOption = { name: 'version', about: 'Print the version of hrm.' };

function usageLine({ name, options, operands }: Command): string {
  const flags = options.map((option) => {
    const text = option.value === undefined ? `--${option.name}` : `--${option.name} ${option.value}`;
    return option.required === true ? text : `[${text}]${option.repeatable === true ? '…' : ''}`;
  });
  const label = operands === undefined ? [] : [operands.min > 0 ? operands.label : `[${operands.label}]`];
  return ['hrm', name, ...flags, ...label, '[options]'].join(' ');
}

function spell({ name, short, value }: CommandOption): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
}

function aboutOption({ about, choices, required, repeatable }: CommandOption): string {
  const notes = [
    ...(required === true ? ['required'] : []),
    ...(repeatable === true ? ['repeatable'] : []),
    ...(choices === undefined ? [] : [`one of ${choices.join(', ')}`]),
  ];
  return notes.length === 0 ? about : `${about} (${notes.join('; ')})`;
}

function settingsHelp(settings: readonly SettingDescription[]): string {
  const rows = settings.flatMap(({ flag, variable, fallback, allowed, about }) => [
    [`--${flag} VALUE`, about] as const,
    ['', `${variable}, default ${fallback}; ${allowed}`] as const,
  ]);
  const rest = settings.length === SETTINGS.length ? '' : '  The other settings are taken too: see hrm serve --help.\n';
  return `Settings (flag, then environment variable, then config file, then default):\n${columns(rows)}${rest}`;
}

function exitCodesHelp(): string {
  return `Exit codes:\n${columns(EXIT_CODES.map(({ code, meaning }) => [String(code), meaning]))}`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join('');
}
