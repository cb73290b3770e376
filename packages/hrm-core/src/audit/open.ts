/** The log that the settings name. */
import { userInfo } from 'node:os';
import { type HrmErrorKind, isHrmError } from '../errors.js';
import type { Settings } from '../settings.js';
import { plural } from '../words.js';
import { openAuditPlace } from './audit-place.js';
import type { AuditAction } from './event.js';
import { type AuditRecorder, type AuditTrail, createAuditRecorder } from './recorder.js';
import { type AuditState, type AuditWriter, openAuditWriter } from './writer.js';

/** The settings of the log. */
export type AuditSettings = Pick<Settings, 'auditLog' | 'auditMaxBytes' | 'auditRequired'>;

/** A log that is open. */
export interface AuditLog extends Pick<AuditRecorder, 'follow'>, Pick<AuditWriter, 'begin' | 'state' | 'reopen'> {
  /** Writes what waits; what cannot be written within five seconds is lost. */
  close(): Promise<AuditState>;
}

/** Opens the log; `null` where the settings name none. @param onFault - see `AuditWriterComponents`. */
export function openAuditLog(
  { auditLog, auditMaxBytes, auditRequired }: AuditSettings,
  onFault?: (code: string | null) => void,
): AuditLog | null {
  if (auditLog === '') return null;
  const writer = openAuditWriter({ place: openAuditPlace(auditLog), onFault }, { maxBytes: auditMaxBytes });
  const recorder = createAuditRecorder(writer, { isRequired: auditRequired });
  return {
    follow: recorder.follow,
    begin: writer.begin,
    state: writer.state,
    reopen: writer.reopen,
    async close() {
      recorder.close();
      return await writer.close();
    },
  };
}

/** Hears how a log goes, in words. */
export interface AuditListener {
  info(text: string): void;
  error(fields: object, text: string): void;
}

/** Opens the log of a service, if there is one: what is wrong with it is told at once. At SIGHUP it leaves a file that was put aside. */
export function openServiceAudit(settings: AuditSettings, listener: AuditListener): AuditLog | null {
  const log = openAuditLog(settings, (code) => {
    if (code === null) listener.info('the audit log can be written again');
    else
      listener.error({ code }, 'the audit log cannot be written; its events wait, and are counted where they are lost');
  });
  if (log === null) return null;
  const reopen = () => void log.reopen();
  process.on('SIGHUP', reopen);
  log.begin();
  return {
    ...log,
    async close() {
      process.off('SIGHUP', reopen);
      return await log.close();
    },
  };
}

/** A command that looks at a person's data, or changes it. */
export interface AuditedCommand {
  readonly action: AuditAction;
  /** As typed: `hrm export`. */
  readonly call: string;
  /** Whom its options name; none where it is about everybody. */
  readonly users: readonly string[];
}

/** What a command has to say of itself. */
export interface CommandWords {
  /** The exit code of an error. */
  statusOf(kind: HrmErrorKind): number;
  /** Says that events could not be recorded. */
  warn(text: string): void;
}

/**
 * Runs a command, and tells the log who did: the account of the machine. Without a log it only runs it.
 * @param run - returns the exit code.
 * @returns the exit code.
 * @throws what the command throws; HrmError kind `unavailable`, code `audit_unavailable`, where the log is required and cannot be written.
 */
export async function auditCommand(
  settings: AuditSettings,
  { action, call, users }: AuditedCommand,
  run: (trail: AuditTrail | null) => Promise<number>,
  { statusOf, warn }: CommandWords,
): Promise<number> {
  const log = openAuditLog(settings);
  if (log === null) return await run(null);
  const trail = log.follow({ action, call, account: accountName(), from: null, request: null });
  for (const user of users) trail.addUser(user);
  try {
    await trail.begin();
    const status = await run(trail);
    await trail.end('done', status);
    return status;
  } catch (error) {
    await trail.end('failed', statusOf(isHrmError(error) ? error.kind : 'internal')).catch(() => undefined);
    throw error;
  } finally {
    const { lost } = await log.close();
    if (lost > 0) warn(`the audit log cannot be written: ${plural(lost, 'event')} not recorded`);
  }
}

/** Who runs the process; its number where it has no name. */
function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
