import { SETTINGS } from '../../packages/hrm-core/src/settings.js';
import { codes, page, table } from './markdown.js';

const INTRO = `A setting has four sources. The first that has a value wins:

1. the flag of the command line, \`--lease-ms 60000\`
2. the environment variable, \`HRM_LEASE_MS=60000\`
3. the config file, \`hrm.config.json\`: \`{"leaseMs": 60000}\`
4. the default

Every command takes every setting. An empty value is no value. A wrong value stops the start, and the message says what is allowed. Paths are
relative to the working directory, also those in a config file.`;

/** The page of the settings. */
export function settingsPage(): string {
  const rows = SETTINGS.map(({ variable, fallback, allowed, about }) => [
    `\`${variable}\``,
    `\`${fallback}\``,
    about,
    allowed,
  ]);
  const names = SETTINGS.map(({ variable, flag, name }) => [`\`${variable}\``, `\`--${flag}\``, codes([name])]);
  return page(
    '# Settings',
    INTRO,
    table(['variable', 'default', 'what it is for', 'allowed'], rows),
    '## Their names',
    table(['variable', 'flag', 'in the config file'], names),
    'The source is `packages/hrm-core/src/settings.ts`.',
  );
}
