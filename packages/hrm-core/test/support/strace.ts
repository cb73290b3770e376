/** Reads what `strace -f -y` wrote, as far as it tells what is durable. */
import type { DurabilityEvent } from './power-cut.js';

/** A call, or a line that the process wrote to its standard output. */
export type TraceEvent =
  | { readonly kind: 'call'; readonly event: DurabilityEvent }
  | { readonly kind: 'output'; readonly text: string };

const names: Readonly<Record<string, DurabilityEvent['name']>> = {
  mkdir: 'mkdir',
  mkdirat: 'mkdir',
  write: 'write',
  pwrite64: 'write',
  fsync: 'fsync',
  fdatasync: 'fsync',
  link: 'link',
  linkat: 'link',
  rename: 'rename',
  renameat: 'rename',
  renameat2: 'rename',
  unlink: 'unlink',
  unlinkat: 'unlink',
};

/** The calls that succeeded, in order; one that another thread interrupts has its begin and its end where they were. */
export function eventsOfTrace(trace: string): TraceEvent[] {
  const events: TraceEvent[] = [];
  const unfinished = new Map<string, { text: string; at: number }>();
  for (const line of trace.split('\n')) {
    const [, pid = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const started = /^(.*) <unfinished \.\.\.>$/.exec(rest)?.[1];
    if (started !== undefined) {
      // What it was is known now, whether it succeeds only when it is resumed: its place is kept.
      unfinished.set(pid, { text: started, at: events.length });
      events.push({ kind: 'output', text: '' });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
    const start = resumed === undefined ? undefined : unfinished.get(pid);
    const event = eventOf(start ? start.text + resumed : rest);
    if (event === null) continue;
    if (event.kind === 'output') events.push(event);
    else {
      const begin: TraceEvent = { kind: 'call', event: { ...event.event, phase: 'begin' } };
      if (start) events[start.at] = begin;
      else events.push(begin);
      events.push(event);
    }
  }
  return events.filter((event) => event.kind === 'call' || event.text !== '');
}

function eventOf(text: string): TraceEvent | null {
  const [, call = '', args = '', result = ''] = /^(\w+)\((.*)\) += (-?\d+)/.exec(text) ?? [];
  if (result === '' || result.startsWith('-')) return null;
  const output = /^1<[^>]*>, "(.*)\\n"/.exec(args)?.[1];
  if (call === 'write' && output !== undefined) return { kind: 'output', text: output };
  const quoted = [...args.matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? '');
  const descriptor = /^\d+<([^>]*)>/.exec(args)?.[1] ?? '';
  const isCreation = (call === 'open' || call === 'openat') && args.includes('O_CREAT');
  const name = isCreation ? 'create' : names[call];
  if (name === undefined) return null;
  const path = name === 'write' || name === 'fsync' ? descriptor : (quoted[0] ?? '');
  const newPath = name === 'link' || name === 'rename' ? { newPath: quoted[1] ?? '' } : {};
  const count = name === 'write' ? { count: Number(result) } : {};
  return { kind: 'call', event: { phase: 'end', name, path, ...newPath, ...count } };
}
