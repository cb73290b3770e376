import { defineConfig } from 'tsup';
import { writePages } from './dashboard/frame.js';

export default defineConfig([
  {
    entry: {
      index: 'src/index.ts',
      // Run by the above, beside which it is looked for.
      worker: 'src/workers/worker.ts',
    },
    format: ['esm'],
    target: 'node20',
    // Types are checked by `npm run check`.
    dts: { compilerOptions: { noCheck: true } },
    // Both builds run at once: each clears its own.
    clean: ['!dashboard', '!dashboard/**'],
  },
  {
    entry: {
      dashboard: 'dashboard/main.ts',
      status: 'dashboard/status/main.ts',
      live: 'dashboard/live/main.ts',
      'live-device': 'dashboard/live-device/main.ts',
      import: 'dashboard/import/main.ts',
      'import-worker': 'dashboard/import/worker.ts',
      style: 'dashboard/style.css',
    },
    outDir: 'dist/dashboard',
    publicDir: 'dashboard/public',
    platform: 'browser',
    format: ['esm'],
    target: 'es2022',
    outExtension: () => ({ js: '.js' }),
    noExternal: ['uplot', 'hrm-core'],
    // What pages share is loaded once: the client, the texts, the chart.
    splitting: true,
    minify: true,
    clean: true,
    onSuccess: async () => writePages({ to: new URL('dist/dashboard/', import.meta.url) }),
  },
]);
