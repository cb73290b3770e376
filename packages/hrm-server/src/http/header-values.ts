import type { IncomingMessage } from 'node:http';

/** What headers are read from. */
export type RawHead = Pick<IncomingMessage, 'rawHeaders'>;

/**
 * The values of a header, one for each time that it was sent, in order. Node's own `headersDistinct` throws before 20.20.2 where a
 * header is named `__proto__`.
 * @param name - in lower case.
 */
export function headerValues({ rawHeaders }: RawHead, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === name) values.push(rawHeaders[i + 1] ?? '');
  }
  return values;
}
