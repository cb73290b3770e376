// Writes the pages of docs/reference/ that are made of tables in the code: `npm run docs`.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createViteServer } from 'vitest/node';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

// The tables are in TypeScript, which Node 20 does not read by itself.
const loader = await createViteServer({
  root: ROOT,
  configFile: false,
  appType: 'custom',
  logLevel: 'error',
  optimizeDeps: { noDiscovery: true },
  server: { middlewareMode: true, watch: null, ws: false },
});
try {
  const { referencePages } = await loader.ssrLoadModule('/scripts/reference/pages.ts');
  for (const [path, text] of Object.entries(await referencePages(ROOT))) {
    await writeFile(join(ROOT, path), text);
    console.log(path);
  }
} finally {
  await loader.close();
}
