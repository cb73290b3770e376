/**
 * SQS in the test's own process, as it may be at its worst: messages in any order, twice, by stale handles, in batches of which a part
 * fails, with counts that are about right, and with requests and replies that are lost.
 */
import { randomUUID } from 'node:crypto';
import { seededRandom } from '../../src/contract/queue-support.js';
import type { Exchange, HttpAnswer, HttpRequest } from '../../src/drivers/aws/exchange.js';

/** What goes wrong with one request. */
type Fault = 'lost_request' | 'lost_reply' | '500' | '500_after' | 'throttled' | 'part_fails';

/** How the service behaves. */
export interface FakeSqsOptions {
  /** By what clock messages are hidden; epoch ms. */
  readonly nowMs: () => number;
  readonly seed?: number;
  /** What goes wrong, request by request. */
  readonly faultOf?: ((action: string) => Fault | undefined) | undefined;
  /** Share of deliveries after which a message stays where it is; default 0. */
  readonly doubles?: number;
  /** How far counts are off, at most, messages; default 0. */
  readonly countsOff?: number;
}

interface Stored {
  readonly id: string;
  readonly body: string;
  readonly sentMs: number;
  receives: number;
  handle: string;
  hiddenUntilMs: number;
}

interface StoredQueue {
  readonly messages: Map<string, Stored>;
  readonly attributes: Record<string, string>;
  readonly tags: Record<string, string>;
}

type Wire = Readonly<Record<string, unknown>>;

/** A service of queues. */
export interface FakeSqs {
  /** The way to it, for as many handles as wanted. */
  readonly exchange: Exchange;
  /** Makes a queue. @returns its URL. */
  create(name: string, attributes?: Readonly<Record<string, string>>): string;
  /** Sends a message as another program would. */
  send(url: string, body: string): void;
  /** The messages of a queue, hidden or not. */
  bodies(url: string): string[];
  /** Actions that were asked for, in order. */
  readonly actions: string[];
}

const ACCOUNT = '000000000000';

/** Keys that any request may be signed with. */
export const FAKE_ENV = { AWS_ACCESS_KEY_ID: 'AKTEST', AWS_SECRET_ACCESS_KEY: 'SKTEST', AWS_REGION: 'eu-west-1' };

