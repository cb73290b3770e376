/** How long a condition may take to come, milliseconds: on a busy machine much does, and what never comes costs one failure. */
const MAX_WAIT_MS = 60_000;

/**
 * Waits for a condition.
 * @param what - it is, for the error: "the queue is empty".
 */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endMs = performance.now() + MAX_WAIT_MS;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`waited a minute in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
