import type { Command, CommandTable } from '../command.js';
import { bashCompletion } from '../completion/bash.js';
import { fishCompletion } from '../completion/fish.js';
import { offeredCommands } from '../completion/words.js';
import { zshCompletion } from '../completion/zsh.js';

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

/** `hrm completion`, of these commands. */
export function createCompletionCommand(table: CommandTable): Command {
  return {
    name: 'completion',
    about:
      'Prints a program for a shell: with it, the tab key completes commands, options and their values. ' +
      "It knows this version's own commands. It offers nothing that is stored. " +
      'It completes the word hrm, so hrm must be on the path: npm link -w packages/hrm-cli in the repository does that.',
    operands: { label: 'SHELL', min: 1, max: 1, choices: Object.keys(SHELLS) },
    options: [],
    settings: [],
    examples: [
      'eval "$(hrm completion bash)"    # in ~/.bashrc',
      'eval "$(hrm completion zsh)"    # in ~/.zshrc',
      'hrm completion fish > ~/.config/fish/completions/hrm.fish',
    ],
    async run({ args, json, output }) {
      // The table of operands admits no other.
      const shell = args.operands[0] as keyof typeof SHELLS;
      const script = SHELLS[shell](await offeredCommands(table));
      await output.write(json ? `${JSON.stringify({ shell, script })}\n` : script);
      return 'done';
    },
  };
}
