/** A receiver of webhooks that verifies what it gets by the library of Standard Webhooks, and may be as bad as receivers are. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** What a receiver does with a message: answers with a status, or never. */
type Behaviour = number | 'hang';

/** A message that came, and was signed rightly. */
interface Received {
  readonly id: string;
  readonly body: {
    readonly type: string;
    readonly timestamp: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
  readonly answered: Behaviour;
}

/** A receiver that runs. */
export interface Receiver {
  readonly url: string;
  readonly secret: string;
  /** All of them, doubled ones too, in order. */
  readonly received: readonly Received[];
  /** Messages whose signature is wrong. */
  readonly refused: readonly string[];
  /** From now on. */
  behave(behaviour: Behaviour): void;
  close(): Promise<void>;
}

/** Starts a receiver, which answers 204 at first. */
export async function startReceiver(): Promise<Receiver> {
  const secret = `whsec_${Buffer.alloc(32, 'key').toString('base64')}`;
  const webhook = new Webhook(secret);
  const received: Received[] = [];
  const refused: string[] = [];
  let behaviour: Behaviour = 204;
  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const text = Buffer.concat(pieces).toString('utf8');
    const id = String(request.headers['webhook-id']);
    try {
      const body = webhook.verify(text, request.headers as Record<string, string>) as Received['body'];
      received.push({ id, body, answered: behaviour });
    } catch {
      refused.push(id);
    }
    if (behaviour !== 'hang') response.writeHead(behaviour).end();
  }
  const server = createServer((request, response) => void take(request, response).catch(() => undefined));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks?of=alerts`,
    secret,
    received,
    refused,
    behave(next) {
      behaviour = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
