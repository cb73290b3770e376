#!/usr/bin/env node
// Committed, not built: npm links a bin only when its file exists at install time.
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (!existsSync(main)) {
  process.stderr.write('hrm is not built yet. From the root of the repository run: npm run build\n');
  process.exit(1);
}
await import(main.href);
