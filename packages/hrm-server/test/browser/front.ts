/**
 * A server in front of the real one that answers some paths itself and hands on the rest: for calls that the real one does not
 * have, and for refusals that it gives only under load.
 */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** What a path is answered with. */
export interface FrontAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** Starts it; closed when the test is over. @returns its URL. */
export async function startFront(url: string, answerOf: (path: string) => FrontAnswer | null): Promise<string> {
  const server = createServer((incoming, outgoing) => {
    const path = new URL(incoming.url ?? '', url).pathname;
    const own = answerOf(path);
    if (own !== null) {
      outgoing.writeHead(own.status, { 'Content-Type': 'application/json', ...own.headers });
      outgoing.end(JSON.stringify(own.body));
      return;
    }
    const headers = { ...incoming.headers, host: new URL(url).host };
    const onward = request(url + incoming.url, { method: incoming.method ?? 'GET', headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
