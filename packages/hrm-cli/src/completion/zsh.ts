import { firstWords, isGroup, type OfferedCommand, type Values, valuedFlags } from './words.js';

/** Completions for zsh 5 and newer, with what each word is for. */
export function zshCompletion(commands: readonly OfferedCommand[]): string {
  const words = [...firstWords(commands)];
  const firsts = words.map(([first, members]) => {
    const about = isGroup(members)
      ? members.map(({ name }) => name.slice(first.length + 1)).join(', ')
      : members[0]?.about;
    return described(first, about ?? '');
  });
  const groups = words.filter(([, members]) => isGroup(members));
  return `# Completions of hrm for zsh. Use: eval "$(hrm completion zsh)"
(( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit }
_hrm() {
  local at=2 command
  local -a offered
  while (( at < CURRENT )) && [[ $words[at] == -* ]]; do
    case $words[at] in
      (${valuedFlags().join('|')}) (( at += 2 )) ;;
      (*) (( at += 1 )) ;;
    esac
  done
  if (( at > CURRENT )); then
    _files
    return
  fi
  if (( at == CURRENT )); then
    offered=(${[...firsts, described('--help', 'Print help.'), described('--version', 'Print the version.')].join(' ')})
    _describe command offered
    return
  fi
  command=$words[at]
${groups.map(groupCase).join('')}  shift $(( at - 1 )) words
  (( CURRENT -= at - 1 ))
  case $command in
${commands.map(commandCase).join('')}  esac
}
compdef _hrm hrm
`;
}

function groupCase([first, members]: readonly [string, readonly OfferedCommand[]]): string {
  const seconds = members.map(({ name, about }) => described(name.slice(first.length + 1), about));
  return `  if [[ $command == ${first} ]]; then
    (( at += 1 ))
    if (( at == CURRENT )); then
      offered=(${seconds.join(' ')})
      _describe command offered
      return
    fi
    command+=" $words[at]"
  fi
`;
}

function commandCase({ name, options, operands }: OfferedCommand): string {
  const specs = options.map(({ flag, values, isRepeatable, about }) => {
    const text = `${isRepeatable ? '*' : ''}${flag}${values === 'none' ? '' : '='}[${bracketed(about)}]`;
    return quoted(values === 'none' ? text : `${text}:${flag.slice(2)}:${actionOf(values)}`);
  });
  const rest = operands === 'none' ? [] : [quoted(`*:argument:${actionOf(operands)}`)];
  return `    (${quoted(name)}) _arguments ${[...specs, ...rest].join(' ')} ;;
`;
}

/** What offers values; a blank offers none. */
function actionOf(values: Values): string {
  if (values === 'file') return '_files';
  if (values === 'directory') return '_files -/';
  return typeof values === 'string' ? ' ' : `(${values.join(' ')})`;
}

function described(word: string, about: string): string {
  return quoted(`${word}:${about.replaceAll('\\', '\\\\')}`);
}

/** A text inside the brackets of a specification. */
function bracketed(text: string): string {
  return text.replace(/[\\[\]]/g, '\\$&');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
