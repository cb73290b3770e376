/**
 * Does what `docker build` does, in directories instead of images: enough to show that the files which a Dockerfile copies
 * are all that its commands and the finished program need. It knows the instructions that ours uses, and no others.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { linkInstalled } from './installed.js';
import { KNOWN_BUILDS } from './known-builds.js';

/** One instruction, continuation lines joined. */
interface Instruction {
  readonly name: string;
  readonly args: string;
}

/** One `FROM … AS name` and what follows it. */
export interface Stage {
  readonly name: string;
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

/** The stages of a Dockerfile, in order. @throws on a line that is no instruction. */
export function parseDockerfile(text: string): readonly Stage[] {
  const lines = text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: { name: string; from: string; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const [, name = '', args = ''] = /^([A-Z]+)\s+(.*)$/.exec(line.trim()) ?? [];
    if (name === 'FROM') {
      const [, from = '', stage = ''] = /^(\S+)\s+AS\s+(\S+)$/.exec(args) ?? [];
      stages.push({ name: stage, from, instructions: [] });
    } else if (name === '') throw new Error(`no instruction: ${line}`);
    else stages.at(-1)?.instructions.push({ name, args: args.replace(/\s+/g, ' ') });
  }
  return stages;
}

/**
 * Copies what `.dockerignore` lets through: a list where the last pattern that fits a path, or a directory above it, has
 * the last word, `!` takes it in, and `*` stands for any name.
 */
export async function copyContext(root: string, dockerignore: string, to: string): Promise<void> {
  const rules = dockerignore
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({
      taken: line.startsWith('!'),
      pattern: new RegExp(`^${line.replace(/^!/, '').replaceAll('.', '\\.').replaceAll('*', '[^/]*')}(/|$)`),
    }));
  const files = await promisify(execFile)('git', ['ls-files', '-z', '-co', '--exclude-standard'], { cwd: root });
  // What git ignores is looked at too where it could slip in: a data directory, an installation, a local build.
  const ignored = ['data/a', '.env', 'node_modules/a', 'packages/hrm-core/dist/a', 'packages/hrm-core/node_modules/a'];
  function isTaken(file: string): boolean {
    return rules.findLast(({ pattern }) => pattern.test(file))?.taken ?? true;
  }
  if (ignored.some(isTaken)) throw new Error('.dockerignore lets through what it should not');
  for (const file of files.stdout.split('\0').filter((name) => name !== '' && isTaken(name))) {
    await cp(path.join(root, file), path.join(to, file));
  }
}

/** Builds every stage under `images/<stage>`; runs the commands that begin with `npm`, and no others. */
export async function buildStages(stages: readonly Stage[], context: string, images: string): Promise<void> {
  for (const { name, from, instructions } of stages) {
    const image = path.join(images, name);
    await mkdir(image, { recursive: true });
    const isStage = stages.some((stage) => stage.name === from);
    if (isStage) await cp(path.join(images, from), image, { recursive: true, verbatimSymlinks: true });
    let workDirectory = isStage ? '/app' : '/';
    for (const { name: instruction, args } of instructions) {
      if (instruction === 'WORKDIR') workDirectory = args;
      const here = path.join(image, workDirectory);
      await mkdir(here, { recursive: true });
      if (instruction === 'COPY') await copy(args, { context, images, here });
      // The tools are many, and here already; what the image keeps is installed from nothing.
      if (instruction === 'RUN' && /^npm install (?!.*--omit)/.test(args)) await linkInstalled(here);
      if (instruction === 'RUN' && args.startsWith('npm ')) await run(args, here);
    }
  }
}

async function copy(args: string, { context, images, here }: Record<'context' | 'images' | 'here', string>) {
  const words = args.split(' ');
  const from = /^--from=(\S+)$/.exec(words[0] ?? '')?.[1];
  if (from !== undefined) words.shift();
  const to = words.pop() ?? '';
  for (const source of words) {
    const start = path.join(from === undefined ? context : path.join(images, from), source);
    const isFile = path.extname(source) !== '';
    const target = isFile ? path.join(here, to, path.basename(source)) : path.join(here, to);
    await cp(start, target, { recursive: true, verbatimSymlinks: true });
  }
}

async function run(command: string, cwd: string): Promise<void> {
  // Nothing of the repository's own installation or settings.
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, DO_NOT_TRACK: '1', npm_config_prefer_offline: 'true', ...KNOWN_BUILDS };
  await promisify(execFile)('/bin/sh', ['-c', command], { cwd, env, maxBuffer: 1e9 }).catch((error) => {
    throw new Error(`${command}:\n${error.stdout}\n${error.stderr}`);
  });
}
