import { basename, join } from 'node:path';
import { build } from 'tsup';

/** Makes one plain module of a TypeScript program, from the sources as they are now; returns its path. */
export async function bundle(entry: string, directory: string): Promise<string> {
  const name = basename(entry, '.ts');
  await build({
    entry: { [name]: entry },
    outDir: directory,
    outExtension: () => ({ js: '.mjs' }),
    format: 'esm',
    // For packages of the other module system, which a bundle takes in.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    target: 'node20',
    loader: { '.lua': 'text' },
    config: false,
    silent: true,
    dts: false,
  });
  return join(directory, `${name}.mjs`);
}
