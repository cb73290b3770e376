import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vitest/config';
import { LongestFirst } from './test/longest-first.js';

/** Scripts for Redis as text, as the build has them. */
const lua: Plugin = {
  name: 'lua',
  transform: (code, id) => (id.endsWith('.lua') ? `export default ${JSON.stringify(code)}` : null),
};

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
    setupFiles: fileURLToPath(new URL('./test/support/own-place.ts', import.meta.url)),
    reporters: ['default', './test/closing-line.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'hrm-core',
          root: 'packages/hrm-core',
          include: ['test/**/*.test.ts'],
          exclude: ['test/unit/**'],
        },
      },
      {
        extends: true,
        test: {
          name: 'hrm-core-unit',
          root: 'packages/hrm-core',
          include: ['test/unit/**/*.test.ts'],
          // Tests of functions that keep nothing share a process: its start costs more CPU time than most of them.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'hrm-server', root: 'packages/hrm-server', include: ['test/**/*.test.ts'] } },
      { extends: true, test: { name: 'hrm-cli', root: 'packages/hrm-cli', include: ['test/**/*.test.ts'] } },
      { extends: true, test: { name: 'repository', include: ['test/**/*.test.ts'] } },
    ],
  },
});
