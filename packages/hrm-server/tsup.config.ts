import { defineConfig } from 'tsup';

export default defineConfig([
  {
    entry: {
      index: 'src/index.ts',
      // Run by the above, beside which it is looked for.
      worker: 'src/workers/worker.ts',
    },
    format: ['esm'],
    target: 'node20',
    dts: true,
    // Both builds run at once: each clears its own.
    clean: ['!dashboard', '!dashboard/**'],
  },
  {
    entry: { dashboard: 'dashboard/main.ts', status: 'dashboard/status.ts', style: 'dashboard/style.css' },
    outDir: 'dist/dashboard',
    publicDir: 'dashboard/public',
    platform: 'browser',
    format: ['esm'],
    target: 'es2022',
    outExtension: () => ({ js: '.js' }),
    noExternal: ['uplot', 'hrm-core'],
    // One file a page: what is shared is 60 KB, and a second request costs more than that.
    splitting: false,
    minify: true,
    clean: true,
  },
]);
