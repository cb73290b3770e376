/**
 * Writes the log: events of one process, in order, together where they come together.
 *
 * Any number of processes append to one file, each by single calls, without a lock. The first line of each write says what was in the file
 * before (`at`, `seen`), whoever wrote that. So whatever is changed, put in or taken out is contradicted by all later writes. What a line says may
 * be some lines behind, where another process wrote at the same moment; those lines are in what is said next.
 *
 * After every write the file is read back. What of it is there is known by that, and not by what the call returned. Lines that are not there
 * are written again, under the same numbers.
 */
import { randomBytes } from 'node:crypto';
import { errorCode, type HrmError, isHrmError } from '../errors.js';
import { AUDIT_RETRY_MS, AUDIT_WAIT_MS } from '../limits.js';
import { type Clock, systemClock } from '../ports/clock.js';
import { pause, within } from '../waits.js';
import type { AuditPlace } from './audit-place.js';
import { auditUnavailable, type Backlog, createBacklog, tell, type WaitingEvent } from './backlog.js';
import { type AuditClaim, type AuditEvent, auditLine } from './event.js';
import type { FollowedFile } from './follow.js';
import { createLogFile, type LogFile } from './log-file.js';

/** How a log goes. */
export interface AuditState {
  /** Events of this process that are on the disk. */
  readonly written: number;
  /** Events of this process that are not, and will not be. */
  readonly lost: number;
  /** Why nothing can be written now, as a code; `null`: it can. */
  readonly fault: string | null;
}

/** Writes events. */
export interface AuditWriter {
  /** Writes that it begins, as the first event does: so what is wrong with the place is known at once. */
  begin(): void;
  /** Takes an event; it is written within {@link AuditWriterSettings.batchMs}. Where there is no room for it, it is counted as lost. */
  note(event: AuditEvent): void;
  /**
   * Takes an event; resolves when it is on the disk.
   * @throws HrmError kind `unavailable`, code `audit_unavailable`, when that cannot be within {@link AUDIT_WAIT_MS}. It may be written later all the same.
   */
  write(event: AuditEvent): Promise<void>;
  state(): AuditState;
  /** Lets go of a file that was put aside, once what waits is written. */
  reopen(): Promise<void>;
  /** Writes what waits, and that this is the end. What cannot be written within {@link AUDIT_WAIT_MS} is lost. */
  close(): Promise<AuditState>;
}

/** How a log is written. */
export interface AuditWriterSettings {
  /** Bytes from which on a file is put aside for the next one. */
  readonly maxBytes: number;
  /** Milliseconds that events wait for others; default 100. */
  readonly batchMs?: number | undefined;
}

/** What a writer works on. */
export interface AuditWriterComponents {
  readonly place: AuditPlace;
  /** The machine's by default. */
  readonly clock?: Clock | undefined;
  /** Hears when nothing can be written any more, with the code, and with `null` when it can again. */
  readonly onFault?: ((code: string | null) => void) | undefined;
}

const BATCH_MS = 100;

/** Opens a writer; nothing is made before there is an event. */
export function openAuditWriter(
  { place, clock = systemClock, onFault = () => undefined }: AuditWriterComponents,
  { maxBytes, batchMs = BATCH_MS }: AuditWriterSettings,
): AuditWriter {
  const writer = randomBytes(8).toString('hex');
  const backlog = createBacklog(clock);
  const log = createLogFile(place, writer, {
    onLeft: (file) => (file === null ? backlog.giveUpDoubts() : backlog.written(backlog.settle(file.ownSeq()))),
  });
  const step = () => writeOnce({ backlog, log, writer, clock, maxBytes });
  const { start, flush, fault, setFault } = createTurns(backlog, step, onFault);
  const state = () => ({ ...backlog.counts(), fault: fault() });

  return {
    begin() {
      backlog.begin();
      start(0);
    },
    note(event) {
      if (backlog.add(event, null)) start(batchMs);
    },
    async write(event) {
      const written = new Promise<void>((resolve, reject) => {
        const settle = (error: HrmError | null) => (error === null ? resolve() : reject(error));
        if (!backlog.add(event, settle)) reject(auditUnavailable());
      });
      written.catch(() => undefined);
      start(0);
      await within(AUDIT_WAIT_MS, written, () => {
        setFault('no_answer');
        throw auditUnavailable();
      });
    },
    state,
    reopen: flush,
    async close() {
      backlog.end();
      await within(AUDIT_WAIT_MS, flushAll(backlog, flush), () => undefined);
      start(null);
      backlog.loseRest();
      await log.close().catch(() => undefined);
      return state();
    },
  };
}

