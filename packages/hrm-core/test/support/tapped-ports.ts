/** Real ports, through whose calls a test does something: fails one, or holds it up. */
import type { Queue, Snapshot, Storage, StoredFile } from '../../src/index.js';

/** Runs one call of a port, or one step of an iterator of it. @param kind - `read`: it has no effect. */
export type Tap = <T>(call: () => Promise<T>, kind?: 'read') => Promise<T>;

/** The queue, whose calls go through a tap. */
export function tappedQueue(queue: Queue, tap: Tap): Queue {
  return {
    ...queue,
    push: (...args) => tap(() => queue.push(...args)),
    claim: (...args) => tap(() => queue.claim(...args)),
    ack: (...args) => tap(() => queue.ack(...args)),
    release: (...args) => tap(() => queue.release(...args)),
    store: {
      get: () => tap(() => queue.store.get(), 'read'),
      remember: (...args) => tap(() => queue.store.remember(...args)),
    },
  };
}

/** The storage, whose calls and whose files' reads go through a tap. */
export function tappedStorage(storage: Storage, tap: Tap): Storage {
  // The driver knows its own snapshots only.
  const originals = new Map<Snapshot, Snapshot>();
  const originalOf = (snapshot: Snapshot) => originals.get(snapshot) ?? snapshot;
  function tappedFile(file: StoredFile): StoredFile {
    return { ...file, read: (from, to) => tap(() => file.read(from, to), 'read') };
  }
  return {
    ...storage,
    publish: (...args) => tap(() => storage.publish(...args)),
    async snapshot(...args) {
      const original = await tap(() => storage.snapshot(...args), 'read');
      const tapped = { ...original, files: original.files.map(tappedFile) };
      originals.set(tapped, original);
      return tapped;
    },
    replace: (replacement, options) =>
      tap(() => storage.replace({ ...replacement, snapshot: originalOf(replacement.snapshot) }, options)),
    quarantine: (snapshot, ...args) => tap(() => storage.quarantine(originalOf(snapshot), ...args)),
    remove: (...args) => tap(() => storage.remove(...args)),
    removeExact: (snapshot, ...args) => tap(() => storage.removeExact(originalOf(snapshot), ...args)),
    async visit(...args) {
      const visit = await tap(() => storage.visit(...args));
      return { ...visit, markClean: () => tap(() => visit.markClean()) };
    },
    versions: (...args) => tap(() => storage.versions(...args), 'read'),
    state: (...args) => tap(() => storage.state(...args), 'read'),
    settingsFile: (...args) => tap(() => storage.settingsFile(...args), 'read'),
    settingsFiles: () => tap(() => storage.settingsFiles(), 'read'),
    putSettingsFile: (...args) => tap(() => storage.putSettingsFile(...args)),
    removeSettingsFile: (...args) => tap(() => storage.removeSettingsFile(...args)),
    vacate: (...args) => tap(() => storage.vacate(...args)),
    discard: (...args) => tap(() => storage.discard(...args)),
    erasures: {
      ...storage.erasures,
      add: (...args) => tap(() => storage.erasures.add(...args)),
      keepFor: (...args) => tap(() => storage.erasures.keepFor(...args)),
      finish: (...args) => tap(() => storage.erasures.finish(...args)),
    },
    check: () => tap(() => storage.check(), 'read'),
    dates: (...args) => tap(() => storage.dates(...args), 'read'),
    partitions: (...args) => tappedSteps(() => storage.partitions(...args), tap),
    async *quarantined(...args) {
      for await (const aside of tappedSteps(() => storage.quarantined(...args), tap)) {
        yield { ...aside, file: tappedFile(aside.file) };
      }
    },
  };
}

/** What an iterator yields, each step of it through a tap. */
export async function* tappedSteps<T>(begin: () => AsyncIterable<T>, tap: Tap): AsyncGenerator<T, void, undefined> {
  const steps = begin()[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await tap(() => steps.next(), 'read');
      if (step.done) return;
      yield step.value;
    }
  } finally {
    await steps.return?.();
  }
}
