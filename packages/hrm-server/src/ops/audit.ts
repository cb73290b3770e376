import { type AuditLog, openAuditLog } from 'hrm-core/audit';
import type { Settings } from 'hrm-core/settings';
import type { Logger } from 'pino';

/** Opens the audit log, if there is one. It goes on in a new file once somebody has put the old one aside, and at SIGHUP at once. */
export function openAudit(settings: Settings, log: Logger): AuditLog | null {
  const audit = openAuditLog(settings, (code) => {
    if (code === null) log.info('the audit log can be written again');
    else log.error({ code }, 'the audit log cannot be written; its events wait, and are counted where they are lost');
  });
  if (audit === null) return null;
  const reopen = () => void audit.reopen();
  process.on('SIGHUP', reopen);
  audit.begin();
  async function close() {
    process.off('SIGHUP', reopen);
    return (await audit?.close()) ?? { written: 0, lost: 0, fault: null };
  }
  return { ...audit, close };
}