/** Once more where something is left: a disk may have been full for a moment. */
async function flushAll(backlog: Backlog, flush: () => Promise<void>): Promise<void> {
  if (!backlog.isEmpty()) await flush();
  if (backlog.isEmpty()) return;
  await pause(BATCH_MS);
  await flush();
}

/** Lets one write follow the other, never two at once. */
function createTurns(backlog: Backlog, step: () => Promise<void>, onFault: (code: string | null) => void) {
  let fault: string | null = null;
  let running: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;

  function setFault(code: string | null): void {
    if (fault === code) return;
    fault = code;
    onFault(code);
  }

  async function run(): Promise<void> {
    try {
      do await step();
      while (!backlog.isEmpty());
      setFault(null);
    } catch (error) {
      setFault(isHrmError(error) ? error.code : errorCode(error) || 'internal');
      backlog.refuse(auditUnavailable(error));
      start(AUDIT_RETRY_MS);
    }
  }

  function startNow(): void {
    running ??= run().finally(() => {
      running = null;
      // Somebody has come between the last look and the end.
      if (!backlog.isEmpty() && fault === null) startNow();
    });
  }

  /** @param ms - from now; 0: at once; `null`: no more. */
  function start(ms: number | null): void {
    if (ms === 0) startNow();
    else if (ms === null && timer !== null) clearTimeout(timer);
    else if (ms !== null)
      timer ??= setTimeout(() => {
        timer = null;
        startNow();
      }, ms).unref();
  }

  async function flush(): Promise<void> {
    await running;
    startNow();
    await running;
  }

  return { start, flush, fault: () => fault, setFault };
}

/** What one write works on. */
interface Writing {
  readonly backlog: Backlog;
  readonly log: LogFile;
  readonly writer: string;
  readonly clock: Clock;
  readonly maxBytes: number;
}

/** One write, with all that belongs to it. @throws what the place throws; what is not written waits then. */
async function writeOnce({ backlog, log, writer, clock, maxBytes }: Writing): Promise<void> {
  let file = await log.current();
  backlog.written(backlog.settle(file.ownSeq()));
  if (file.claim().at >= maxBytes) {
    await log.setAside(clock.nowMs());
    file = await log.current();
  }
  const batch = backlog.take();
  if (batch.length === 0) return;
  await file.file.append(encode(batch, { file, writer, seq: backlog.seq(), previous: log.previous() }));
  await file.readOn();
  const found = backlog.settle(file.ownSeq());
  if (found.length > 0) log.written();
  try {
    await file.file.sync();
  } catch (error) {
    // They can be read, and a power cut may take them.
    backlog.lose(found);
    for (const event of found) tell(event, auditUnavailable(error));
    throw error;
  }
  backlog.written(found);
  if (found.length < batch.length) throw Object.assign(new Error('it was written in part'), { code: 'ESHORT' });
  await log.noteHead();
}

/** Where a write goes. */
interface Writes {
  readonly file: FollowedFile;
  readonly writer: string;
  /** The number of the line before. */
  readonly seq: number;
  readonly previous: AuditClaim | undefined;
}

/** The lines of one write. */
function encode(batch: readonly WaitingEvent[], { file, writer, seq, previous }: Writes): Uint8Array {
  const { at, seen } = file.claim();
  const torn = file.tornBytes();
  const first = { at, seen, ...(previous !== undefined && { previous }), ...(torn > 0 && { torn }) };
  const lines = batch.map(({ time, body }, i) =>
    auditLine({ time, writer, seq: seq + 1 + i, ...(i === 0 && first) }, body),
  );
  return Buffer.from((torn > 0 ? '\n' : '') + lines.join(''));
}
