import { firstWords, isGroup, type OfferedCommand, type Values, valuedFlags } from './words.js';

/**
 * Completions for bash 4 and newer. Every word in it is from the command table: letters, digits and
 * dashes, so that nothing needs quotes.
 */
export function bashCompletion(commands: readonly OfferedCommand[]): string {
  const words = firstWords(commands);
  const groups = [...words].filter(([, members]) => isGroup(members));
  return `# Completions of hrm for bash. Use: eval "$(hrm completion bash)"
_hrm_paths() {
  local IFS=$'\\n'
  compopt -o filenames 2> /dev/null
  COMPREPLY=($(compgen "$1" -- "$current"))
}
_hrm() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before='' command='' skip='' word at
  COMPREPLY=()
  # Bash splits --flag=value at the equals sign.
  if [ "$current" = '=' ]; then
    current=''
    before="\${COMP_WORDS[COMP_CWORD-1]}"
  elif [ "$COMP_CWORD" -gt 1 ]; then
    before="\${COMP_WORDS[COMP_CWORD-1]}"
    if [ "$before" = '=' ]; then before="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  fi
  for ((at = 1; at < COMP_CWORD; at += 1)); do
    word="\${COMP_WORDS[at]}"
    if [ -n "$skip" ]; then skip=''; continue; fi
    case "$command:$word" in
      ${valuedFlags()
        .map((flag) => `:${flag}`)
        .join('|')}) skip=yes ;;
      *:-*) ;;
${groups.map(([first]) => `      ${first}:*) command="${first} $word"; break ;;\n`).join('')}      :*) command="$word" ;;
    esac
  done
  case "$command" in
    '') COMPREPLY=($(compgen -W '${[...words.keys(), '--help', '--version'].join(' ')}' -- "$current")) ;;
${groups.map(groupCase).join('')}${commands.map(commandCase).join('')}  esac
}
complete -o bashdefault -F _hrm hrm
`;
}

function groupCase([first, members]: readonly [string, readonly OfferedCommand[]]): string {
  const seconds = members.map(({ name }) => name.slice(first.length + 1));
  return `    ${first}) COMPREPLY=($(compgen -W '${seconds.join(' ')} --help' -- "$current")) ;;\n`;
}

function commandCase({ name, options, operands }: OfferedCommand): string {
  const valued = new Map<string, string[]>();
  for (const { flag, values } of options) {
    if (values === 'none') continue;
    const reply = replyOf(values);
    valued.set(reply, [...(valued.get(reply) ?? []), flag]);
  }
  const cases = [...valued].map(([reply, flags]) => `        ${flags.join('|')}) ${reply}return ;;\n`);
  return `    '${name}')
      case "$before" in
${cases.join('')}      esac
      case "$current" in
        -*) COMPREPLY=($(compgen -W '${options.map(({ flag }) => flag).join(' ')}' -- "$current")) ;;
        *) ${replyOf(operands)};;
      esac
      ;;
`;
}

/** Shell words, each with its end, that offer values. */
function replyOf(values: Values): string {
  if (values === 'file') return '_hrm_paths -f; ';
  if (values === 'directory') return '_hrm_paths -d; ';
  return typeof values === 'string' ? '' : `COMPREPLY=($(compgen -W '${values.join(' ')}' -- "$current")); `;
}
