import { defineConfig } from 'tsup';

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    client: 'src/client/index.ts',
    import: 'src/import/index.ts',
    alerts: 'src/alerts/index.ts',
    archive: 'src/archive/index.ts',
    audit: 'src/audit/index.ts',
    formats: 'src/formats/index.ts',
    doctor: 'src/doctor/index.ts',
    keys: 'src/keys/index.ts',
    process: 'src/process/index.ts',
    // Run by the above, beside which it is looked for.
    'stall-watch': 'src/process/stall-watch/thread.ts',
    // As the one above.
    'import-thread': 'src/import/upload/thread.ts',
    shares: 'src/shares/index.ts',
    simulate: 'src/simulate/index.ts',
    embedded: 'src/drivers/queue/embedded/embedded.ts',
    redis: 'src/drivers/queue/redis/redis.ts',
    sqs: 'src/drivers/queue/sqs/sqs.ts',
    directory: 'src/drivers/storage/directory/directory.ts',
    s3: 'src/drivers/storage/s3/s3.ts',
    open: 'src/open.ts',
    schemas: 'src/schemas/index.ts',
    settings: 'src/settings.ts',
    contract: 'src/contract/index.ts',
  },
  format: ['esm', 'cjs'],
  target: 'node20',
  loader: { '.lua': 'text' },
  // For `import.meta.url` in CommonJS.
  shims: true,
  clean: true,
});
