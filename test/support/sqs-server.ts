import { startFauxqs } from 'fauxqs';

/** A server that speaks like SQS, in this process, on a free port. It keeps everything in memory, and hides messages by `Date`. */
export interface SqsServer {
  /** What whoever uses it has in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Makes a queue. @returns its URL. */
  create(name: string): string;
  /** Sends a message as another program would. */
  send(url: string, body: string): Promise<void>;
  /** Messages in a queue, and those that somebody has in hand. */
  count(url: string): Promise<number>;
  stop(): Promise<void>;
}

/** Starts one without queues. */
export async function startSqs(): Promise<SqsServer> {
  const server = await startFauxqs({ port: 0, logger: false });

  async function call(action: string, parameters: Readonly<Record<string, unknown>>): Promise<Response> {
    const answer = await fetch(`http://127.0.0.1:${server.port}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': `AmazonSQS.${action}` },
      body: JSON.stringify(parameters),
    });
    if (!answer.ok) throw new Error(`${action}: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  return {
    env: {
      AWS_ACCESS_KEY_ID: 'AKTEST',
      AWS_SECRET_ACCESS_KEY: 'SKTEST',
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_SQS: `http://127.0.0.1:${server.port}`,
    },
    create(name) {
      const attributes = { MessageRetentionPeriod: '1209600', MaximumMessageSize: '1048576' };
      return server.createQueue(name, { attributes }).queueUrl;
    },
    async send(url, body) {
      await call('SendMessage', { QueueUrl: url, MessageBody: body });
    },
    async count(url) {
      const answer = await call('GetQueueAttributes', { QueueUrl: url, AttributeNames: ['All'] });
      const { Attributes } = (await answer.json()) as { Attributes: Record<string, string> };
      const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'];
      return names.reduce((sum, name) => sum + Number(Attributes[name] ?? 0), 0);
    },
    stop: () => server.stop(),
  };
}
