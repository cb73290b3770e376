/**
 * The thread that imports the file of an upload: it reads and judges it, and asks the process to take the readings. Whatever a file does to
 * its reader, others are answered meanwhile, and the thread can be ended.
 * @module
 */
import { parentPort } from 'node:worker_threads';
import { HrmError, isHrmError } from '../../errors.js';
import { MAX_FAULTS } from '../../limits.js';
import type { QueueDepth } from '../../ports/queue.js';
import { visibleText } from '../../process/terminal-text.js';
import { type Destination, NOWHERE, toDestination } from '../destination.js';
import { faultLines } from '../fault-lines.js';
import { type FileResult, failedFiles, isAllDamage } from '../files/file-result.js';
import { importOpened } from '../files/import-file.js';
import { createRun } from '../files/import-files.js';
import { toImportAccount } from '../files/report.js';
import { openHandle } from '../inputs.js';
import {
  type Ask,
  fromPlainError,
  type Order,
  type PlainError,
  type Reply,
  type Saying,
  toPlainError,
} from './messages.js';

/** How long the import waits in which nothing leaves the queue, ms: whoever sent the file waits as well. */
const STALL_MS = 30_000;

const ZONE_NEEDED =
  'its times have no time zone, and none is assumed: say where they were taken, time_zone=Europe/Madrid';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

const port = parentPort;
const waiting = new Map<number, Waiting>();
let asked = 0;

port?.once('message', (order: Order) => {
  port.on('message', settle);
  // What is no HrmError ends the thread, and is told by that.
  void run(order).then((saying) => {
    port.postMessage(saying);
    port.close();
  });
});

function settle(reply: Reply): void {
  const { resolve, reject } = waiting.get(reply.id) as Waiting;
  waiting.delete(reply.id);
  if ('error' in reply) reject(fromPlainError(reply.error));
  else resolve(reply.value);
}

function ask<Result>(toAsk: (id: number) => Ask): Promise<Result> {
  const id = asked;
  asked += 1;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
    port?.postMessage(toAsk(id));
  });
}

/** What only judges: it asks whether the readings could be taken for these users. */
function judging(): Destination {
  const seen = new Set<unknown>();
  const nowhere = toDestination(NOWHERE);
  return {
    ...nowhere,
    async enqueue(items, options) {
      const userIds = [...new Set(items.map((item) => (item as { user_id?: unknown }).user_id))];
      const fresh = userIds.filter((userId) => !seen.has(userId));
      for (const userId of fresh) seen.add(userId);
      if (fresh.length > 0) await ask((id) => ({ type: 'users', id, userIds: fresh }));
      return await nowhere.enqueue(items, options);
    },
  };
}

const destination: Destination = {
  waitsForRoom: false,
  enqueue: (items, { receivedMs }) => ask<number>((id) => ({ type: 'enqueue', id, items, receivedMs })),
  depth: () => ask<QueueDepth>((id) => ({ type: 'depth', id })),
};

async function run({ handle, rules: { fileName, ...options } }: Order): Promise<Saying> {
  const { dryRun = false } = options;
  const { signal } = new AbortController();
  const begun = createRun({ destination }, { ...options, stallMs: STALL_MS, signal });
  const run = dryRun ? { ...begun, target: { destination: judging() } } : begun;
  try {
    const input = await openHandle(fileName, fileName, handle, signal);
    const results = await importOpened(run, input, false);
    await input.close();
    const account = Uint8Array.from(Buffer.from(JSON.stringify(toImportAccount(results, dryRun))));
    return { type: 'done', account, failure: failureOf(results) };
  } catch (error) {
    if (!isHrmError(error)) throw error;
    return { type: 'failed', error: toPlainError(error) };
  }
}

/** Why nothing of the file could be imported; `null` where something could. Whose the file is by its name is not repeated. */
function failureOf(results: readonly FileResult[]): PlainError | null {
  if (results.some((result) => result.outcome === 'imported' && !isAllDamage(result))) return null;
  const failed = [...failedFiles(results), ...results.filter(isAllDamage)];
  if (failed.length === 0) return null;
  const faults = failed
    .slice(0, MAX_FAULTS)
    .map((result) => ({ path: `/files/${results.indexOf(result)}`, message: problemOf(result) }));
  const [first] = faults;
  const message = failed.length === 1 ? (first?.message ?? '') : `${failed.length} files could not be imported`;
  const needsTimeZone = failed.some(({ error }) => error?.code === 'time_zone_needed');
  const code = needsTimeZone ? 'time_zone_needed' : 'not_imported';
  return toPlainError(new HrmError(message, { kind: 'invalid', code, faults, faultCount: failed.length }));
}

function problemOf({ file, error, account }: FileResult): string {
  if (error?.code === 'time_zone_needed') return ZONE_NEEDED;
  const [damage] = account?.damages ?? [];
  const message =
    error?.message ??
    (damage === undefined
      ? 'it is refused since the import is strict: nothing of it was enqueued'
      : `it is damaged, and no reading is left of it: ${damage.at}: ${damage.message}`);
  const named = `${visibleText(file)}: `;
  const first = (error?.faults ?? []).slice(0, 1);
  const [reason] = faultLines(first, first.length);
  const own = message.startsWith(named) ? message.slice(named.length) : message;
  return reason === undefined || message.includes(reason) ? own : `${own}: ${reason}`;
}
