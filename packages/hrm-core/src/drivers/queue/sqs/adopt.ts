/**
 * Letters that the service itself has made: what was received more often than the queue's RedrivePolicy allows goes to a queue of dead
 * letters, where nobody can look at one alone. Whoever consumes, or lists letters, moves them to where all others are.
 * @module
 */
import { isHrmError } from '../../../errors.js';
import type { DeadLetterInput } from '../../../ports/queue.js';
import type { SqsApi } from './api.js';
import { deleteMessages } from './batches.js';
import { unpack } from './frame.js';
import { receiveMessages } from './receive.js';

/** Between two looks of a consumer, milliseconds. */
const EVERY_MS = 60_000;

/** How long a message is hidden while it is moved, seconds: files are synced within some. */
const HIDDEN_S = 60;

/** Receives of one look; the next goes on. */
const MAX_ROUNDS = 100;

/** Moves what the service has set aside. */
export interface Adopter {
  /** Moves all now. What cannot be moved stays where it is, and {@link Adopter.failure} says why. */
  adopt(): Promise<void>;
  /** The same, beside what a consumer does, and not more often than once a minute. */
  adoptSometimes(): void;
  /** Why the last look failed; `null`: it did not. */
  readonly failure: string | null;
  settled(): Promise<void>;
}

/** What an adopter works with. */
export interface AdopterContext {
  /** Actions on the queue of dead letters; `null`: the queue has none. */
  readonly deadQueue: () => Promise<SqsApi | null>;
  /** Keeps dead letters durably. */
  readonly keep: (letters: readonly DeadLetterInput[], scope: string) => Promise<void>;
}

/** Nothing was looked at so far. */
export function createAdopter({ deadQueue, keep }: AdopterContext): Adopter {
  let running: Promise<void> | null = null;
  let lastMs = Number.NEGATIVE_INFINITY;
  let failure: string | null = null;

  async function moveAll(): Promise<void> {
    const api = await deadQueue();
    if (api === null) return;
    for (let round = 0; round < MAX_ROUNDS; round += 1) if ((await moveSome(api, keep)) === 0) break;
  }

  async function adopt(): Promise<void> {
    running ??= moveAll()
      .then(() => {
        failure = null;
      })
      .catch((error: unknown) => {
        if (!isHrmError(error)) throw error;
        failure = error.message;
      })
      .finally(() => {
        running = null;
        lastMs = performance.now();
      });
    await running;
  }

  return {
    adopt,
    adoptSometimes() {
      if (performance.now() - lastMs >= EVERY_MS) void adopt();
    },
    get failure() {
      return failure;
    },
    async settled() {
      await running;
    },
  };
}

/** Letters first, then the messages go: killed between the two, they are the same letters again. @returns how many messages there were. */
async function moveSome(api: SqsApi, keep: AdopterContext['keep']): Promise<number> {
  const messages = await receiveMessages(api, { hiddenSeconds: HIDDEN_S, waitSeconds: 0 });
  const letters: DeadLetterInput[] = [];
  for (const message of messages) {
    const reason = `received_too_often: it was delivered ${message.attempts} times and never stored: look whether it stops a consumer`;
    for (const { readings, ...element } of await unpack(message)) letters.push({ ...element, reason });
  }
  if (letters.length > 0) await keep(letters, 'adopted');
  await deleteMessages(api, messages);
  return messages.length;
}
