/**
 * The pages of docs/reference/ that are made of tables in the code. `npm run docs` writes them, and a test holds them to the code.
 */
import { cliPage } from './cli.js';
import { errorsPage } from './errors.js';
import { httpPage } from './http.js';
import { metricsPage } from './metrics.js';
import { settingsPage } from './settings.js';

/** Path of each page -> its text. @param root - of the repository. */
export async function referencePages(root: string): Promise<Readonly<Record<string, string>>> {
  return {
    'docs/reference/settings.md': settingsPage(),
    'docs/reference/cli.md': await cliPage(),
    'docs/reference/http.md': httpPage(),
    'docs/reference/errors.md': errorsPage(root),
    'docs/reference/metrics.md': await metricsPage(),
  };
}
