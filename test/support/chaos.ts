/** What goes wrong in a deployment: each fault breaks something, waits, and mends it unless a supervisor does. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fillDisk } from './disk.js';
import { type Deployment, LEASE_MS } from './redis-deployment.js';
import { eventually } from './redis-process.js';

/** A reply that takes longer than this is given up (the driver's 5 s), milliseconds. */
const BEYOND_TIMEOUT_MS = 5_500;

/** How far clocks jump, milliseconds: within a lease, beyond one, and by an hour as after a change of daylight saving. */
const JUMPS_MS = [-3_600_000, -60_000, -700, 0, 700, 60_000, 3_600_000];

/** One thing that goes wrong. */
export interface Fault {
  readonly name: string;
  /** What it breaks; two faults of one target follow each other. */
  readonly target: 'redis' | 'proxy' | 'processes' | 'data disk' | 'clocks';
  run(deployment: Deployment, random: () => number): Promise<void>;
}

const FAULTS: readonly Fault[] = [
  { name: 'SIGKILL of a consumer', target: 'processes', run: killOne('consumers') },
  { name: 'SIGKILL of an API', target: 'processes', run: killOne('apis') },
  { name: 'SIGKILL of everything', target: 'redis', run: killEverything },
  { name: 'SIGKILL of Redis', target: 'redis', run: killRedis },
  { name: 'SIGSTOP of Redis', target: 'redis', run: stopRedis },
  { name: 'SIGSTOP of a consumer past its lease', target: 'processes', run: stopConsumer },
  { name: 'connections reset', target: 'proxy', run: async ({ proxy }) => proxy.cutAll('reset') },
  { name: 'connections ended', target: 'proxy', run: async ({ proxy }) => proxy.cutAll('end') },
  { name: 'half-open connections past the lease', target: 'proxy', run: freeze(LEASE_MS * 1.5) },
  { name: 'half-open connections past every timeout', target: 'proxy', run: freeze(BEYOND_TIMEOUT_MS) },
];

const DISK_FAULTS: readonly Fault[] = [
  { name: 'the data disk full', target: 'data disk', run: fillDataDisk },
  { name: "Redis' disk full", target: 'redis', run: fillRedisDisk },
];

const CLOCK_FAULTS: readonly Fault[] = [
  { name: "a jump of Redis' clock", target: 'clocks', run: jump('redis') },
  { name: "a jump of the processes' clock", target: 'clocks', run: jump('hrm') },
];

/** One fault a round, each as often as the others, in an order that `random` decides. */
export function planFaults(rounds: number, { hasDisks, clocks }: Deployment, random: () => number): Fault[] {
  const faults = [...FAULTS, ...(hasDisks ? DISK_FAULTS : []), ...(clocks ? CLOCK_FAULTS : [])];
  const plan: Fault[] = [];
  while (plan.length < rounds) {
    const deck = [...faults];
    while (deck.length > 0) plan.push(...deck.splice(Math.floor(random() * deck.length), 1));
  }
  return plan.slice(0, rounds);
}

function killOne(role: 'apis' | 'consumers'): Fault['run'] {
  return async (deployment, random) => {
    const others = role === 'consumers' ? [deployment.compacter] : [];
    const [victim] = pick([...deployment[role], ...others], random);
    victim?.signal('SIGKILL');
  };
}

async function killEverything({ all, redis }: Deployment, random: () => number): Promise<void> {
  for (const one of all) one.signal('SIGKILL');
  await restartRedis(redis, random);
}

async function killRedis({ redis }: Deployment, random: () => number): Promise<void> {
  await restartRedis(redis, random);
}

async function restartRedis(redis: Deployment['redis'], random: () => number): Promise<void> {
  await redis.kill('SIGKILL');
  await sleep(random() * 500);
  await redis.restart();
}

async function stopRedis({ redis }: Deployment, random: () => number): Promise<void> {
  redis.signal('SIGSTOP');
  await sleep(200 + random() * LEASE_MS);
  redis.signal('SIGCONT');
}

async function stopConsumer({ consumers }: Deployment, random: () => number): Promise<void> {
  const [victim] = pick(consumers, random);
  victim?.signal('SIGSTOP');
  await sleep(LEASE_MS * (1.2 + random() / 2));
  victim?.signal('SIGCONT');
}

function freeze(ms: number): Fault['run'] {
  return async ({ proxy }) => {
    proxy.freeze();
    await sleep(ms);
    proxy.thaw();
  };
}

async function fillDataDisk({ dataDirectory }: Deployment, random: () => number): Promise<void> {
  const free = await fillDisk(dataDirectory, 0);
  await sleep(300 + random() * LEASE_MS);
  await free();
}

/** With `appendfsync always` Redis ends when it cannot write its append-only file. */
async function fillRedisDisk({ redis, redisDirectory }: Deployment): Promise<void> {
  const free = await fillDisk(redisDirectory, 0);
  await eventually('Redis on a full disk ends', async () => !redis.isAlive);
  await free();
  await redis.restart();
}

function jump(which: 'redis' | 'hrm'): Fault['run'] {
  return async ({ clocks }, random) => {
    const [offsetMs = 0] = pick(JUMPS_MS, random);
    await clocks?.[which].setAhead(offsetMs);
  };
}

function pick<T>(from: readonly T[], random: () => number): T[] {
  return from.slice(Math.floor(random() * from.length)).slice(0, 1);
}
