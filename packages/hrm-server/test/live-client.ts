/** A client of the live stream, as a page would write one. */
import { onTestFinished } from 'vitest';

/** One block of a stream: an event, a comment or an id alone. */
interface LiveBlock {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
  readonly retry?: string;
  readonly comment?: string;
}

/** An open stream. */
export interface LiveStream {
  readonly response: Response;
  /** Every block so far. */
  readonly blocks: readonly LiveBlock[];
  /** The last id that came: what `Last-Event-ID` would be. */
  lastId(): string;
  /** `data` of the events of a name so far. */
  data(event?: string): unknown[];
  /** Resolves when so many events of a name are there; rejects after 20 s. */
  waitFor(count: number, event?: string): Promise<void>;
  /** Resolves when the server has ended the stream: `whole` when it did so properly, `cut` when the connection broke. */
  readonly ended: Promise<'whole' | 'cut'>;
  leave(): void;
}

function parseBlock(text: string): LiveBlock {
  const fields = text.split('\n').map((line) => {
    const at = line.indexOf(':');
    return [at === 0 ? 'comment' : line.slice(0, at), line.slice(at + 1).trimStart()];
  });
  return Object.fromEntries(fields);
}

/** Opens a stream and follows it until the test ends. */
export async function openLive(
  url: string,
  parameters: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<LiveStream> {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const target = `${url}/metrics/heart-rate/live?${new URLSearchParams(parameters)}`;
  const response = await fetch(target, { headers, signal: stop.signal });
  const blocks: LiveBlock[] = [];
  let wake = () => {};
  async function follow(): Promise<'whole' | 'cut'> {
    let rest = '';
    try {
      for await (const text of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
        const parts = (rest + text).split('\n\n');
        rest = parts.pop() ?? '';
        blocks.push(...parts.map(parseBlock));
        wake();
      }
      return rest === '' ? 'whole' : 'cut';
    } catch {
      return 'cut';
    }
  }
  const count = (event = 'reading') => blocks.reduce((sum, block) => sum + (block.event === event ? 1 : 0), 0);
  const data = (event = 'reading') =>
    blocks.filter((block) => block.event === event).map((block) => JSON.parse(block.data ?? ''));
  return {
    response,
    blocks,
    lastId: () => blocks.findLast(({ id }) => id !== undefined)?.id ?? '',
    data,
    async waitFor(wanted, event) {
      const deadlineMs = Date.now() + 60_000;
      while (count(event) < wanted) {
        if (Date.now() > deadlineMs)
          throw new Error(`${count(event)} of ${wanted} events came within a minute, and ${count('gap')} gaps`);
        await new Promise<void>((resolve) => {
          wake = resolve;
          setTimeout(resolve, 100);
        });
      }
    },
    ended: follow(),
    leave: () => stop.abort(),
  };
}
