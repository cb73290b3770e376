/**
 * Types for those who require a package: the declarations of its modules again, as `.d.cts`, that import each other by those names. The bundler
 * could make them, and takes as long for them as for the first ones.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const directory = join(import.meta.dirname, '../dist');
for (const name of readdirSync(directory).filter((file) => file.endsWith('.d.ts'))) {
  const text = readFileSync(join(directory, name), 'utf8');
  const path = join(directory, name.replace(/\.d\.ts$/, '.d.cts'));
  writeFileSync(path, text.replaceAll(/(from '\.\/[^']*|import\('\.\/[^']*)\.js'/g, "$1.cjs'"));
}
