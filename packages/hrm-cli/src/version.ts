import { packageVersion } from 'hrm-core/process';

/** Of this package. Built, all of it is as deep below the package as this file is. */
export const VERSION = packageVersion(new URL('../package.json', import.meta.url));
