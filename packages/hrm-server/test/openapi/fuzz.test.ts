/**
 * Ten thousand requests made of the OpenAPI document: none may be a 5xx, hang, leak, or be answered otherwise than the
 * document says.
 */
import { readdirSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { createKey, SCOPES } from 'hrm-core/keys';
import { expect, it } from 'vitest';
import { startTest, temporaryDirectory, until } from '../support.js';
import { type FuzzRequest, MARKER, requests, UNKNOWN } from './arbitraries.js';
import {
  createConformance,
  type Document,
  type DocumentedOperation,
  type Given,
  isStrict,
  nowhere,
  operationsOf,
} from './document.js';

const REQUESTS = Number(process.env.HRM_FUZZ_REQUESTS ?? 10_000);
const TOGETHER = 20;
const HANG_MS = 20_000;

/** Sends a request. Of an answer that has no end the beginning is enough. */
function send(port: number, agent: Agent, { method, target, headers, body }: FuzzRequest): Promise<Given> {
  return new Promise((resolve, reject) => {
    const length = body === null ? {} : { 'Content-Length': body.length };
    const outgoing = request({
      port,
      host: '127.0.0.1',
      method,
      path: target,
      agent,
      headers: { ...headers, ...length },
    });
    const timer = setTimeout(() => reject(new Error(`no answer in ${HANG_MS} ms`)), HANG_MS);
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      function finish(): void {
        clearTimeout(timer);
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text: Buffer.concat(chunks).toString(),
        });
      }
      incoming.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        if (incoming.headers['content-type'] !== 'text/event-stream') return;
        finish();
        outgoing.destroy();
      });
      incoming.on('end', finish);
      incoming.on('error', () => undefined);
    });
    outgoing.end(body ?? undefined);
  });
}

/** What a request is held to: its call, or any other of its path, which has its 405, or what is said of all other paths. */
function operationFor({ path, operationId }: FuzzRequest, document: Document): DocumentedOperation {
  const ofPath = Object.values(document.paths[path ?? ''] ?? {});
  return ofPath.find((operation) => operation.operationId === operationId) ?? ofPath[0] ?? nowhere(document);
}

/** What is wrong with an answer; `null`: nothing. */
function judge(
  { method, target, headers, path, operationId }: FuzzRequest,
  operation: DocumentedOperation,
  given: Given,
  conforms: ReturnType<typeof createConformance>,
): string | null {
  const { status, text } = given;
  // A client imports two files at once.
  const isThirdImport = operationId === 'postImport' && status === 503 && /"code":"too_busy"/.test(text);
  if (status >= 500 && !isThirdImport) return `a ${status}: ${text}`;
  const refused = refusedHeader(operation, headers, given);
  if (refused !== null) return refused;
  if (given.headers['x-content-type-options'] !== 'nosniff') return 'no nosniff';
  if (status >= 400 && text.includes(MARKER)) return `it repeats what was sent: ${text}`;
  if (/\bat \S+\.[jt]s|node_modules|Error:/.test(status >= 400 ? text : '')) return `it shows its inside: ${text}`;
  // What no URL can be is a bad target, wherever it points; the pages are beside the document.
  if (path === null && (isPage(target, given) || (isProblem(given, status) && [400, 405].includes(status))))
    return null;
  if (operationId === null && status < 400) return `${status} for what is not there`;
  if (isStrict(operation) && target.includes(UNKNOWN) && status < 400) return `${status} with an unknown parameter`;
  // Packed, and an answer in pieces, is the matter of other tests.
  if (given.headers['content-encoding'] !== undefined) return null;
  return conforms(operation, given, method === 'HEAD') ?? missingKey(operation.security, headers, status);
}

const headerRules = new Ajv2020({ strict: false });

/** A header that is as the document has it, and was refused. */
function refusedHeader(
  { parameters = [] }: DocumentedOperation,
  headers: FuzzRequest['headers'],
  { status, text }: Given,
): string | null {
  if (status !== 400 || text === '') return null;
  const { errors = [] } = JSON.parse(text) as { errors?: readonly { path: string }[] };
  const refused = parameters.find(({ name, in: place, schema }) => {
    const value = headers[name];
    const isSaid = place === 'header' && errors.some(({ path }) => path === `/${name}`);
    return isSaid && value !== undefined && headerRules.validate(schema, value);
  });
  return refused === undefined ? null : `it refuses ${refused.name} as documented: ${headers[refused.name]}`;
}

