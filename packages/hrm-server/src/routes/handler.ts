/**
 * The shape of what answers a call, and the two kinds of answer that most give.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { AuditTrail } from 'hrm-core/audit';
import type { Access } from 'hrm-core/keys';

/** The environment of the routes: Node's own request and response, as @hono/node-server gives them. */
export type AppEnv = { Bindings: { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse } };

/** The routes as they are served. In words of our own: Hono's types need those of a browser, which not every project has. */
export interface App {
  /** @param bindings - Node's own `incoming` and `outgoing`; as loose as Hono has it, for what listens to HTTP/2 as well. */
  fetch(request: Request, bindings: object): Response | Promise<Response>;
}

/** A call that was admitted. */
export interface Call {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly access: Access;
  /** What the audit log hears of it; `null` without one. */
  readonly trail: AuditTrail | null;
  /** For every answer to it. */
  readonly headers: Readonly<Record<string, string>>;
  /** Fires when the client has gone away. */
  readonly signal: AbortSignal;
  /** Logs what went wrong when the status is sent already. */
  onLateError(error: unknown): void;
}

/** Who calls, for shares and places: the key, however its header is written; where none is needed, the address. */
export function clientOf({ access, incoming }: Pick<Call, 'access' | 'incoming'>): string {
  return access.keyId ?? addressOf(incoming.socket);
}

/** Where a connection comes from. One client of IPv6 has as many addresses as it likes: 64 bits of them are its own. */
export function addressOf({ remoteAddress = '' }: Pick<Socket, 'remoteAddress'>): string {
  if (!remoteAddress.includes(':') || remoteAddress.startsWith('::ffff:')) return remoteAddress.replace('::ffff:', '');
  const [head = '', tail] = remoteAddress.split('::');
  const groups = head === '' ? [] : head.split(':');
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length);
  return [...groups, ...Array<string>(missing).fill('0')].slice(0, 4).join(':');
}

/** Answers a call. @throws HrmError, which becomes a problem. */
export type Handler = (call: Call) => Promise<Response> | Response;

/** A small answer, whole. */
export function jsonResponse({ headers }: Pick<Call, 'headers'>, status: number, body: unknown): Response {
  return new Response(JSON.stringify(body), { status, headers: { ...headers, 'Content-Type': 'application/json' } });
}
