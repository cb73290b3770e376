/** Real ports, of whose calls one fails. */
import { HrmError, isHrmError, type Queue, type Snapshot, type Storage } from '../../src/index.js';

/** Fails the n-th call of a run: before its effect, or after it, when only the reply is lost. */
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

/** One call that may be the one to fail. */
async function through<T>(fault: Fault, call: () => Promise<T>): Promise<T> {
  fault.calls += 1;
  const fails = fault.calls === fault.at || (fault.isLast === true && fault.calls > fault.at);
  if (fails && fault.when === 'before') throw fault.error ?? BROKEN;
  const result = await call();
  if (fails) throw fault.error ?? BROKEN;
  return result;
}

/** The queue, one of whose calls fails. */
export function failingQueue(queue: Queue, fault: Fault): Queue {
  return {
    ...queue,
    push: (...args) => through(fault, () => queue.push(...args)),
    claim: (...args) => through(fault, () => queue.claim(...args)),
    ack: (...args) => through(fault, () => queue.ack(...args)),
    release: (...args) => through(fault, () => queue.release(...args)),
  };
}

/** The storage, one of whose calls fails. */
export function failingStorage(storage: Storage, fault: Fault): Storage {
  // The driver knows its own snapshots only.
  const originals = new Map<Snapshot, Snapshot>();
  function failingSnapshot(snapshot: Snapshot): Snapshot {
    const files = snapshot.files.map((file) => {
      return { ...file, read: (from: number, to: number) => through(fault, () => file.read(from, to)) };
    });
    const failing = { ...snapshot, files };
    originals.set(failing, snapshot);
    return failing;
  }
  return {
    ...storage,
    publish: (...args) => through(fault, () => storage.publish(...args)),
    snapshot: async (...args) => failingSnapshot(await through(fault, () => storage.snapshot(...args))),
    replace: (replacement) => {
      const snapshot = originals.get(replacement.snapshot) ?? replacement.snapshot;
      return through(fault, () => storage.replace({ ...replacement, snapshot }));
    },
    quarantine: (snapshot, ...args) =>
      through(fault, () => storage.quarantine(originals.get(snapshot) ?? snapshot, ...args)),
    remove: (...args) => through(fault, () => storage.remove(...args)),
    visit: (...args) => through(fault, () => storage.visit(...args)),
    versions: (...args) => through(fault, () => storage.versions(...args)),
    check: () => through(fault, () => storage.check()),
    async *partitions(...args) {
      await through(fault, async () => undefined);
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
