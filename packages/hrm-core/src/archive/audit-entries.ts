/** What the audit log says about one person, without what it says about others. */
import type { AuditEvent, AuditLinks } from '../audit/event.js';
import { listAudit } from '../audit/list.js';

/** An entry of the log as a person gets it. Its names are those of the log. */
export type PersonAuditEntry = Omit<AuditLinks & AuditEvent, 'v' | 'at' | 'seen' | 'previous' | 'torn'> & {
  /** How many others it is about. Their ids are left out, and so are devices and readings of all of them together. */
  readonly other_users?: number;
};

/** What is done to keys and to the service is about no person. */
const NOBODYS: readonly AuditEvent['action'][] = ['keys', 'service', 'refused'];

/**
 * Lists entries about a user, oldest first: those that name the user, and those about everybody.
 * @throws HrmError as {@link listAudit}.
 */
export async function* auditEntriesOf(path: string, userId: string): AsyncGenerator<PersonAuditEntry, void, undefined> {
  for await (const event of listAudit(path, { userId })) {
    const entry = entryAbout(event, userId);
    if (entry !== null) yield entry;
  }
}

function entryAbout(event: AuditLinks & AuditEvent, userId: string): PersonAuditEntry | null {
  const { time, writer, seq, action, call, outcome, key, account, from, users, status, request } = event;
  const { devices, readings, keys, count } = event;
  // Without a name it is about everybody, or nobody knows whom.
  if (users === null && (outcome === 'refused' || NOBODYS.includes(action))) return null;
  const who = { time, writer, seq, action, call, outcome, key, account, from };
  const what = { status, request, keys, count };
  if (users === null) return { ...who, users, ...what };
  const others = users.length - 1;
  return others === 0
    ? { ...who, users, ...what, devices, readings }
    : { ...who, users: [userId], other_users: others, ...what };
}

/**
 * Whether the log names a user. Exports by hand do not count: one of a mistyped id leaves an entry, and would be its own proof.
 * @throws HrmError as {@link listAudit}.
 */
export async function isNamedInAudit(path: string, userId: string): Promise<boolean> {
  for await (const { users, call } of listAudit(path, { userId }))
    if (users !== null && call !== 'hrm export') return true;
  return false;
}
