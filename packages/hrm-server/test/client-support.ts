/**
 * What the tests of the client share: readings, and servers that answer as they are told.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ClientOptions } from 'hrm-core/client';
import { onTestFinished } from 'vitest';

export const START_MS = Date.UTC(2024, 0, 15, 10);
const END_MS = START_MS + 3_600_000;
export const HOUR = { userId: 'ana', start: new Date(START_MS), end: new Date(END_MS) };

export function input(i: number, heartRate = 60 + (i % 40)) {
  return { userId: 'ana', deviceId: 'watch', timestamp: new Date(START_MS + i * 1_000).toISOString(), heartRate };
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** A server that answers each request by the next of some answers, the last of them for ever. */
export async function failing(...answers: ((request: IncomingMessage, response: ServerResponse) => void)[]) {
  let count = 0;
  const server = createServer((request, response) => {
    request.resume();
    answers[Math.min(count, answers.length - 1)]?.(request, response);
    count += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, requests: () => count };
}

export function problem(status: number, headers: Record<string, string> = {}) {
  return (_: IncomingMessage, response: ServerResponse) => {
    const body = { type: 'about:blank', title: 'x', status, detail: `it is ${status}`, code: `code_${status}` };
    response.writeHead(status, { 'Content-Type': 'application/problem+json', ...headers });
    response.end(JSON.stringify(body));
  };
}

export function accepted(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(202, { 'Content-Type': 'application/json' });
  response.end('{"status":"accepted"}');
}

/** Waits that are over at once. */
export const HASTY: Partial<ClientOptions> = { random: () => 0 };
