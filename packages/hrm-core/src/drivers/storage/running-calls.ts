import { HrmError } from '../../errors.js';

/** The calls of an open storage, which waits for them when it is closed. */
export interface RunningCalls {
  /** @throws HrmError kind `closed`, code `storage_closed`. */
  requireOpen(): void;
  /** Makes a call. @throws as {@link RunningCalls.requireOpen}. */
  run<T>(call: () => Promise<T>): Promise<T>;
  /** Lets no further call begin, and resolves when those under way have ended. */
  close(): Promise<void>;
}

/** Begins to keep count of calls. */
export function createRunningCalls(): RunningCalls {
  const running = new Set<Promise<unknown>>();
  let isClosed = false;
  function requireOpen(): void {
    if (isClosed) throw new HrmError('the storage is closed', { kind: 'closed', code: 'storage_closed' });
  }
  return {
    requireOpen,
    async run(call) {
      requireOpen();
      const result = call();
      running.add(result);
      return result.finally(() => running.delete(result));
    },
    async close() {
      isClosed = true;
      await Promise.allSettled(running);
    },
  };
}

/** The error of a call that writes, in a storage that only looks. */
export function readOnlyError(): HrmError {
  return new HrmError('the storage was opened to read only', { kind: 'internal', code: 'storage_read_only' });
}
