/**
 * What the audit log says of one event, and its line: one JSON object, so that no text of a client can begin a line of its own.
 *
 * It says who did what, about whom, when, from where, and with what outcome. It never has a heart rate, a key or a body.
 */

/** What was done. `service`: a call that is about no person. `refused`: refusals that are told together. */
export const AUDIT_ACTIONS = [
  'read',
  'live',
  'export',
  'ingest',
  'import',
  'erase',
  'settings',
  'keys',
  'service',
  'refused',
] as const;

/** One of {@link AUDIT_ACTIONS}. */
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/**
 * What became of it. `begun`: it is about to be done, and the line is on the disk before it is. `under_way`: one of several lines of a call that
 * concerns very many users.
 */
export const AUDIT_OUTCOMES = ['begun', 'under_way', 'done', 'refused', 'failed'] as const;

/** One of {@link AUDIT_OUTCOMES}. */
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

/** One event, as it is told to the log. */
export interface AuditEvent {
  readonly action: AuditAction;
  /** The call of the API, `query`, or the command, `hrm export`. */
  readonly call: string;
  readonly outcome: AuditOutcome;
  /** The id of the API key, 12 characters, or `oidc:` and the subject of a login; `null` without one. */
  readonly key: string | null;
  /** The account of the machine that ran a command; `null` for calls of the API. */
  readonly account: string | null;
  /** The address that it came from; `null` for commands. */
  readonly from: string | null;
  /** Whom it is about, at most {@link MAX_AUDIT_USERS}; `null`: everybody, or nobody who is known. */
  readonly users: readonly string[] | null;
  /** The status of the answer; of a command its exit code; `null` before there is one. */
  readonly status: number | null;
  /** The id of the request, by which all lines of one call are found. */
  readonly request: string | null;
  /** Devices that readings were sent of, at most {@link MAX_AUDIT_USERS}. */
  readonly devices?: readonly string[] | undefined;
  /** Readings that were sent. */
  readonly readings?: number | undefined;
  /** Ids of keys that were made, changed or revoked. */
  readonly keys?: readonly string[] | undefined;
  /** Events that this line tells of together; default 1. */
  readonly count?: number | undefined;
}

/** What the log says of itself: a writer began or ended; events were lost. */
export type AuditNote =
  | { readonly action: 'opened'; readonly pid: number; readonly host: string }
  | { readonly action: 'closed' }
  | { readonly action: 'lost'; readonly count: number };

/** What a writer had seen of a file: so many bytes from its beginning, and their SHA-256. */
export interface AuditClaim {
  /** SHA-256 of the first line of the file, hex; `''`: of an empty one. */
  readonly file: string;
  /** Bytes from the beginning of the file. */
  readonly at: number;
  /** SHA-256 of those bytes, hex. */
  readonly seen: string;
  /** The time of its first line, which tells files that may be deleted, since they are the oldest, from others. */
  readonly began?: string | undefined;
}

/** What stands before the event in its line. */
export interface AuditLinks {
  /** ISO 8601 in UTC. */
  readonly time: string;
  /** Names one process, 16 hex digits. */
  readonly writer: string;
  /** Counts the lines of the writer, from 1. */
  readonly seq: number;
  /** On the first line of a write: what was in the file before. */
  readonly at?: number | undefined;
  /** As `at`. */
  readonly seen?: string | undefined;
  /** On the first line of a writer in a file: the file before. */
  readonly previous?: AuditClaim | undefined;
  /** Bytes at the end of the file that are no line: their writer was killed, or its disk was full. */
  readonly torn?: number | undefined;
}

/** A line that was read. */
export type AuditLine = AuditLinks & (AuditEvent | AuditNote) & { readonly v: 1 };

/** What every line begins with; no text within a line can look so, since its quotes are escaped. */
const BEGINNING = '{"v":1,"time":"';

/** A line, with its end. @param body - the event as JSON. */
export function auditLine(links: AuditLinks, body: string): string {
  const { time, writer, seq, ...more } = links;
  return `${JSON.stringify({ v: 1, time, writer, seq, ...more }).slice(0, -1)},${body.slice(1)}\n`;
}

/** A line that was found: what it says, and what stands before it that is no line. */
export interface FoundLine {
  readonly line: AuditLine | null;
  /** UTF-16 code units of something torn. */
  readonly torn: number;
}

/** Reads a line, which may follow upon the beginning of another one whose writer was killed. */
export function parseAuditLine(text: string): FoundLine {
  const at = text.lastIndexOf(BEGINNING);
  const line = at === -1 ? null : parsed(text.slice(at));
  return line === null ? { line: null, torn: text.length } : { line, torn: at };
}

function parsed(text: string): AuditLine | null {
  try {
    const value = JSON.parse(text) as Partial<AuditLine>;
    const isOne =
      typeof value.time === 'string' &&
      typeof value.writer === 'string' &&
      Number.isSafeInteger(value.seq) &&
      typeof value.action === 'string';
    return isOne ? (value as AuditLine) : null;
  } catch {
    return null;
  }
}

/** Whether a line tells of an event, and not of the log. */
export function isAuditEvent(line: AuditLine): line is AuditLinks & AuditEvent & { readonly v: 1 } {
  return 'outcome' in line;
}
