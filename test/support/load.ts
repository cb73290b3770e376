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
  /** Of whom it is. */
  readonly ledger: Ledger;
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

function take(ledger: Ledger, { random, round }: Load, length: number): Reading[] {
  const { sent } = ledger;
  return Array.from({ length }, () => {
    const timestampMs = START_MS + sent.size * MINUTE_MS;
    const heartRate = 30 + Math.floor(random() * 191);
    sent.set(shown(timestampMs), { heartRate, round: round() });
    return { ledger, timestampMs, heartRate };
  });
}

function someLength({ random }: Load): number {
  return random() < 0.3 ? 1 : 1 + Math.floor(random() * 40);
}

function accept(readings: readonly Reading[]): void {
  for (const { ledger, timestampMs } of readings) ledger.accepted.add(shown(timestampMs));
}

function countOutcome(ledgers: readonly Ledger[], outcome: string): void {
  for (const { outcomes } of ledgers) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}

/**
 * POSTs batches, each to one of the APIs that are there; half of those that fail once more, as clients do.
 * @param ledgers - of one user, whose batches are of any length, or of a crowd, of whom each batch has a reading each.
 */
export async function post(urls: () => readonly string[], ledgers: readonly Ledger[], load: Load): Promise<void> {
  const { random } = load;
  let failed: Reading[] | null = null;
  while (!load.isOver()) {
    const up = urls();
    const url = up[Math.floor(random() * up.length)];
    const length = ledgers.length === 1 ? someLength(load) : 1;
    const readings: Reading[] = failed ?? ledgers.flatMap((ledger) => take(ledger, load, length));
    const status = url === undefined ? 'none' : await postOnce(url, readings);
    countOutcome(ledgers, status);
    if (status === '202') accept(readings);
    else if (!/^(?:none|503)$/.test(status)) throw new Error(`a good batch was answered ${status}`);
    failed = status === '202' || random() < 0.5 ? null : readings;
    await sleep(status === '202' ? 25 : 50);
  }
}

/** The status; `none` where the connection ended first, so that nobody knows whether the readings are queued. */
async function postOnce(url: string, readings: readonly Reading[]): Promise<string> {
  const batch = readings.map(({ ledger, timestampMs, heartRate }) => {
    return { user_id: ledger.user, device_id: 'watch', timestamp: shown(timestampMs), heart_rate: heartRate };
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
    const readings = take(ledger, load, someLength(load));
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
    countOutcome([ledger], isAccepted ? 'ok' : 'none');
    if (isAccepted) accept(readings);
    await sleep(40);
  }
}
