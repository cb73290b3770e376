/** What this package knows of itself. Built, all of it is one file of `dist/`: as deep below the package as this file is. */
import { readFileSync } from 'node:fs';

const ROOT = new URL('../', import.meta.url);

const { version } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { readonly version: string };

/** Of this package. */
export const VERSION = version;

/** Where the built pages are. */
export const PAGES_DIRECTORY = new URL('dist/dashboard/', ROOT);