// The dashboard is no call of the API, and is the same for everyone.
function isPage(target: string, { status, headers, text }: Given): boolean {
  const isThere = new URL(target, 'http://localhost').pathname === '/';
  return (
    isThere &&
    [200, 304].includes(status) &&
    headers['content-type'] === 'text/html; charset=utf-8' &&
    !text.includes(MARKER)
  );
}

function isProblem({ headers, text }: Given, status: number): boolean {
  return headers['content-type'] === 'application/problem+json' && JSON.parse(text).status === status;
}

function missingKey(security: readonly unknown[], headers: FuzzRequest['headers'], status: number): string | null {
  const isKeyless = security.length > 0 && headers.Authorization === undefined;
  return isKeyless && status < 400 ? `${status} without a key` : null;
}

it(`keeps its word in ${REQUESTS} requests`, { timeout: 400_000 }, async () => {
  const keysFile = join(await temporaryDirectory(), 'keys.json');
  const all = { name: 'all', scopes: SCOPES, expiresMs: null };
  const { token } = await createKey(keysFile, { ...all, userIds: null });
  const bound = await createKey(keysFile, { ...all, userIds: ['ana'] });
  const { url, port, queue } = await startTest({
    keysFile,
    parts: ['api', 'consumer', 'compacter'],
    flags: { rateLimit: '0', batchMaxAgeMs: '50', compactEveryMs: '1000', sweepAfterMs: '0' },
  });
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
  const conforms = createConformance(document);
  const agent = new Agent({ keepAlive: true, maxSockets: TOGETHER });
  const descriptors = () => readdirSync('/proc/self/fd').length;
  await send(port, agent, { method: 'GET', target: '/health', headers: {}, body: null, path: null, operationId: null });
  const before = descriptors();
  const statuses = new Map<string, number>();
  let sent = 0;
  const seed = Number(process.env.HRM_FUZZ_SEED ?? Date.now() % 2 ** 31);
  console.log(`fuzz: seed ${seed}`);
  const arbitrary = requests(document, [token, token, token, token, bound.token, null, `${token}x`]);
  await fc.assert(
    fc.asyncProperty(fc.array(arbitrary, { minLength: TOGETHER, maxLength: TOGETHER }), async (group) => {
      const answers = await Promise.all(group.map((one) => send(port, agent, one)));
      for (const [i, given] of answers.entries()) {
        const one = group[i] as FuzzRequest;
        sent += 1;
        const key = `${one.operationId ?? 'nothing'} ${given.status}`;
        statuses.set(key, (statuses.get(key) ?? 0) + 1);
        expect(judge(one, operationFor(one, document), given, conforms)).toBeNull();
      }
    }),
    { seed, numRuns: Math.ceil(REQUESTS / TOGETHER), endOnFailure: false },
  );
  agent.destroy();
  expect(sent).toBeGreaterThanOrEqual(REQUESTS);
  console.log(
    `fuzz: ${sent} requests: ${[...statuses]
      .sort()
      .map(([key, count]) => `${key}: ${count}`)
      .join(', ')}`,
  );
  const erased = await fetch(`${url}/users/ana/readings`, {
    method: 'DELETE',
    headers: { Authorization: `Bearer ${token}` },
  });
  const { id } = (await erased.json()) as { id: string };
  const told = await fetch(`${url}/erasures/${id}`, { headers: { Authorization: `Bearer ${token}` } });
  // Nobody guesses an id.
  statuses.set(`erasure ${told.status}`, 1);
  // It was not all refused: every call was also made with success.
  for (const {
    operation: { operationId },
  } of operationsOf(document))
    expect([...statuses.keys()].some((key) => new RegExp(`^${operationId} 2`).test(key)) ? '' : operationId).toBe('');
  await until(async () => (await queue.depth()).readings === 0, 'everything is stored');
  await until(() => descriptors() <= before + TOGETHER, 'what was opened is closed');
  const health = (await (await fetch(`${url}/health`)).json()) as { status: string };
  expect(health.status).toBe('healthy');
});
