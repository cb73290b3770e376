/**
 * Tells the log of calls: each as it is let in or refused, with all users that it names, and with its outcome before its answer is sent.
 *
 * | what                          | when it is on the disk                                                      |
 * | ----------------------------- | --------------------------------------------------------------------------- |
 * | reads                         | soon after; before the answer is sent where the log is required             |
 * | what changes rights (erase)   | before it is done, and its outcome before it is answered                    |
 * | other writes                  | soon after; where the log is required, as what changes rights               |
 */
import { isHrmError } from '../errors.js';
import type { Access } from '../keys/admission.js';
import { AUDIT_REFUSAL_WINDOW_MS, MAX_AUDIT_REFUSALS, MAX_AUDIT_USERS, MAX_ID_LENGTH } from '../limits.js';
import type { AuditAction, AuditEvent, AuditOutcome } from './event.js';
import type { AuditWriter } from './writer.js';

/** What is known of a call before it is let in. */
export interface AuditedCall {
  readonly action: AuditAction;
  readonly call: string;
  readonly account: string | null;
  readonly from: string | null;
  readonly request: string | null;
}

/** One call, followed to its end. */
export interface AuditTrail {
  /** Whose key it is. */
  setKey(keyId: string | null): void;
  /** That it speaks of a user. Of very many some are told at once. */
  addUser(userId: string): void;
  /** As users. */
  addDevice(deviceId: string): void;
  /** A key that it makes, changes or revokes. */
  addKey(keyId: string): void;
  /** How many readings it brings. */
  addReadings(count: number): void;
  /**
   * Before anything is done: that it is about to be, where that has to be on the disk by then.
   * @throws HrmError kind `unavailable`, code `audit_unavailable`, where the log is required and cannot be written: nothing must be done then.
   */
  begin(): Promise<void>;
  /** What became of it, before it is answered. @throws as {@link AuditTrail.begin}: the answer must not be sent then. */
  end(outcome: AuditOutcome, status: number): Promise<void>;
}

/** Follows calls. */
export interface AuditRecorder {
  follow(call: AuditedCall): AuditTrail;
  /** Tells of refusals that were counted only. */
  close(): void;
}

/** How calls are recorded. */
export interface AuditRecorderSettings {
  /** Whether what cannot be recorded is refused; otherwise it is done, and counted. */
  readonly isRequired: boolean;
}

/** Creates it. */
export function createAuditRecorder(writer: AuditWriter, settings: AuditRecorderSettings): AuditRecorder {
  const refusals = createRefusals(writer);
  return { follow: (call) => followCall(call, { writer, refusals, ...settings }), close: refusals.close };
}

/** Actions that change rights, or take data away for good. */
const OF_RIGHTS: readonly AuditAction[] = ['erase', 'keys'];
const READS: readonly AuditAction[] = ['read', 'live', 'export'];

/** Statuses of calls that anybody may make any number of times: without a valid key, or beyond the rate of one. */
const UNPROVED: readonly number[] = [401, 429];

interface Recording extends AuditRecorderSettings {
  readonly writer: AuditWriter;
  readonly refusals: Refusals;
}

function followCall(call: AuditedCall, { writer, refusals, isRequired }: Recording): AuditTrail {
  const { action } = call;
  const [users, devices, keys] = [new Set<string>(), new Set<string>(), new Set<string>()];
  let key: string | null = null;
  let hasNamed = false;
  let readings: number | undefined;
  const isOfRights = OF_RIGHTS.includes(action);
  const beginsOnDisk = isOfRights || (isRequired && !READS.includes(action));
  const endsOnDisk = isOfRights || isRequired;

  function eventOf(outcome: AuditOutcome, status: number | null): AuditEvent {
    const named = hasNamed ? [...users] : null;
    const more = {
      ...(devices.size > 0 && { devices: [...devices] }),
      ...(keys.size > 0 && { keys: [...keys] }),
      ...(readings !== undefined && status !== null && { readings }),
    };
    users.clear();
    devices.clear();
    return { ...call, outcome, key, users: named, status, ...more };
  }

  /** A line has a bound. */
  function tellSome(): void {
    if (users.size < MAX_AUDIT_USERS && devices.size < MAX_AUDIT_USERS) return;
    writer.note(eventOf('under_way', null));
  }

  /** Writes it, and waits for that; where the log is not required its failure is the writer's to count. */
  async function writeNow(event: AuditEvent): Promise<void> {
    try {
      await writer.write(event);
    } catch (error) {
      if (isRequired || !isHrmError(error)) throw error;
    }
  }

  return {
    setKey(keyId) {
      key = keyId;
    },
    addUser(userId) {
      hasNamed = true;
      users.add(shownId(userId));
      tellSome();
    },
    addDevice(deviceId) {
      devices.add(shownId(deviceId));
      tellSome();
    },
    addKey: (keyId) => keys.add(keyId),
    addReadings(count) {
      readings = (readings ?? 0) + count;
    },
    async begin() {
      if (action === 'service' || !beginsOnDisk) return;
      const named = [...users];
      await writeNow(eventOf('begun', null));
      for (const user of named) users.add(user);
    },
    async end(outcome, status) {
      const event = eventOf(outcome, status);
      if (UNPROVED.includes(status)) refusals.note(event);
      else if (action === 'service' && outcome !== 'refused') return;
      else if (endsOnDisk) await writeNow(event);
      else writer.note(event);
    },
  };
}

/** What is longer than any id is none, and is cut. */
function shownId(id: string): string {
  return id.length <= MAX_ID_LENGTH ? id : `${id.slice(0, MAX_ID_LENGTH)}…`;
}

/** An access that tells a trail of all users that are asked for by it, whether it may speak of them or not. */
export function auditedAccess(access: Access, trail: AuditTrail | null): Access {
  if (trail === null) return access;
  trail.setKey(access.keyId);
  return {
    ...access,
    requireUser(userId) {
      if (typeof userId === 'string') trail.addUser(userId);
      access.requireUser(userId);
    },
    requireDevice(deviceId) {
      if (typeof deviceId === 'string') trail.addDevice(deviceId);
      access.requireDevice(deviceId);
    },
  };
}

/** Refusals that cost whoever makes them nothing. */
interface Refusals {
  note(event: AuditEvent): void;
  close(): void;
}

function createRefusals(writer: AuditWriter): Refusals {
  let named = 0;
  const counted = new Map<number, number>();
  let timer: NodeJS.Timeout | null = null;

  function tell(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    named = 0;
    for (const [status, count] of counted)
      writer.note({
        action: 'refused',
        call: '',
        outcome: 'refused',
        key: null,
        account: null,
        from: null,
        users: null,
        status,
        request: null,
        count,
      });
    counted.clear();
  }

  return {
    note(event) {
      timer ??= setTimeout(tell, AUDIT_REFUSAL_WINDOW_MS).unref();
      named += 1;
      const status = event.status ?? 0;
      if (named <= MAX_AUDIT_REFUSALS) writer.note(event);
      else counted.set(status, (counted.get(status) ?? 0) + 1);
    },
    close: tell,
  };
}
