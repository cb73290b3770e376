/**
 * What long answers share: places, of which there are so many, and pieces that end with the key of whoever asked.
 */
import { createYielder } from 'hrm-core';
import { requireValid } from 'hrm-core/keys';
import type { Semaphore } from 'hrm-core/shares';
import { cutAnswer } from '../http/connections/cut.js';
import { LONG_SEARCH_MS } from '../limits.js';
import type { StreamOptions } from './answer.js';
import { type Call, clientOf } from './handler.js';

/** A place among the long answers, which a call takes once, when it turns out to need one, and has until the answer ends. */
export interface Place {
  /** @throws HrmError code `too_busy`, where there is none left for this client. */
  take(): void;
  /** Looks for an answer, and for a place where that takes long: without one it is told to stop. @throws as {@link Place.take}. */
  during<Found>(find: (signal: AbortSignal) => Promise<Found>): Promise<Found>;
}

/** Creates a call's place, not yet taken. */
export function createPlace(call: Call, semaphore: Semaphore): Place {
  let isTaken = false;
  function take(): void {
    if (isTaken) return;
    call.outgoing.once('close', semaphore.acquire(clientOf(call), call.access.limits.long_answers));
    isTaken = true;
  }
  return {
    take,
    async during(find) {
      const refused = new AbortController();
      const timer = setTimeout(() => {
        try {
          take();
        } catch (error) {
          refused.abort(error);
        }
      }, LONG_SEARCH_MS);
      try {
        return await find(AbortSignal.any([call.signal, refused.signal]));
      } catch (error) {
        refused.signal.throwIfAborted();
        throw error;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/**
 * How the pieces of an answer are made: each only while the key counts; what stops them cuts the connection.
 * @param inTurn - lets a piece wait its turn; default: it need not.
 */
export function streamOptions(call: Call, inTurn: StreamOptions['makeWith'] = (make) => make()): StreamOptions {
  const { access, outgoing, onLateError } = call;
  const { yieldTurn } = createYielder({ owner: clientOf(call) });
  return {
    async makeWith(make) {
      // A socket that takes each piece at once asks for the next in the same turn of the event loop.
      await yieldTurn();
      requireValid(access);
      return await inTurn(make);
    },
    onError(error) {
      onLateError(error);
      cutAnswer(outgoing);
    },
  };
}
