import { type Command, type CommandOption, GLOBAL_OPTIONS } from '../../packages/hrm-cli/src/command.js';
import { COMMANDS, GROUPS } from '../../packages/hrm-cli/src/commands.js';
import { CUT_OFF, EXIT_CODES } from '../../packages/hrm-cli/src/exit-codes.js';
import { aboutOption, spell, usageLine } from '../../packages/hrm-cli/src/help.js';
import { SETTINGS } from '../../packages/hrm-core/src/settings.js';
import { codes, fenced, list, page, table } from './markdown.js';

const INTRO = `\`hrm COMMAND --help\` shows the same in the terminal. In the repository, \`hrm\` is \`npm exec --no -- hrm\`.
Options stand before or behind the command. Every command takes every [setting](settings.md) as a flag.`;

/** The page of the command line. */
export async function cliPage(): Promise<string> {
  const summaries = Object.entries(COMMANDS).map(([name, { summary }]) => [
    `[\`hrm ${name}\`](#hrm-${name.replace(' ', '-')})`,
    summary,
  ]);
  const sections: string[] = [];
  for (const { summary, load } of Object.values(COMMANDS)) sections.push(section(summary, await load()));
  return page(
    '# Command line',
    INTRO,
    table(['command', 'what it does'], summaries),
    list(Object.entries(GROUPS).map(([name, about]) => `\`hrm ${name}\`: ${about}`)),
    '## Options of every command',
    optionTable(GLOBAL_OPTIONS),
    '## Exit codes',
    table(
      ['code', 'meaning'],
      [...EXIT_CODES.map(({ code, meaning }) => [String(code), meaning]), ...CUT_OFF.map((row) => [...row])],
    ),
    ...sections,
  );
}

function section(summary: string, command: Command): string {
  const { name, about, options, settings, examples } = command;
  return page(
    `## hrm ${name}`,
    summary,
    fenced('sh', usageLine(command)),
    about,
    options.length === 0 ? '' : optionTable(options),
    settingsText(settings),
    fenced('sh', examples.join('\n')),
  ).trimEnd();
}

function settingsText(names: Command['settings']): string {
  const variables = SETTINGS.filter(({ name }) => names.includes(name)).map(({ variable }) => variable);
  if (variables.length === 0) return '';
  if (variables.length === SETTINGS.length) return 'All settings matter to it.';
  return `Settings that matter to it:\n\n${codes(variables)}`;
}

function optionTable(options: readonly CommandOption[]): string {
  return table(
    ['option', 'what it does'],
    options.map((option) => [`\`${spell(option)}\``, aboutOption(option)]),
  );
}
