/** Waits that end: after a time, or when nobody waits any more. They run in browsers, too. */

/** Resolves after `ms` milliseconds, or as soon as `signal` fires; never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    function end(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    }
    const timer = setTimeout(end, ms);
    if (signal?.aborted === true) end();
    else signal?.addEventListener('abort', end);
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
