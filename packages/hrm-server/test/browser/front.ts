/**
 * A server in front of the real one that answers some paths itself and hands on the rest: for calls that the real one does not
 * have, for refusals that it gives only under load, and for connections that break.
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

/** The real answer, of which so many bytes come through before the connection breaks. */
export interface BrokenAnswer {
  readonly bytes: number;
}

/** The server in front. */
export interface Front {
  readonly url: string;
  /** Breaks every connection that there is. */
  breakAll(): void;
  /** Hands on to another real server from now on. */
  handTo(url: string): void;
}

/** Starts it; closed when the test is over. @param answerOf - `null`: what the real one answers. */
export async function startFront(
  realUrl: string,
  answerOf: (path: string) => FrontAnswer | BrokenAnswer | null,
): Promise<Front> {
  let url = realUrl;
  const server = createServer((incoming, outgoing) => {
    const path = new URL(incoming.url ?? '', url).pathname;
    const own = answerOf(path);
    if (own !== null && 'status' in own) {
      outgoing.writeHead(own.status, { 'Content-Type': 'application/json', ...own.headers });
      outgoing.end(JSON.stringify(own.body));
      return;
    }
    if (own?.bytes === 0) {
      outgoing.destroy();
      return;
    }
    const headers = { ...incoming.headers, host: new URL(url).host };
    const onward = request(url + incoming.url, { method: incoming.method ?? 'GET', headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      if (own === null) answer.pipe(outgoing);
      else
        answer.once('data', (piece: Buffer) => outgoing.write(piece.subarray(0, own.bytes), () => outgoing.destroy()));
      answer.on('error', () => outgoing.destroy());
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    breakAll: () => server.closeAllConnections(),
    handTo(other) {
      url = other;
    },
  };
}
