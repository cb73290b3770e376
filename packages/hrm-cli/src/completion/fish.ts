import { firstWords, isGroup, type OfferedCommand, type Values } from './words.js';

/** Completions for fish 3 and newer, with what each word is for. */
export function fishCompletion(commands: readonly OfferedCommand[]): string {
  const lines = [
    '# Completions of hrm for fish. Use: hrm completion fish | source',
    'complete -c hrm -f',
    'function __hrm_at',
    '    set -l words (string match -v -- "-*" (commandline -opc)[2..-1])',
    '    contains -- "$argv" "$words[1]" "$words[1] $words[2]"',
    'end',
    'function __hrm_no_command',
    '    test -z (string match -v -- "-*" (commandline -opc)[2..-1])[1]',
    'end',
  ];
  for (const [first, members] of firstWords(commands)) {
    const about = isGroup(members)
      ? members.map(({ name }) => name.slice(first.length + 1)).join(', ')
      : members[0]?.about;
    lines.push(`complete -c hrm -n __hrm_no_command -a ${first} -d ${quoted(about ?? '')}`);
    if (!isGroup(members)) continue;
    for (const { name, about: what } of members) {
      const second = name.slice(first.length + 1);
      lines.push(
        `complete -c hrm -n ${quoted(`__hrm_at ${first}; and not __hrm_at ${name}`)} -a ${second} -d ${quoted(what)}`,
      );
    }
  }
  for (const { name, options, operands } of commands) {
    const at = `-n ${quoted(`__hrm_at ${name}`)}`;
    for (const { flag, values, about } of options) {
      lines.push(`complete -c hrm ${at} -l ${flag.slice(2)} ${offer(values)}-d ${quoted(about)}`);
    }
    if (operands === 'file') lines.push(`complete -c hrm ${at} -F`);
    else if (typeof operands !== 'string') lines.push(`complete -c hrm ${at} -a ${quoted(operands.join(' '))}`);
  }
  return `${lines.join('\n')}\n`;
}

function offer(values: Values): string {
  if (values === 'none') return '';
  if (values === 'file') return '-r -F ';
  if (values === 'directory') return "-x -a '(__fish_complete_directories)' ";
  return typeof values === 'string' ? '-x ' : `-x -a ${quoted(values.join(' '))} `;
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
