/**
 * A proxy that stands between a client and a server and breaks their connections where a test wants it. Everything else
 * passes as it came. Where it shall cut at a request, it has to know requests and replies from each other: that it does
 * for Redis' protocol (without TLS, without MONITOR and subscriptions, which have no reply to each request).
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { createRespFramer } from './resp.js';

/**
 * Where a connection is cut, seen from a request: it does not reach the server; half of it does; the server has done it
 * and nothing of its reply gets back; half of the reply does; the whole reply does.
 */
export type CutPoint = 'before-request' | 'mid-request' | 'before-reply' | 'mid-reply' | 'after-reply';

/** `reset`: RST, both sides see an error. `end`: FIN, both see an orderly end. */
type CutKind = 'reset' | 'end';

/** A running proxy. */
export interface TcpProxy {
  readonly port: number;
  /** Connections that are open now, and all that there ever were. */
  readonly open: number;
  readonly accepted: number;
  /** Cuts every connection; new ones are taken. */
  cutAll(kind?: CutKind): void;
  /**
   * From now on nothing passes, in any connection, and none is closed, new ones included: what a pulled cable does. What
   * is sent meanwhile waits, as TCP would send it again.
   */
  freeze(): void;
  /** The cable is in again: what waited passes; connections that one side gave up meanwhile end. */
  thaw(): void;
  /**
   * Cuts the connection of the next request that contains `text`, once; resolves when it is cut. Its later requests are
   * not passed on any more.
   */
  cutAtRequest(text: string, point: CutPoint, kind?: CutKind): Promise<void>;
  /** Ends it and every connection. Happens by itself when the test ends. */
  stop(): Promise<void>;
}

interface Rule {
  readonly text: string;
  readonly point: CutPoint;
  readonly kind: CutKind;
  done(): void;
}

interface Link {
  cut(kind: CutKind): void;
  freeze(): void;
  thaw(): void;
}

/** What all connections of a proxy go by. */
interface Faults {
  readonly rules: Rule[];
  frozen: boolean;
}

/** What a proxy may be told. */
export interface TcpProxyOptions {
  /** Whose requests are told from each other; `bytes` (TLS, HTTP) passes on what comes and cannot cut at a request. */
  readonly protocol?: 'redis' | 'bytes';
}

/** Starts a proxy on a free port to a port of 127.0.0.1. */
export async function startTcpProxy(
  targetPort: number,
  { protocol = 'redis' }: TcpProxyOptions = {},
): Promise<TcpProxy> {
  const faults: Faults = { rules: [], frozen: false };
  const links = new Set<Link>();
  let accepted = 0;
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    accepted++;
    const link = createLink(client, targetPort, faults, protocol, () => links.delete(link));
    links.add(link);
    if (faults.frozen) link.freeze();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: TcpProxy = {
    port: (server.address() as AddressInfo).port,
    get open() {
      return links.size;
    },
    get accepted() {
      return accepted;
    },
    cutAll(kind = 'reset') {
      for (const link of links) link.cut(kind);
    },
    freeze() {
      faults.frozen = true;
      for (const link of links) link.freeze();
    },
    thaw() {
      faults.frozen = false;
      for (const link of links) link.thaw();
    },
    cutAtRequest(text, point, kind = 'reset') {
      if (protocol === 'bytes') throw new Error('a proxy of bytes does not know requests');
      return new Promise((done) => faults.rules.push({ text, point, kind, done }));
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      proxy.cutAll();
      await closed;
    },
  };
  try {
    onTestFinished(() => proxy.stop());
  } catch {
    // In a hook there is no test that could end it: the hook's owner does.
  }
  return proxy;
}

/** One connection of a client and the one to the server that belongs to it. */
function createLink(client: Socket, port: number, faults: Faults, protocol: 'redis' | 'bytes', gone: () => void): Link {
  const server = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  /** A request that was passed on and is not answered yet; with the rule that is waiting for its answer. */
  const unanswered: (Rule | undefined)[] = [];
  /** Ends that came while the cable was out, which the other side must not see before it is in again. */
  const heldEnds: (() => void)[] = [];
  /** A request that must not reach the server, or half of it only. */
  let last: { rule: Rule; frame: Buffer } | undefined;
  let isCutting = false;

  function cut(kind: CutKind): void {
    isCutting = true;
    for (const socket of [client, server]) {
      if (kind === 'reset') socket.resetAndDestroy();
      else socket.destroySoon();
    }
    gone();
  }

  function passRequest(frame: Buffer): void {
    if (last !== undefined) return;
    const at = faults.rules.findIndex(({ text }) => frame.includes(text));
    const [rule] = at === -1 ? [] : faults.rules.splice(at, 1);
    if (rule?.point === 'before-request' || rule?.point === 'mid-request') {
      last = { rule, frame };
      passLast();
      return;
    }
    unanswered.push(rule);
    server.write(frame);
  }

  /** Requests before it have their replies; whatever the client sends after it is swallowed. */
  function passLast(): void {
    if (last === undefined || unanswered.length > 0) return;
    const { rule, frame } = last;
    server.write(frame.subarray(0, rule.point === 'mid-request' ? frame.length >> 1 : 0), () => finish(rule));
  }

  function passReply(frame: Buffer): void {
    if (isCutting) return;
    // A push message answers nothing.
    const rule = frame[0] === 0x3e ? undefined : unanswered.shift();
    if (rule === undefined) {
      client.write(frame);
      passLast();
      return;
    }
    isCutting = true;
    const share = rule.point === 'mid-reply' ? 0.5 : rule.point === 'after-reply' ? 1 : 0;
    client.write(frame.subarray(0, Math.floor(frame.length * share)), () => finish(rule));
  }

  function finish(rule: Rule): void {
    cut(rule.kind);
    rule.done();
  }

  const pairs = [
    { from: client, to: server, pass: passRequest },
    { from: server, to: client, pass: passReply },
  ];
  for (const { from, to, pass } of pairs) {
    const framesOf = protocol === 'redis' ? createRespFramer() : (chunk: Buffer) => [chunk];
    const passChunk =
      protocol === 'redis' ? (chunk: Buffer) => framesOf(chunk).forEach(pass) : (chunk: Buffer) => void to.write(chunk);
    from.on('data', (chunk) => {
      passChunk(chunk);
      if (!to.writableNeedDrain) return;
      from.pause();
      to.once('drain', () => {
        if (!faults.frozen) from.resume();
      });
    });
    from.on('end', () => to.end());
    from.on('error', () => undefined);
    from.on('close', () => {
      const end = () => {
        if (from.errored) to.resetAndDestroy();
        else to.destroySoon();
        gone();
      };
      if (faults.frozen && !isCutting) heldEnds.push(end);
      else end();
    });
  }
  return {
    cut,
    freeze() {
      client.pause();
      server.pause();
    },
    thaw() {
      for (const end of heldEnds.splice(0)) end();
      client.resume();
      server.resume();
    },
  };
}