/** Starts a service without queues. */
export function createFakeSqs({
  nowMs,
  seed = 1,
  faultOf = () => undefined,
  doubles = 0,
  countsOff = 0,
}: FakeSqsOptions): FakeSqs {
  const random = seededRandom(seed);
  const queues = new Map<string, StoredQueue>();
  const actions: string[] = [];

  function queueOf(url: unknown): StoredQueue {
    const queue = queues.get(String(url));
    if (queue === undefined) throw new Refusal('QueueDoesNotExist');
    return queue;
  }

  function about(count: number): string {
    return String(Math.max(0, count + Math.round((2 * random() - 1) * countsOff)));
  }

  function visible(queue: StoredQueue): Stored[] {
    return [...queue.messages.values()].filter(({ hiddenUntilMs }) => hiddenUntilMs <= nowMs());
  }

  function store(queue: StoredQueue, body: string): Stored {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
    if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(body)) throw new Refusal('InvalidMessageContents');
    if (body.length > Number(queue.attributes.MaximumMessageSize)) throw new Refusal('InvalidParameterValue');
    const message = { id: randomUUID(), body, sentMs: nowMs(), receives: 0, handle: '', hiddenUntilMs: 0 };
    queue.messages.set(message.id, message);
    return message;
  }

  async function receive({ QueueUrl, MaxNumberOfMessages = 1, VisibilityTimeout = 30, WaitTimeSeconds = 0 }: Wire) {
    const queue = queueOf(QueueUrl);
    const endMs = performance.now() + Number(WaitTimeSeconds) * 1_000;
    while (visible(queue).length === 0 && performance.now() < endMs) await new Promise((go) => setTimeout(go, 5));
    const policy = JSON.parse(queue.attributes.RedrivePolicy ?? 'null') as Wire | null;
    const Messages: Wire[] = [];
    const shuffled = visible(queue)
      .map((message) => ({ message, at: random() }))
      .sort((a, b) => a.at - b.at);
    for (const { message } of shuffled.slice(0, Number(MaxNumberOfMessages))) {
      message.receives += 1;
      if (policy !== null && message.receives > Number(policy.maxReceiveCount)) {
        const name = String(policy.deadLetterTargetArn).split(':').at(-1);
        queue.messages.delete(message.id);
        queueOf(`https://sqs.eu-west-1.amazonaws.com/${ACCOUNT}/${name}`).messages.set(message.id, message);
        continue;
      }
      message.handle = randomUUID();
      if (random() >= doubles) message.hiddenUntilMs = nowMs() + Number(VisibilityTimeout) * 1_000;
      const Attributes = { SentTimestamp: String(message.sentMs), ApproximateReceiveCount: String(message.receives) };
      Messages.push({ MessageId: message.id, ReceiptHandle: message.handle, Body: message.body, Attributes });
    }
    return Messages.length === 0 ? {} : { Messages };
  }

  /** @param one - does it to one message; a string is why not. */
  function batch(
    { QueueUrl, Entries }: Wire,
    fault: Fault | undefined,
    one: (found: Stored | null, entry: Wire) => string,
  ) {
    const queue = queueOf(QueueUrl);
    const [Successful, Failed]: [Wire[], Wire[]] = [[], []];
    for (const entry of Entries as Wire[]) {
      const { Id, ReceiptHandle } = entry;
      if (fault === 'part_fails' && random() < 0.5) {
        Failed.push({ Id, SenderFault: false, Code: 'InternalError' });
        continue;
      }
      const found = [...queue.messages.values()].find(({ handle }) => handle === ReceiptHandle) ?? null;
      const why = one(found, entry);
      if (why === '') Successful.push({ Id });
      else Failed.push({ Id, SenderFault: true, Code: why });
    }
    return Failed.length === 0 ? { Successful } : { Successful, Failed };
  }

  async function act(action: string, wire: Wire, fault: Fault | undefined): Promise<Wire> {
    const queue = queueOf(wire.QueueUrl);
    switch (action) {
      case 'SendMessage':
        return { MessageId: store(queue, String(wire.MessageBody)).id };
      case 'ReceiveMessage':
        return await receive(wire);
      case 'DeleteMessageBatch':
        return batch(wire, fault, (found) => {
          // By a stale handle nothing is deleted, and nobody is told.
          if (found !== null) queue.messages.delete(found.id);
          return '';
        });
      case 'ChangeMessageVisibilityBatch':
        return batch(wire, fault, (found, { VisibilityTimeout }) => {
          if (found === null) return 'ReceiptHandleIsInvalid';
          if (found.hiddenUntilMs <= nowMs()) return 'MessageNotInflight';
          found.hiddenUntilMs = Number(VisibilityTimeout) === 0 ? 0 : nowMs() + Number(VisibilityTimeout) * 1_000;
          return '';
        });
      case 'GetQueueAttributes': {
        const hidden = queue.messages.size - visible(queue).length;
        const counts = {
          ApproximateNumberOfMessages: about(visible(queue).length),
          ApproximateNumberOfMessagesNotVisible: about(hidden),
        };
        return { Attributes: { ...queue.attributes, ...counts } };
      }
      case 'ListQueueTags':
        return { Tags: { ...queue.tags } };
      case 'TagQueue':
        Object.assign(queue.tags, wire.Tags);
        return {};
      default:
        throw new Refusal('InvalidAction');
    }
  }

  async function answer(request: HttpRequest): Promise<HttpAnswer> {
    const action = String(request.headers['x-amz-target']).replace('AmazonSQS.', '');
    actions.push(action);
    const fault = faultOf(action);
    if (fault === 'lost_request') throw lost();
    if (fault === '500') return toAnswer(500, { __type: 'InternalFailure' });
    if (fault === 'throttled') return toAnswer(400, { __type: 'com.amazonaws.sqs#RequestThrottled' });
    try {
      const done = await act(action, JSON.parse(Buffer.from(request.body ?? []).toString()) as Wire, fault);
      if (fault === 'lost_reply') throw lost();
      return fault === '500_after' ? toAnswer(500, { __type: 'InternalFailure' }) : toAnswer(200, done);
    } catch (error) {
      if (error instanceof Refusal) return toAnswer(400, { __type: `com.amazonaws.sqs#${error.message}` });
      throw error;
    }
  }

  return {
    actions,
    create(name, attributes = {}) {
      const url = `https://sqs.eu-west-1.amazonaws.com/${ACCOUNT}/${name}`;
      const defaults = { MessageRetentionPeriod: '1209600', MaximumMessageSize: '1048576' };
      queues.set(url, { messages: new Map(), attributes: { ...defaults, ...attributes }, tags: {} });
      return url;
    },
    send: (url, body) => void store(queueOf(url), body),
    bodies: (url) => [...queueOf(url).messages.values()].map(({ body }) => body),
    exchange: { send: answer, close: () => undefined },
  };

  function lost(): Error {
    return Object.assign(new Error('the connection was reset'), { code: 'ECONNRESET' });
  }
}

/** The service says no, with a code. */
class Refusal extends Error {}

function toAnswer(status: number, wire: Wire): HttpAnswer {
  return { status, headers: {}, body: Buffer.from(JSON.stringify(wire)) };
}

/** The ARN of a queue of the fake. */
export function fakeArn(name: string): string {
  return `arn:aws:sqs:eu-west-1:${ACCOUNT}:${name}`;
}
