/**
 * Help as manuals have it: sections with headings, bold on a terminal, wrapped to its width.
 */
import { SETTINGS, type SettingDescription } from 'hrm-core/settings';
import { type Command, type CommandOption, GLOBAL_OPTIONS } from './command.js';
import { CUT_OFF, EXIT_CODES } from './exit-codes.js';
import { styled, type Terminal } from './output/terminal.js';

/** Longer lines are hard to read. */
const MAX_WIDTH = 100;

/** Columns that an option and its value may take beside their explanation; longer ones stand on a line of their own. */
const MAX_LEFT = 26;

/** What help knows of a command besides its own table. */
export interface HelpContext {
  /** One line. */
  readonly summary: string;
  /** Commands that somebody may want next. */
  readonly seeAlso: readonly string[];
  readonly terminal: Terminal;
}

/** The help of one command. */
export function commandHelp(command: Command, { summary, seeAlso, terminal }: HelpContext): string {
  const settings = SETTINGS.filter(({ name }) => command.settings.includes(name));
  const options = [...command.options, ...GLOBAL_OPTIONS].map(
    (option) => [spell(option), aboutOption(option)] as const,
  );
  const also = [...seeAlso.map((name) => `hrm ${name} --help`), 'hrm --help'].join(', ');
  const width = Math.min(MAX_WIDTH, terminal.width);
  return sections(terminal, [
    ['NAME', indented(`hrm ${command.name} - ${summary}`, width)],
    ['USAGE', wrap(usageLine(command), width, '  ', '      ')],
    [
      'DESCRIPTION',
      command.about
        .split('\n\n')
        .map((paragraph) => indented(paragraph, width))
        .join('\n'),
    ],
    ['OPTIONS', columns(options, width)],
    ['SETTINGS', settingsHelp(settings, width)],
    ['EXAMPLES', command.examples.map((example) => `  ${example}\n`).join('')],
    ['EXIT STATUS', exitCodesHelp(width)],
    ['SEE ALSO', indented(also, width)],
  ]);
}

/** The help of `hrm` itself, or of a group (`hrm dlq`). */
export function overviewHelp(
  usage: string,
  about: string,
  commands: readonly (readonly [string, string])[],
  terminal: Terminal,
): string {
  const width = Math.min(MAX_WIDTH, terminal.width);
  const options = [...GLOBAL_OPTIONS, VERSION_OPTION].map((option) => [spell(option), option.about] as const);
  const note = 'Every command takes every setting as a flag; hrm serve --help lists them all.';
  return sections(terminal, [
    ['USAGE', indented(usage, width)],
    ['DESCRIPTION', indented(about, width)],
    ['COMMANDS', columns(commands, width)],
    ['OPTIONS', `${columns(options, width)}\n${indented(note, width)}`],
    ['EXIT STATUS', exitCodesHelp(width)],
  ]);
}

const VERSION_OPTION: CommandOption = { name: 'version', about: 'Print the version of hrm.' };

function sections(terminal: Terminal, parts: readonly (readonly [heading: string, text: string])[]): string {
  return parts
    .filter(([, text]) => text !== '')
    .map(([heading, text]) => `${styled(heading, 'bold', terminal)}\n${text}`)
    .join('\n');
}

/** The call of a command, in one line. */
export function usageLine({ name, options, operands }: Command): string {
  const flags = options.map((option) => {
    const text = option.value === undefined ? `--${option.name}` : `--${option.name} ${option.value}`;
    return option.required === true ? text : `[${text}]${option.repeatable === true ? '…' : ''}`;
  });
  const label = operands === undefined ? [] : [operands.min > 0 ? operands.label : `[${operands.label}]`];
  return ['hrm', name, ...flags, ...label, '[options]'].join(' ');
}

/** An option with its value: `--user U`. */
export function spell({ name, short, value }: CommandOption): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
}

/** What an option is for, and what it takes. */
export function aboutOption({ about, choices, required, repeatable }: CommandOption): string {
  const notes = [
    ...(required === true ? ['required'] : []),
    ...(repeatable === true ? ['repeatable'] : []),
    ...(choices === undefined ? [] : [`one of ${choices.join(', ')}`]),
  ];
  return notes.length === 0 ? about : `${about} (${notes.join('; ')})`;
}

function settingsHelp(settings: readonly SettingDescription[], width: number): string {
  if (settings.length === 0) return '';
  const order = indented('A flag, then the environment variable, then the config file, then the default.', width);
  const rows = settings.map(
    ({ flag, variable, fallback, allowed, about }) =>
      [`--${flag} VALUE`, `${about}\n${variable}, default ${fallback}; ${allowed}`] as const,
  );
  const rest = indented('The other settings are taken too: see hrm serve --help.', width);
  return order + columns(rows, width) + (settings.length === SETTINGS.length ? '' : rest);
}

function exitCodesHelp(width: number): string {
  const own = EXIT_CODES.map(({ code, meaning }) => [String(code), meaning] as const);
  return columns([...own, ...CUT_OFF], width);
}

/** Two columns; the right one keeps its own lines, and is wrapped. */
function columns(rows: readonly (readonly [string, string])[], width: number): string {
  const left = Math.min(MAX_LEFT, Math.max(...rows.map(([text]) => text.length)));
  const margin = ' '.repeat(left + 4);
  return rows
    .map(([name, text]) => {
      const lines = text
        .split('\n')
        .map((line) => wrap(line, width, margin, margin))
        .join('');
      return name.length > left ? `  ${name}\n${lines}` : `  ${name.padEnd(left)}${lines.slice(left + 2)}`;
    })
    .join('');
}

function indented(text: string, width: number): string {
  return wrap(text, width, '  ', '  ');
}

/** Breaks between words, never in one. Every line with its end. */
function wrap(text: string, width: number, first: string, others: string): string {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = others;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return `${[...lines, line].join('\n')}\n`;
}
