/** Real ports, of whose calls one fails. */
import { HrmError, isHrmError, type Queue, type Storage } from '../../src/index.js';
import { type Tap, tappedQueue, tappedStorage } from './tapped-ports.js';

/**
 * Fails the n-th call of a run: before its effect, or after it, when only the reply is lost. After it, calls that have no effect do not count:
 * they would be the same failure twice.
 */
export interface Fault {
  at: number;
  when: 'before' | 'after';
  calls: number;
  /** What the failing call throws; by default that the storage is unavailable. */
  error?: Error;
  /** Whether every later call fails too, as after the death of the process. */
  isLast?: boolean;
}

const BROKEN = new HrmError('the disk fell off', { kind: 'unavailable', code: 'storage_unavailable' });

/** Lets every call be the one to fail. */
function failing(fault: Fault): Tap {
  return async (call, kind) => {
    const isDead = fault.isLast === true && fault.calls >= fault.at;
    if (kind === 'read' && fault.when === 'after' && !isDead) return await call();
    fault.calls += 1;
    const fails = fault.calls === fault.at || isDead;
    if (fails && fault.when === 'before') throw fault.error ?? BROKEN;
    const result = await call();
    if (fails) throw fault.error ?? BROKEN;
    return result;
  };
}

/** The queue, one of whose calls fails. */
export function failingQueue(queue: Queue, fault: Fault): Queue {
  return tappedQueue(queue, failing(fault));
}

/** The storage, one of whose calls fails. A listing fails where it begins: at each step of it, runs would be twice as long. */
export function failingStorage(storage: Storage, fault: Fault): Storage {
  const tap = failing(fault);
  return {
    ...tappedStorage(storage, tap),
    async *partitions(...args) {
      await tap(async () => undefined, 'read');
      yield* storage.partitions(...args);
    },
  };
}

/** Tries again what failed by the fault, as a loop or a client would; any other failure is one of the test. */
export async function insist<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!isHrmError(error) || error.kind !== 'unavailable') throw error;
    return step();
  }
}
