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
  const options = { cwd: sandbox.directory, encoding: 'utf8', timeout: 10_000 } as const;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', program, 'bash', script, ...words], options);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((word) => word !== '');
}

describe('hrm completion bash', () => {
  it('offers every command, and those of a group', () => {
    const firsts = new Set(Object.keys(COMMANDS).map((name) => name.split(' ')[0] ?? ''));
    expect(offered('')).toEqual([...firsts, '--help', '--version']);
    expect(offered('qu')).toEqual(['query']);
    expect(offered('--json', 'dr')).toEqual(['drain']);
    expect(offered('--config', 'x', 'dr')).toEqual(['drain']);
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
    expect(offered('dlq', 'purge', '--al')).toEqual(['--all', '--allow-anonymous', '--allowed-hosts']);
    expect(offered('drain', '--user')).toEqual([]);
  });

  it('offers the values that an option or a setting allows, also behind an equals sign', () => {
    const formats = ['table', 'json', 'csv', 'ndjson', 'parquet'];
    expect(offered('query', '--format', '')).toEqual(formats);
    expect(offered('query', '--format', '=')).toEqual(formats);
    expect(offered('query', '--format', '=', 'p')).toEqual(['parquet']);
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
