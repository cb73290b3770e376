/**
 * Events that are not on the disk yet, and what has become of the others.
 *
 * | state    | what it means                                                   | ends                      |
 * | -------- | --------------------------------------------------------------- | ------------------------- |
 * | waiting  | bounded by `MAX_AUDIT_WAITING_BYTES`; beyond it events are lost | when it is written        |
 * | in doubt | it has a number, and a call is writing it, or has failed to     | when the file can be read |
 * | written  | it was read back, and the file synced                           |                           |
 * | lost     | counted, and told by a line as soon as one can be written       |                           |
 */
import { hostname } from 'node:os';
import { HrmError } from '../errors.js';
import { MAX_AUDIT_WAITING_BYTES, MAX_AUDIT_WRITE_BYTES } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import type { AuditEvent, AuditNote } from './event.js';

/** An event that is not on the disk yet. */
export interface WaitingEvent {
  /** ISO 8601 in UTC. */
  readonly time: string;
  /** As JSON. */
  readonly body: string;
  /** Whether it is one, and no note of the log about itself. */
  readonly isEvent: boolean;
  /** Told once: `null` when it is on the disk. */
  settle: ((error: HrmError | null) => void) | null;
}

/** The events of one writer. */
export interface Backlog {
  /** Adds the first line, unless it was. */
  begin(): void;
  /** @returns whether there is room; otherwise it is lost. */
  add(event: AuditEvent, settle: WaitingEvent['settle']): boolean;
  /** Adds the last line, where there was a first. */
  end(): void;
  /** Takes what is to be written next; it is in doubt from then on. Empty where nothing waits. */
  take(): readonly WaitingEvent[];
  /** The number of the last line that is in a file. */
  seq(): number;
  /** Tells how far the lines in the file go. Those in doubt that are not there wait again, first. @returns those that are. */
  settle(lastSeq: number): readonly WaitingEvent[];
  /** Gives up what is in doubt: their numbers are used up, and nobody can know whether they are there. */
  giveUpDoubts(): void;
  written(events: readonly WaitingEvent[]): void;
  lose(events: readonly WaitingEvent[]): void;
  /** Tells all who wait that it cannot be done now. What they wait for is written later all the same. */
  refuse(error: HrmError): void;
  /** Loses all that is left. */
  loseRest(): void;
  isEmpty(): boolean;
  counts(): { readonly written: number; readonly lost: number };
}

/** Creates it. */
export function createBacklog(clock: Clock): Backlog {
  let waiting: WaitingEvent[] = [];
  let waitingBytes = 0;
  let inDoubt: readonly WaitingEvent[] = [];
  let seq = 0;
  let hasBegun = false;
  const counts = { written: 0, lost: 0, untold: 0 };

  function push(body: AuditEvent | AuditNote, settle: WaitingEvent['settle'] = null): void {
    const time = new Date(clock.nowMs()).toISOString();
    waiting.push({ time, body: JSON.stringify(body), isEvent: 'outcome' in body, settle });
    waitingBytes += waiting.at(-1)?.body.length ?? 0;
  }
  function begin(): void {
    if (!hasBegun) push({ action: 'opened', pid: process.pid, host: hostname() });
    hasBegun = true;
  }
  function countLost(events: number): void {
    counts.lost += events;
    counts.untold += events;
  }

  return {
    begin,
    add(event, settle) {
      if (waitingBytes > MAX_AUDIT_WAITING_BYTES) {
        countLost(1);
        return false;
      }
      begin();
      push(event, settle);
      return true;
    },
    end() {
      if (hasBegun) push({ action: 'closed' });
    },
    take() {
      if (counts.untold > 0) {
        push({ action: 'lost', count: counts.untold });
        // Before the last line there is, perhaps.
        waiting = [...waiting.slice(-1), ...waiting.slice(0, -1)];
        counts.untold = 0;
      }
      let taken = 0;
      for (let bytes = 0; taken < waiting.length && bytes < MAX_AUDIT_WRITE_BYTES; taken += 1)
        bytes += waiting[taken]?.body.length ?? 0;
      inDoubt = waiting.slice(0, taken);
      waiting = waiting.slice(taken);
      waitingBytes -= sizeOf(inDoubt);
      return inDoubt;
    },
    seq: () => seq,
    settle(lastSeq) {
      const there = Math.max(0, lastSeq - seq);
      const [found, missing] = [inDoubt.slice(0, there), inDoubt.slice(there)];
      seq += found.length;
      inDoubt = [];
      waiting = [...missing, ...waiting];
      waitingBytes += sizeOf(missing);
      return found;
    },
    giveUpDoubts() {
      seq += inDoubt.length;
      countLost(eventsOf(inDoubt));
      inDoubt = [];
    },
    written(events) {
      counts.written += eventsOf(events);
      for (const event of events) tell(event, null);
    },
    lose: (events) => countLost(eventsOf(events)),
    refuse(error) {
      for (const event of [...inDoubt, ...waiting]) tell(event, error);
    },
    loseRest() {
      countLost(eventsOf(inDoubt) + eventsOf(waiting));
      waiting = [];
      inDoubt = [];
    },
    isEmpty: () => waiting.length + inDoubt.length + counts.untold === 0,
    counts: () => ({ written: counts.written, lost: counts.lost }),
  };
}

/** Tells whoever waits for an event, once. */
export function tell(event: WaitingEvent, error: HrmError | null): void {
  event.settle?.(error);
  event.settle = null;
}

function eventsOf(events: readonly WaitingEvent[]): number {
  return events.filter(({ isEvent }) => isEvent).length;
}

function sizeOf(events: readonly WaitingEvent[]): number {
  return events.reduce((sum, { body }) => sum + body.length, 0);
}

/** The error of an event that cannot be recorded now: kind `unavailable`, code `audit_unavailable`. */
export function auditUnavailable(cause?: unknown): HrmError {
  const message = 'the audit log cannot be written (HRM_AUDIT_LOG): see that its disk has room, and that this user may';
  return new HrmError(message, { kind: 'unavailable', code: 'audit_unavailable', cause });
}
