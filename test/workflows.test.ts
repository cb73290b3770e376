/** What runs for outsiders is what runs here. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

interface Job {
  readonly steps: readonly Step[];
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly (string | number)[]>> };
}

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

async function readWorkflow(name: string): Promise<Workflow> {
  return parse(await readFile(path.join(ROOT, '.github/workflows', name), 'utf8'));
}

describe('the workflows', () => {
  it('run .ci/run on both systems and every Node that is supported', async () => {
    const { jobs } = await readWorkflow('ci.yml');
    const { strategy, steps = [] } = jobs.ci ?? {};
    expect(strategy?.matrix.os).toEqual(['ubuntu-latest', 'macos-latest']);
    expect(steps.at(-1)?.run).toBe('.ci/run');
    const { engines } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8'));
    expect(`>=${strategy?.matrix.node?.[0]}`).toBe(engines.node.replace(/\..*/, ''));
    const dockerfile = await readFile(path.join(ROOT, 'Dockerfile'), 'utf8');
    expect(`node:${strategy?.matrix.node?.at(-1)}-slim`).toBe(/^FROM (\S+)/m.exec(dockerfile)?.[1]);
  });

  it('may do no more than they need, and use actions of a version', async () => {
    for (const name of await readdir(path.join(ROOT, '.github/workflows'))) {
      const { permissions, jobs } = await readWorkflow(name);
      expect(permissions, name).toEqual({ contents: 'read' });
      for (const { uses } of Object.values(jobs).flatMap(({ steps }) => steps)) {
        if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w-]+@v\d+$/);
      }
    }
  });

  it('release what passes, by scripts that there are', async () => {
    const { jobs } = await readWorkflow('release.yml');
    const steps = jobs.release?.steps ?? [];
    const tested = steps.findIndex(({ run }) => run === '.ci/run');
    const released = steps.findIndex(({ uses }) => uses?.startsWith('changesets/action'));
    expect(tested).toBeGreaterThan(-1);
    expect(released).toBeGreaterThan(tested);
    const { scripts } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8'));
    for (const script of Object.values((steps[released] as { with?: object } | undefined)?.with ?? {})) {
      expect(Object.keys(scripts)).toContain(String(script).replace('npm run ', ''));
    }
  });
});
