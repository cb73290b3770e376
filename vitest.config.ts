import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin, type TestProjectInlineConfiguration } from 'vitest/config';
import { LongestFirst } from './test/longest-first.js';

/** Scripts for Redis as text, as the build has them. */
const lua: Plugin = {
  name: 'lua',
  transform: (code, id) => (id.endsWith('.lua') ? `export default ${JSON.stringify(code)}` : null),
};

/**
 * Of each package, the test files that have a process of their own: they measure its memory, CPU time or descriptors, change what is the
 * whole process's, or build programs, by a bundler that stays where it was first called. The others share some: to start a process and to
 * load the sources costs half a second of CPU time, as much as many of them.
 */
const PACKAGES = [
  {
    name: 'hrm-core',
    alone: [
      'test/contract/{queue-embedded*,queue-redis-servers}.test.ts',
      'test/crash/**/*.test.ts',
      'test/flow/{concurrency,devices,large-foreign-files,watchdog}.test.ts',
      'test/flow/storage-{descriptors,directory,durability,flush}.test.ts',
      'test/linear/**/*.test.ts',
      'test/property/foreign-fuzz.test.ts',
      'test/unit/{owner-shares,client/live,parquet/round-trip}.test.ts',
    ],
  },
  {
    name: 'hrm-server',
    alone: [
      'test/{connections,cut,embedded-workers,late-keys,log-lines,post,query,slow-readers,tracing,keys-file}.test.ts',
      'test/{browser,linear}/**/*.test.ts',
      'test/dashboard/range.test.ts',
      'test/openapi/fuzz.test.ts',
    ],
  },
  {
    name: 'hrm-cli',
    alone: ['test/{doctor,end-process,hangup,linear,stall}.test.ts'],
  },
];

function projectsOf({ name, alone }: (typeof PACKAGES)[number]): TestProjectInlineConfiguration[] {
  const root = `packages/${name}`;
  return [
    { extends: true, test: { name, root, include: alone } },
    {
      extends: true,
      test: { name: `${name}-together`, root, include: ['test/**/*.test.ts'], exclude: alone, isolate: false },
    },
  ];
}

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
      { extends: true, test: { name: 'repository', include: ['test/**/*.test.ts'] } },
      ...PACKAGES.flatMap(projectsOf),
    ],
  },
});
