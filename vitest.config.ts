import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin, type TestProjectInlineConfiguration } from 'vitest/config';
import { LongestFirst } from './test/longest-first.js';
import { OWN_PROCESS } from './test/own-process.js';

/** Scripts for Redis as text, as the build has them. */
const lua: Plugin = {
  name: 'lua',
  transform: (code, id) => (id.endsWith('.lua') ? `export default ${JSON.stringify(code)}` : null),
};

function projectsOf([name, alone]: [name: string, alone: readonly string[]]): TestProjectInlineConfiguration[] {
  const root = `packages/${name}`;
  const own = alone.map((beginning) => `test/${beginning}${beginning.endsWith('/') ? '**/*' : '*'}.test.ts`);
  return [
    { extends: true, test: { name, root, include: own } },
    {
      extends: true,
      test: { name: `${name}-together`, root, include: ['test/**/*.test.ts'], exclude: own, isolate: false },
    },
  ];
}

/** Tests that measure processor time. */
const LONG_PIECES = ['test/long-pieces*.test.ts'];

export default defineConfig({
  plugins: [lua],
  test: {
    // Tests start real servers, kill real processes and sync real files: seconds, not milliseconds.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // A condition that is waited for comes late on a busy machine: a second, the default, is a test of speed.
    expect: { poll: { timeout: 60_000 } },
    // One more than the two cores that it is measured on: about a third of the time a test waits, for a process or for its clock.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    globalSetup: fileURLToPath(new URL('./test/global-setup.ts', import.meta.url)),
    setupFiles: [
      fileURLToPath(new URL('./test/support/own-place.ts', import.meta.url)),
      ...(process.env.HRM_TEST_CPU === undefined
        ? []
        : [fileURLToPath(new URL('./test/support/cpu-of-file.ts', import.meta.url))]),
    ],
    reporters: ['default', './test/closing-line.ts'],
    projects: [
      { extends: true, test: { name: 'repository', include: ['test/**/*.test.ts'], exclude: LONG_PIECES } },
      // After everything else: beside a third process that computes, the same work has taken twice the processor time.
      { extends: true, test: { name: 'long-pieces', include: LONG_PIECES, sequence: { groupOrder: 1 } } },
      ...Object.entries(OWN_PROCESS).flatMap(projectsOf),
    ],
  },
});
