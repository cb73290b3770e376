import { getEventListeners } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type AwsClient, createAwsClient } from '../../../src/drivers/aws/client.js';
import { type Credentials, credentialsOf, givenCredentials } from '../../../src/drivers/aws/credentials.js';

const KEYS = { accessKeyId: 'AKID', secretAccessKey: 'secret' };

/** What a server does with the n-th request that reaches it. */
type Plan = (n: number, request: IncomingMessage, response: ServerResponse) => void;

interface Served {
  readonly client: AwsClient;
  /** Requests that reached it. */
  readonly requests: IncomingMessage[];
  readonly server: Server;
}

async function serve(plan: Plan, credentials: Credentials = givenCredentials(KEYS), nowMs = Date.now): Promise<Served> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    request.resume().on('end', () => plan(requests.length, request, response));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const client = createAwsClient({
    endpoint: new URL(`http://127.0.0.1:${port}`),
    credentials,
    region: 'us-east-1',
    service: 's3',
    clock: { nowMs },
    // Waits are as short as they can be.
    random: { id: () => 'id', fraction: () => 0 },
  });
  onTestFinished(async () => {
    client.close();
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  return { client, requests, server };
}

function answer(response: ServerResponse, status: number, code = '', more = ''): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(code === '' ? 'fine' : `<Error><Code>${code}</Code><Message>it is so</Message>${more}</Error>`);
}

const GET = { method: 'GET', path: '/a' } as const;
const PUT = { method: 'PUT', path: '/a', body: Buffer.from('x'), headers: { 'if-none-match': '*' } } as const;

/** Failures after which nobody knows what became of a request. */
const LOST: readonly (readonly [string, Plan])[] = [
  ['500', (_, __, response) => answer(response, 500, 'InternalError')],
  ['502 of something between', (_, __, response) => answer(response, 502)],
  ['503 that is no slow-down', (_, __, response) => answer(response, 503, 'ServiceUnavailable')],
  ['a reset', (_, request) => request.socket.destroy()],
  [
    'an answer that is cut short',
    (_, request, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('abc', () => request.socket.destroy());
    },
  ],
];

/** Failures after which a request was not carried out. */
const REFUSED = [
  [503, 'SlowDown'],
  [429, 'TooMany'],
  [400, 'RequestTimeout'],
  [409, 'ConditionalRequestConflict'],
  [409, 'OperationAborted'],
] as const;

