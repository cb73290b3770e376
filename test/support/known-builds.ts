import { fileURLToPath } from 'node:url';

/**
 * Environment of a build of the same sources elsewhere: what is the same to the byte as the repository's has been built
 * before these tests, and is not built again. What differs in a byte is.
 */
export const KNOWN_BUILDS = { TURBO_CACHE_DIR: fileURLToPath(new URL('../../.turbo/cache', import.meta.url)) };
