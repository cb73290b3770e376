/** Waits that end: after a time, or when nobody waits any more. They run in browsers, too. */

/** Those who wait for one signal, over one listener. */
interface Hearers {
  readonly all: Set<() => void>;
  readonly tell: () => void;
}

const hearersOf = new WeakMap<AbortSignal, Hearers>();

/**
 * Calls `hear` when a signal fires, unless that is taken back before; never where it has fired already. Any number may wait for one signal:
 * they share a listener, since Node takes more than ten of one signal for a leak, and warns.
 * @returns what takes it back.
 */
export function onAbort(signal: AbortSignal | undefined, hear: () => void): () => void {
  if (signal === undefined || signal.aborted) return () => undefined;
  const hearers = hearersOf.get(signal) ?? listenTo(signal);
  // Of its own, so that the same function may be given twice.
  const one = () => hear();
  hearers.all.add(one);
  return () => {
    hearers.all.delete(one);
    if (hearers.all.size > 0 || hearersOf.get(signal) !== hearers) return;
    hearersOf.delete(signal);
    signal.removeEventListener('abort', hearers.tell);
  };
}

function listenTo(signal: AbortSignal): Hearers {
  const all = new Set<() => void>();
  const hearers: Hearers = {
    all,
    tell() {
      hearersOf.delete(signal);
      for (const hear of all) hear();
    },
  };
  hearersOf.set(signal, hearers);
  signal.addEventListener('abort', hearers.tell, { once: true });
  return hearers;
}

/** Resolves after `ms` milliseconds, or as soon as `signal` fires; never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    function end(): void {
      clearTimeout(timer);
      forget();
      resolve();
    }
    const timer = setTimeout(end, ms);
    const forget = onAbort(signal, end);
    if (signal?.aborted === true) end();
  });
}

/**
 * What a promise comes to, if it does so within `ms` milliseconds; else what `late` returns, or throws. The promise goes on by itself,
 * and an error of it that comes later is nobody's.
 */
export async function within<T, Late>(ms: number, promise: Promise<T>, late: () => Late): Promise<T | Late> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = new Promise<Late>((resolve, reject) => {
    timer = setTimeout(() => {
      try {
        resolve(late());
      } catch (error) {
        reject(error);
      }
    }, ms);
  });
  try {
    return await Promise.race([promise, end]);
  } finally {
    clearTimeout(timer);
  }
}
