/** A file, read by a worker of its own. */
import type { Finding, Message, Order } from './messages.js';

/**
 * What the worker says of a file, one thing after the other; it waits while a message is dealt with.
 * @throws Error where the worker does not run; ends without an error when the signal fires.
 */
export async function* readInWorker(order: Order, signal: AbortSignal): AsyncGenerator<Finding, void, undefined> {
  const worker = new Worker(new URL('./import-worker.js', import.meta.url), { type: 'module' });
  let settle: (said: Message | null) => void = () => undefined;
  const stop = () => settle(null);
  signal.addEventListener('abort', stop);
  /** @returns `null` when the signal fires. */
  function tell(words: Order | 'next'): Promise<Message | null> {
    return new Promise((resolve, reject) => {
      settle = resolve;
      worker.onmessage = ({ data }: MessageEvent<Message>) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message || 'the worker of this page does not run'));
      worker.postMessage(words);
    });
  }
  try {
    let said = signal.aborted ? null : await tell(order);
    while (said !== null && said.type !== 'done') {
      yield said;
      said = signal.aborted ? null : await tell('next');
    }
  } finally {
    signal.removeEventListener('abort', stop);
    worker.terminate();
  }
}
