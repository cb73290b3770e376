/** Producers that remember what they sent and what was acknowledged, each reading one of a kind. */
import { setTimeout as sleep } from 'node:timers/promises';
import { postBatch } from './hrm.js';
import type { Redis } from './redis-server.js';

const START_MS = Date.UTC(2023, 0, 1);
const MINUTE_MS = 60_000;

/** A request that takes longer is a request that hangs: the longest wait inside is 10 s. */
const MAX_REQUEST_MS = 20_000;

/** What was sent of one user, a reading a minute, so that GET shows each reading as a row. */
export interface Ledger {
  readonly user: string;
  /** GET's timestamp -> heart rate, and the round it was sent in. */
  readonly sent: Map<string, { readonly heartRate: number; readonly round: number }>;
  /** Timestamps of those that were acknowledged. */
  readonly accepted: Set<string>;
  /** Statuses of the answers, and `none`. */
  readonly outcomes: Map<string, number>;
}

/** What all producers of a test go by. */
export interface Load {
  readonly random: () => number;
  /** The round that is on. */
  round(): number;
  isOver(): boolean;
}

interface Reading {
  readonly timestampMs: number;
  readonly heartRate: number;
}

/** A user of whom nothing was sent. */
export function createLedger(user: string): Ledger {
  return { user, sent: new Map(), accepted: new Set(), outcomes: new Map() };
}

/** GET's form of a time. */
function shown(timestampMs: number): string {
  return new Date(timestampMs).toISOString().replace('.000Z', 'Z');
}

/** The range that holds all that was sent. */
export function rangeOf({ sent }: Ledger): { start: string; end: string } {
  return { start: shown(START_MS), end: shown(START_MS + (sent.size + 1) * MINUTE_MS) };
}

function take({ sent }: Ledger, { random, round }: Load): Reading[] {
  return Array.from({ length: random() < 0.3 ? 1 : 1 + Math.floor(random() * 40) }, () => {
    const timestampMs = START_MS + sent.size * MINUTE_MS;
    const heartRate = 30 + Math.floor(random() * 191);
    sent.set(shown(timestampMs), { heartRate, round: round() });
    return { timestampMs, heartRate };
  });
}

function accept({ accepted }: Ledger, readings: readonly Reading[]): void {
  for (const { timestampMs } of readings) accepted.add(shown(timestampMs));
}

/** POSTs batches, each to one of the APIs that are there; half of those that fail once more, as clients do. */
export async function post(urls: () => readonly string[], ledger: Ledger, load: Load): Promise<void> {
  const { random } = load;
  let failed: Reading[] | null = null;
  while (!load.isOver()) {
    const up = urls();
    const url = up[Math.floor(random() * up.length)];
    const readings: Reading[] = failed ?? take(ledger, load);
    const status = url === undefined ? 'none' : await postOnce(url, ledger.user, readings);
    ledger.outcomes.set(status, (ledger.outcomes.get(status) ?? 0) + 1);
    if (status === '202') accept(ledger, readings);
    else if (!/^(?:none|503)$/.test(status)) throw new Error(`a good batch was answered ${status}`);
    failed = status === '202' || random() < 0.5 ? null : readings;
    await sleep(status === '202' ? 10 : 30);
  }
}

/** The status; `none` where the connection ended first, so that nobody knows whether the readings are queued. */
async function postOnce(url: string, user_id: string, readings: readonly Reading[]): Promise<string> {
  const batch = readings.map(({ timestampMs, heartRate }) => {
    return { user_id, device_id: 'watch', timestamp: shown(timestampMs), heart_rate: heartRate };
  });
  try {
    return String(await postBatch(url, batch, AbortSignal.timeout(MAX_REQUEST_MS)));
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError')
      throw new Error(`no answer to a POST within ${MAX_REQUEST_MS} ms`);
    return 'none';
  }
}

/** Pushes what the original system's API pushed: one reading an element, without the time of its arrival. */
export async function pushForeign(redis: Redis, ledger: Ledger, load: Load): Promise<void> {
  while (!load.isOver()) {
    const readings = take(ledger, load);
    const elements = readings.map(({ timestampMs, heartRate }) =>
      JSON.stringify({
        device_id: 'watch',
        user_id: ledger.user,
        timestamp_ms: timestampMs,
        heart_rate: heartRate,
      }),
    );
    const reply = await redis.cli('RPUSH', 'heartbeat:queue', ...elements).catch(() => 'none');
    const isAccepted = /^\d+$/.test(reply);
    ledger.outcomes.set(isAccepted ? 'ok' : 'none', (ledger.outcomes.get(isAccepted ? 'ok' : 'none') ?? 0) + 1);
    if (isAccepted) accept(ledger, readings);
    await sleep(40);
  }
}
