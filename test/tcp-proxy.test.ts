/** The proxy that breaks connections for the Redis tests breaks them where it says, and nothing else. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from './support/redis-process.js';
import { startRedis } from './support/redis-server.js';
import { createRespFramer } from './support/resp.js';
import { type CutPoint, startTcpProxy } from './support/tcp-proxy.js';

/** A connection that keeps what it got, and how it ended. */
interface Client {
  readonly socket: Socket;
  readonly received: () => string;
  /** `open`, `end`, or the error's code. */
  readonly state: () => string;
}

async function connectTo(port: number): Promise<Client> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  let received = '';
  let state = 'open';
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text;
  });
  socket.on('end', () => {
    state = 'end';
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    state = error.code ?? '';
  });
  await once(socket, 'connect');
  return { socket, received: () => received, state: () => state };
}

function command(...args: string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
}

async function setUp() {
  const redis = await startRedis({ appendfsync: 'no' });
  const proxy = await startTcpProxy(redis.port);
  return { redis, proxy, client: await connectTo(proxy.port) };
}

describe('createRespFramer', () => {
  const values = [
    command('RPUSH', 'a\r\nb', '*3'),
    '+OK\r\n',
    '-ERR no\r\n',
    ':12\r\n',
    '$-1\r\n',
    '*-1\r\n',
    '*0\r\n',
    '$0\r\n\r\n',
    '*2\r\n*2\r\n:1\r\n$1\r\na\r\n%1\r\n+a\r\n*1\r\n:2\r\n',
    '>2\r\n+message\r\n~1\r\n#t\r\n',
    '=7\r\ntxt:a\r\n\r\n',
    'PING\r\n',
  ];

  it.each([1, 2, 3, 7, 1_000])('finds each value, whole and as it came, in pieces of %i bytes', (size) => {
    const bytes = Buffer.from(values.join(''));
    const framesOf = createRespFramer();
    const frames: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      frames.push(...framesOf(bytes.subarray(at, at + size)).map(String));
    }
    expect(frames).toEqual(values);
  });
});

describe('startTcpProxy', () => {
  it('passes large and pipelined requests unchanged, and an orderly end', async () => {
    const { redis, proxy, client } = await setUp();
    const large = 'x'.repeat(3_000_000);
    client.socket.write(command('SET', 'a', large) + command('GET', 'a') + command('STRLEN', 'a'));
    const expected = `+OK\r\n$3000000\r\n${large}\r\n:3000000\r\n`;
    await eventually('the replies are there', async () => client.received().length >= expected.length);
    expect(client.received() === expected).toBe(true);
    expect(await redis.cli('STRLEN', 'a')).toBe('3000000');
    client.socket.end(command('QUIT'));
    await eventually('it ended', async () => client.state() === 'end' && proxy.open === 0);
    expect([proxy.accepted, client.received().slice(-5)]).toEqual([1, '+OK\r\n']);
  });

  it('passes bytes that are not of Redis', async () => {
    const { redis } = await setUp();
    const proxy = await startTcpProxy(redis.port, { protocol: 'bytes' });
    const client = await connectTo(proxy.port);
    client.socket.write('PI');
    client.socket.write('NG\r\n');
    await eventually('the reply is there', async () => client.received() === '+PONG\r\n');
    expect(() => proxy.cutAtRequest('a', 'before-reply')).toThrow('does not know requests');
  });

  it.each([
    ['reset', 'ECONNRESET'],
    ['end', 'end'],
  ] as const)('cuts every connection by %s, and takes new ones', async (kind, state) => {
    const { redis, proxy, client } = await setUp();
    const other = await connectTo(proxy.port);
    await eventually('both are open', async () => proxy.open === 2);
    proxy.cutAll(kind);
    await eventually('both are cut', async () => client.state() === state && other.state() === state);
    expect([proxy.open, proxy.accepted]).toEqual([0, 2]);
    const next = await connectTo(proxy.port);
    next.socket.write(command('PING'));
    await eventually('a new one works', async () => next.received() === '+PONG\r\n');
    await eventually('the server has lost the first two', async () =>
      // This one and that of redis-cli itself.
      (await redis.cli('INFO', 'clients')).includes('connected_clients:2\r'),
    );
  });

  it.each<[CutPoint, list: string, received: RegExp]>([
    ['before-request', '', /^:1\r\n$/],
    ['mid-request', '', /^:1\r\n$/],
    ['before-reply', 'cut-here\nb', /^:1\r\n$/],
    ['mid-reply', 'cut-here\nb', /^:1\r\n\*2\r\n\$[^b]*$/],
    ['after-reply', 'cut-here\nb', /^:1\r\n\*2\r\n\$\d+\r\ncut-here\r\n\$1\r\nb\r\n$/],
  ])('cuts at a request: %s', async (point, list, received) => {
    const { redis, proxy, client } = await setUp();
    const other = await connectTo(proxy.port);
    const cut = proxy.cutAtRequest('cut-here', point);
    const script = "redis.call('RPUSH', KEYS[1], ARGV[1], 'b') return redis.call('LRANGE', KEYS[1], 0, -1)";
    client.socket.write(
      command('RPUSH', 'before', 'a') +
        command('EVAL', script, '1', 'list', 'cut-here') +
        command('RPUSH', 'after', 'a'),
    );
    await cut;
    await eventually('it is cut', async () => client.state() !== 'open');
    // libuv shows a reset that comes together with bytes as an end.
    expect(client.state()).toMatch(/^(ECONNRESET|end)$/);
    expect(client.received()).toMatch(received);
    expect([await redis.cli('LRANGE', 'list', '0', '-1'), await redis.cli('LLEN', 'before')]).toEqual([list, '1']);
    // Once, and only that connection.
    other.socket.write(command('ECHO', 'cut-here'));
    await eventually('another passes', async () => other.received() === '$8\r\ncut-here\r\n');
  });

  it('frozen, passes nothing and closes nothing; thawed, all of it', async () => {
    const { redis, proxy, client } = await setUp();
    const leaving = await connectTo(proxy.port);
    await eventually('both are open', async () =>
      (await redis.cli('INFO', 'clients')).includes('connected_clients:3\r'),
    );
    proxy.freeze();
    const late = await connectTo(proxy.port);
    for (const one of [client, late]) one.socket.write(command('RPUSH', 'list', 'a'));
    leaving.socket.resetAndDestroy();
    await sleep(200);
    expect([client.state(), late.state(), client.received(), late.received()]).toEqual(['open', 'open', '', '']);
    // The server does not learn that one has left, and the late one is not there yet or says nothing.
    expect([await redis.cli('EXISTS', 'list'), proxy.open]).toEqual(['0', 3]);
    expect(await redis.cli('INFO', 'clients')).toMatch(/connected_clients:[34]\r/);
    proxy.thaw();
    await eventually('what waited has passed', async () => (await redis.cli('LLEN', 'list')) === '2');
    await eventually('who left is gone', async () => proxy.open === 2);
    await eventually('both have replies', async () => client.received() !== '' && late.received() !== '');
    expect([client.received(), late.received()].sort()).toEqual([':1\r\n', ':2\r\n']);
  });
});