describe('a request', () => {
  it('is signed with all its headers, for this host, now', async () => {
    const { client, requests } = await serve((_, __, response) => answer(response, 200));
    const { status, body, code } = await client.send({ ...PUT, query: 'x-id=1' });
    expect([status, body.toString(), code]).toEqual([200, 'fine', '']);
    const { headers, url } = requests[0] as IncomingMessage;
    expect(url).toBe('/a?x-id=1');
    expect(headers['content-length']).toBe('1');
    expect(headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/us-east-1\/s3\/aws4_request, SignedHeaders=host;if-none-match;x-amz-content-sha256;x-amz-date, Signature=[0-9a-f]{64}$/,
    );
  });

  it.each(LOST)('that may be repeated is, after %s', async (_, plan) => {
    const { client, requests } = await serve((n, request, response) =>
      n <= 2 ? plan(n, request, response) : answer(response, 200),
    );
    expect((await client.send(GET)).status).toBe(200);
    expect(requests).toHaveLength(3);
  });

  it.each(LOST)('that must not be repeated is sent once, and unknown after %s', async (_, plan) => {
    const { client, requests } = await serve(plan);
    expect(await client.attempt(PUT)).toBe('unknown');
    expect(requests).toHaveLength(1);
  });

  it.each(REFUSED)('that was refused by %s %s is sent again in either case', async (status, code) => {
    const { client, requests } = await serve((n, _, response) =>
      n <= 2 ? answer(response, status, code) : answer(response, 200),
    );
    expect(await client.attempt(PUT)).toMatchObject({ status: 200 });
    expect(requests).toHaveLength(3);
  });

  it('that nobody heard is sent again, and then unavailable, in words that say why', async () => {
    const { client, server } = await serve((_, __, response) => answer(response, 200));
    await new Promise((closed) => server.close(closed));
    for (const sending of [client.send(GET), client.attempt(PUT)]) {
      await expect(sending).rejects.toMatchObject({
        kind: 'unavailable',
        code: 'aws_unavailable',
        message: expect.stringMatching(/^S3 at 127\.0\.0\.1:\d+ could not do it in 8 tries: .*ECONNREFUSED/),
      });
    }
  });

  it.each([200, 206, 304, 403, 404, 412, 416, 501])('is answered by %s at once', async (status) => {
    const { client, requests } = await serve((_, __, response) => answer(response, status));
    expect((await client.send(GET)).status).toBe(status);
    expect(requests).toHaveLength(1);
  });

  it('tells the code of an error, of XML and of JSON', async () => {
    const { client } = await serve((n, _, response) => {
      response.writeHead(400);
      response.end(
        ['', '<Error><Code>NoSuchKey</Code></Error>', '{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"x"}'][
          n
        ],
      );
    });
    expect((await client.send(GET)).code).toBe('NoSuchKey');
    expect((await client.send(GET)).code).toBe('QueueDoesNotExist');
  });

  it('is not repeated for ever where everything fails: all together have so many more tries', async () => {
    const { client, requests } = await serve((_, __, response) => answer(response, 500));
    const sent = await Promise.allSettled(Array.from({ length: 100 }, () => client.send(GET)));
    expect(sent.every(({ status }) => status === 'rejected')).toBe(true);
    expect(requests.length).toBe(100 + 256);
  });

  it('that nobody answers is not tried for ever: two tries of 20 s are what a loop waits for', async () => {
    let nowMs = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
    onTestFinished(() => void vi.restoreAllMocks());
    let sent = 0;
    const client = createAwsClient({
      endpoint: new URL('http://127.0.0.1:1'),
      credentials: givenCredentials(KEYS),
      region: 'us-east-1',
      service: 's3',
      random: { id: () => 'id', fraction: () => 0 },
      exchange: {
        send() {
          sent += 1;
          nowMs += 20_000;
          return Promise.reject(new Error('no answer'));
        },
        close: () => undefined,
      },
    });
    await expect(client.send(GET)).rejects.toMatchObject({ kind: 'unavailable', code: 'aws_unavailable' });
    expect(sent).toBe(2);
  });

  it('of a clock that is wrong is signed by the service’s, once', async () => {
    const aheadMs = 3_600_000;
    function plan(_: number, { headers }: IncomingMessage, response: ServerResponse): void {
      const theirs = new Date().toISOString().slice(0, 13).replace(/[-:]/g, '');
      const isRight = String(headers['x-amz-date']).startsWith(theirs);
      answer(response, isRight ? 200 : 403, isRight ? '' : 'RequestTimeTooSkewed');
    }
    const { client, requests } = await serve(plan, givenCredentials(KEYS), () => Date.now() + aheadMs);
    expect((await client.send(GET)).status).toBe(200);
    expect(await client.attempt(PUT)).toMatchObject({ status: 200 });
    expect(requests).toHaveLength(3);
    expect(Math.abs(client.skewMs + aheadMs)).toBeLessThan(10_000);
    const always = await serve((_n, _r, response) => answer(response, 403, 'RequestTimeTooSkewed'));
    expect(await always.client.send(GET)).toMatchObject({ status: 403, code: 'RequestTimeTooSkewed' });
    expect(always.requests).toHaveLength(2);
  });

  it('whose keys have expired is signed with others, once', async () => {
    let made = 0;
    const chain = credentialsOf({}, async () => async (options) => {
      made += options?.forceRefresh === true || made === 0 ? 1 : 0;
      return { ...KEYS, sessionToken: `token-${made}` };
    });
    function plan(_: number, { headers }: IncomingMessage, response: ServerResponse): void {
      const isNew = headers['x-amz-security-token'] === 'token-2';
      answer(response, isNew ? 200 : 400, isNew ? '' : 'ExpiredToken');
    }
    const lent = await serve(plan, chain);
    expect(await lent.client.attempt(PUT)).toMatchObject({ status: 200 });
    expect(lent.requests).toHaveLength(2);
    const given = await serve(plan);
    expect(await given.client.send(GET)).toMatchObject({ status: 400, code: 'ExpiredToken' });
    expect(given.requests).toHaveLength(1);
  });

  it('to a bucket of another region says which', async () => {
    const region = '<Region>eu-west-1</Region>';
    const { client } = await serve((_, __, response) => answer(response, 400, 'AuthorizationHeaderMalformed', region));
    await expect(client.send(GET)).rejects.toMatchObject({
      kind: 'invalid',
      code: 'aws_region',
      message: expect.stringContaining('set AWS_REGION=eu-west-1'),
    });
  });

  it('that is aborted ends, before it is sent or under way', async () => {
    const { client, requests } = await serve(() => undefined);
    await expect(client.send(GET, { signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'closed' });
    expect(requests).toHaveLength(0);
    const aborting = new AbortController();
    // More than Node lets listen to one signal without a warning.
    const underWay = Array.from({ length: 12 }, () => client.send(GET, { signal: aborting.signal }));
    while (requests.length < underWay.length) await new Promise((turn) => setTimeout(turn, 5));
    expect(getEventListeners(aborting.signal, 'abort')).toHaveLength(1);
    aborting.abort();
    for (const one of await Promise.allSettled(underWay))
      expect(one).toMatchObject({ status: 'rejected', reason: { kind: 'closed', code: 'aborted' } });
    expect(getEventListeners(aborting.signal, 'abort')).toHaveLength(0);
  });
});
