import { defineConfig } from 'tsup';

export default defineConfig({
  entry: {
    main: 'src/main.ts',
    worker: 'src/workers/worker.ts',
    'stall-watch': 'src/stall-watch/thread.ts',
  },
  format: ['esm'],
  target: 'node20',
  clean: true,
});
