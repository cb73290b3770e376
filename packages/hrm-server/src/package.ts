/** What this package knows of itself. Built, all of it is one file of `dist/`: as deep below the package as this file is. */
import { packageVersion } from 'hrm-core/process';

const ROOT = new URL('../', import.meta.url);

/** Of this package. */
export const VERSION = packageVersion(new URL('package.json', ROOT));

/** Where the built pages are. */
export const PAGES_DIRECTORY = new URL('dist/dashboard/', ROOT);
