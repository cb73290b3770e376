import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SETTINGS } from 'hrm-core/settings';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../src/commands.js';
import { makeSandbox, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
let script: string;
beforeAll(async () => {
  sandbox = await makeSandbox();
  const { code, stdout, stderr } = await sandbox.run(['completion', 'bash']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  script = join(sandbox.directory, 'completion.bash');
  await writeFile(script, stdout);
  await mkdir(join(sandbox.directory, 'some dir'));
  await writeFile(join(sandbox.directory, 'some file.csv'), '');
});
afterAll(() => sandbox.remove());

/** What a real bash offers for the last of these words, which it has split as it does. */
function offered(...words: string[]): string[] {
  const program = `
    source "$1"; shift
    COMP_WORDS=(hrm "$@"); COMP_CWORD=$#
    _hrm
    printf '%s\\n' "\${COMPREPLY[@]}"
  `;
  const options = { cwd: sandbox.directory, encoding: 'utf8', timeout: 60_000 } as const;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', program, 'bash', script, ...words], options);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((word) => word !== '');
}

describe('hrm completion bash', () => {
  it('offers every command, and those of a group', () => {
    const firsts = new Set(Object.keys(COMMANDS).map((name) => name.split(' ')[0] ?? ''));
    expect(offered('')).toEqual([...firsts, '--help', '--version']);
    expect(offered('que')).toEqual(['query', 'queue']);
    expect(offered('--json', 'dr')).toEqual(['drain']);
    expect(offered('--config', 'x', 'dr')).toEqual(['drain']);
    expect(offered('--data-dir', './d', 'dr')).toEqual(['drain']);
    expect(offered('dlq', '')).toEqual(['list', 'show', 'redrive', 'purge', '--help']);
    expect(offered('dlq', 'r')).toEqual(['redrive']);
  });

  it('offers the options of each command, as its table has them, and the settings', async () => {
    for (const [name, { load }] of Object.entries(COMMANDS)) {
      const { options } = await load();
      const flags = offered(...name.split(' '), '--');
      for (const option of options) expect(flags).toContain(`--${option.name}`);
      for (const { flag } of SETTINGS) expect(flags).toContain(`--${flag}`);
      expect(flags).toContain('--help');
    }
    expect(offered('query', '--user', 'ana', '--fo')).toEqual(['--format']);
    expect(offered('dlq', 'purge', '--all')).toEqual(['--all', '--allow-anonymous', '--allowed-hosts']);
    expect(offered('drain', '--user')).toEqual([]);
  });

  it('offers the values that an option or a setting allows, also behind an equals sign', () => {
    const formats = ['table', 'json', 'ndjson', 'csv', 'fhir', 'fhir-ndjson', 'omh'];
    expect(offered('query', '--format', '')).toEqual(formats);
    expect(offered('query', '--format', '=')).toEqual(formats);
    expect(offered('export', '--format', '=', 'p')).toEqual(['parquet']);
    expect(offered('serve', '--only', 'c')).toEqual(['consumer', 'compacter']);
    expect(offered('serve', '--log-level', 'd')).toEqual(['debug']);
    expect(offered('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  });

  it('offers files and directories where those belong, with blanks in their names, and nothing for ids', () => {
    expect(offered('import', 'some').sort()).toEqual(['some dir', 'some file.csv']);
    expect(offered('query', '--output', 'some').sort()).toEqual(['some dir', 'some file.csv']);
    expect(offered('serve', '--data-dir', 'some')).toEqual(['some dir']);
    expect(offered('query', '--user', '')).toEqual([]);
    expect(offered('dlq', 'show', '')).toEqual([]);
  });
});

/** What a real zsh shows when the tab key is pressed behind a line; it is waited for until it has shown `expected`. */
function shownByZsh(line: string, expected: string): string {
  const program = `
    zmodload zsh/zpty
    zpty z zsh -f -i
    zpty -w z 'PS1=; autoload -Uz compinit; compinit -u -D; LISTMAX=1000; eval "$(<"'$1'")"; print READY$((1 + 1))'
    zpty -r -m z text '*READY2*'
    zpty -w -n z "$2"$'\t'
    shown=
    # Compared without escape sequences, which paint as they like.
    for i in {1..400}; do
      while zpty -r -t z text; do shown+=$text; done
      [[ $shown == *"$3"* ]] && break
      sleep 0.05
    done
    zpty -d z
    print -r -- "$shown"
  `;
  const options = { cwd: sandbox.directory, encoding: 'utf8', timeout: 60_000 } as const;
  return spawnSync('zsh', ['-fc', program, 'zsh', join(sandbox.directory, 'c.zsh'), line, expected], options).stdout;
}

const hasZsh = spawnSync('zsh', ['--version']).status === 0;

describe.runIf(hasZsh)('hrm completion zsh', () => {
  beforeAll(async () => {
    await writeFile(join(sandbox.directory, 'c.zsh'), (await sandbox.run(['completion', 'zsh'])).stdout);
  });

  it.each([
    ['hrm ', 'Store what is queued: one batch, or all.'],
    ['hrm --data-dir ./d keys ', 'Take API keys away.'],
    ['hrm query --format=', 'ndjson'],
    ['hrm query --fo', 'rmat'],
    ['hrm dlq list --', 'Where the Parquet files are'],
    ['hrm completion ', 'fish'],
    ['hrm import some\\ f', 'file.csv'],
  ])('offers for %j what belongs there, with what it is for', (line, expected) => {
    expect(shownByZsh(line, expected)).toContain(expected);
  });
});

describe('hrm completion', () => {
  it.each(['zsh', 'fish'])('for %s has every command and option too', async (shell) => {
    const { code, stdout } = await sandbox.run(['completion', shell]);
    expect(code).toBe(0);
    for (const [name, { load }] of Object.entries(COMMANDS)) {
      for (const word of name.split(' ')) expect(stdout).toContain(word);
      for (const option of (await load()).options) {
        expect(stdout).toMatch(new RegExp(`(?:--|-l )${option.name}\\b`));
      }
    }
  });

  it('is JSON with --json', async () => {
    const { stdout } = await sandbox.run(['completion', 'fish', '--json']);
    const { shell, script: text } = JSON.parse(stdout);
    expect(shell).toBe('fish');
    expect(text).toBe((await sandbox.run(['completion', 'fish'])).stdout);
  });

  it('of another shell is refused', async () => {
    const { code, stderr } = await sandbox.run(['completion', 'tcsh']);
    expect(code).toBe(2);
    expect(stderr).toContain('SHELL is "tcsh": it must be one of bash, zsh, fish');
    expect((await sandbox.run(['completion'])).code).toBe(2);
  });
});
