/** A proxy for HTTP that lets some requests fail, before they are carried out or after. Everything else passes as it came. */
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A running proxy. */
export interface FaultyHttp {
  /** Where clients ask, in place of the server. */
  readonly endpoint: string;
  /** The share of requests that fail, 0 to 1; 0 at first. */
  share: number;
  /** How many failed, by how. */
  readonly faults: Readonly<Record<string, number>>;
}

/**
 * `reset`: it does not reach the server. `lost`: it does, and its reply does not come back. `busy`: it is refused for now. `broken`: it is
 * carried out, and the answer says that something went wrong.
 */
const KINDS = ['reset', 'lost', 'busy', 'broken'] as const;

/** What services answer to whom they ask to come later. */
const BUSY = '<Error><Code>SlowDown</Code><Message>as planned</Message></Error>';
const BROKEN = '<Error><Code>InternalError</Code><Message>as planned</Message></Error>';

/** Starts a proxy on a free port; it ends with the test. @param random - decides which requests fail, and how. */
export async function startFaultyHttp(server: string, random: () => number): Promise<FaultyHttp> {
  const { hostname: host, port } = new URL(server);
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const faults: Record<string, number> = {};

  function drawFault(): (typeof KINDS)[number] | null {
    if (random() >= proxy.share) return null;
    const kind = KINDS[Math.floor(random() * KINDS.length)] ?? 'reset';
    faults[kind] = (faults[kind] ?? 0) + 1;
    return kind;
  }

  async function pass(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await bytesOf(asked);
    const fault = drawFault();
    if (fault === 'reset') asked.socket.destroy();
    else if (fault === 'busy') answer.writeHead(503).end(BUSY);
    else {
      const { method, url: path, headers } = asked;
      const call = request({ agent, host, port, method, path, headers });
      call.end(body);
      const [reply] = (await once(call, 'response')) as [IncomingMessage];
      const bytes = await bytesOf(reply);
      if (fault === 'lost') asked.socket.destroy();
      else if (fault === 'broken') answer.writeHead(500).end(BROKEN);
      else answer.writeHead(reply.statusCode ?? 500, reply.rawHeaders).end(bytes);
    }
  }

  const listener = createServer((asked, answer) => {
    // Who asked may be killed meanwhile, and the server may be on its way down.
    pass(asked, answer).catch(() => asked.socket.destroy());
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  onTestFinished(async () => {
    agent.destroy();
    listener.closeAllConnections();
    await new Promise((closed) => listener.close(closed));
  });
  const proxy: FaultyHttp = {
    endpoint: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    share: 0,
    faults,
  };
  return proxy;
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}
