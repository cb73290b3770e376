import type { OutputStream } from '../command.js';

/** A line on a terminal that shows how far a command is. */
export interface Progress {
  /** @param done - of `total`, in `unit`s; `note` stands at the end of the line. */
  update(done: number, note?: string): void;
  /** Wipes the line, so that what follows starts on a clean one. */
  end(): void;
}

/** What is counted, and where it is shown. */
export interface ProgressOptions {
  readonly label: string;
  /** `undefined` when nobody knows: then the line shows no bar. */
  readonly total: number | undefined;
  readonly stream: Pick<OutputStream, 'isTTY' | 'write'>;
  /** `false` with --json: then nothing is shown, as where the stream is no terminal. */
  readonly enabled: boolean;
  /** Milliseconds, monotonic; the machine's by default. */
  readonly nowMs?: () => number;
}

/** Between two paints, ms: faster is not seen, and costs. */
const PAINT_EVERY_MS = 100;
const BAR_WIDTH = 24;

/** Starts a progress line; where the stream is no terminal it stays silent. */
export function startProgress({
  label,
  total,
  stream,
  enabled,
  nowMs = () => performance.now(),
}: ProgressOptions): Progress {
  if (!enabled || !stream.isTTY) return { update: () => undefined, end: () => undefined };
  let paintedMs = Number.NEGATIVE_INFINITY;
  return {
    update(done, note = '') {
      if (nowMs() - paintedMs < PAINT_EVERY_MS) return;
      paintedMs = nowMs();
      stream.write(`\r\u001b[2K${label} ${bar(done, total)}${note === '' ? '' : `  ${note}`}`);
    },
    end() {
      if (paintedMs > Number.NEGATIVE_INFINITY) stream.write('\r\u001b[2K');
    },
  };
}

/** `12,000 a second`: how fast something went so far. */
export function rateText(count: number, elapsedMs: number): string {
  const perSecond = elapsedMs <= 0 ? 0 : Math.round((count * 1000) / elapsedMs);
  return `${perSecond.toLocaleString('en')} a second`;
}

function bar(done: number, total: number | undefined): string {
  if (total === undefined || total <= 0) return done.toLocaleString('en');
  const fraction = Math.min(1, done / total);
  const filled = Math.round(fraction * BAR_WIDTH);
  return `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}] ${String(Math.floor(fraction * 100)).padStart(3)} %`;
}
