/**
 * The dead letters of a Redis queue: a stream, whose entries have ids in order of arrival.
 * @module
 */
import { HrmError } from '../../../errors.js';
import type { DeadLetter, DeadLetters } from '../../../ports/queue.js';
import { sendCommand } from './call.js';
import { type RedisContext, requireOpen, run } from './context.js';
import { SCRIPTS } from './scripts.js';

/** Letters moved by one call, */
const LETTERS_PER_CALL = 100;

/** and bytes listed or moved by one, as long as there are several: a dead letter is as long as a stranger made it. */
const CALL_BYTES = 4 * 1024 * 1024;

/**
 * An id as callers see it: the stream's own (`milliseconds-sequence`), the sequence padded with zeros, so that ids
 * compare as text in order of arrival.
 */
const ID = /^(\d{13,20})-(\d{10,20})$/;

/** The dead letters of one queue. A redriven dead letter counts as one reading; its attempts go on from where they were. */
export function redisDeadLetters(context: RedisContext): DeadLetters {
  return {
    list: ({ afterId, limit }) => list(context, afterId === undefined ? '-' : `(${requireId(afterId)}`, '+', limit),
    async get(id) {
      const streamId = streamIdOf(id);
      if (streamId === null) return null;
      return (await list(context, streamId, streamId, 1))[0] ?? null;
    },
    redrive: (ids) =>
      inChunks(ids, async (chunk) => {
        const { queue, dead } = context.keys;
        const reply = (await run(context, SCRIPTS.redrive, [queue, dead], [CALL_BYTES, ...chunk])) as [number, number];
        return { done: reply[0], count: reply[1] };
      }),
    purge: (ids) =>
      inChunks(ids, async (chunk) => {
        requireOpen(context);
        const count = await sendCommand(context.server, 'XDEL', [context.keys.dead, ...chunk]);
        return { done: chunk.length, count: Number(count) };
      }),
  };
}

async function list(context: RedisContext, from: string, to: string, limit: number): Promise<readonly DeadLetter[]> {
  const entries = await run(context, SCRIPTS.deadLetters, [context.keys.dead], [from, to, limit, CALL_BYTES]);
  return (entries as [Buffer, Buffer[]][]).map(([id, fields]) => toDeadLetter(String(id), fields));
}

function toDeadLetter(streamId: string, fields: readonly Buffer[]): DeadLetter {
  const byName = new Map<string, Buffer>();
  for (let i = 0; i + 1 < fields.length; i += 2) byName.set(String(fields[i]), fields[i + 1] ?? Buffer.alloc(0));
  const [ms = '', sequence = ''] = streamId.split('-');
  return {
    id: `${ms.padStart(13, '0')}-${sequence.padStart(10, '0')}`,
    reason: String(byName.get('reason') ?? ''),
    bytes: byName.get('bytes') ?? Buffer.alloc(0),
    stampMs: Number(byName.get('stamp_ms') ?? ms),
    attempts: Number(byName.get('attempts') ?? 1),
    deadMs: Number(byName.get('dead_ms') ?? ms),
  };
}

/** @param move - tells how many of the ids it is done with, at least one, and how many dead letters it found. */
async function inChunks(
  ids: readonly string[],
  move: (chunk: string[]) => Promise<{ readonly done: number; readonly count: number }>,
): Promise<number> {
  const known = ids.flatMap((id) => streamIdOf(id) ?? []);
  let total = 0;
  for (let from = 0; from < known.length; ) {
    const { done, count } = await move(known.slice(from, from + LETTERS_PER_CALL));
    from += done;
    total += count;
  }
  return total;
}

/** The stream's own id; `null` when it can be nobody's. */
function streamIdOf(id: string): string | null {
  const [, ms, sequence] = ID.exec(id) ?? [];
  return ms === undefined || sequence === undefined ? null : `${BigInt(ms)}-${BigInt(sequence)}`;
}

function requireId(id: string): string {
  const streamId = streamIdOf(id);
  if (streamId !== null) return streamId;
  throw new HrmError(`"${id}" is not the id of a dead letter: take one from the list`, {
    kind: 'invalid',
    code: 'invalid_dead_letter_id',
  });
}
