import { readFileSync } from 'node:fs';

/** The version that a `package.json` says. @param url - of that file. */
export function packageVersion(url: URL): string {
  const { version } = JSON.parse(readFileSync(url, 'utf8')) as { readonly version: string };
  return version;
}
