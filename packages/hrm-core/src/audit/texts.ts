/** What was found in a log, in words and as JSON. */
import { plural } from '../words.js';
import type { AuditEvent, AuditLinks } from './event.js';
import type { AuditVerification } from './verify.js';

/** An event in a line for people. @param visible - makes an id harmless for a terminal. */
export function auditEventText(event: AuditLinks & AuditEvent, visible: (id: string) => string): string {
  const { time, action, call, outcome, status, key, account, from, users, readings, keys, count, request } = event;
  const who = key === null ? (account ?? 'nobody known') : `key ${key}`;
  const whom = users === null ? 'everybody, or nobody known' : users.map(visible).join(', ');
  const more = [
    readings === undefined ? '' : `${readings} readings`,
    keys === undefined ? '' : `keys ${keys.join(', ')}`,
    count === undefined ? '' : `${count} times`,
    from === null ? '' : `from ${from}`,
    request === null ? '' : `request ${request}`,
  ].filter((text) => text !== '');
  const what = `${outcome}${status === null ? '' : ` ${status}`}`;
  return [time, action, call, what, who, `about ${whom}`, ...more].filter((text) => text !== '').join('  ');
}

/** What a verification found, as it is printed as JSON. */
export function verificationToWire({ isWhole, isContinued, faultCount, ...found }: AuditVerification) {
  return { whole: isWhole, continued: isContinued, ...found, fault_count: faultCount };
}

/** The same for people, a line each. @param visible - makes the name of a file harmless for a terminal. */
export function verificationText(found: AuditVerification, visible: (name: string) => string): string {
  const { isWhole, isContinued, files, events, lost, torn, unended, head, faults, faultCount } = found;
  const lines = [
    ...faults.map(({ code, file, at }) => `${visible(file)}, byte ${at}: ${code.replaceAll('_', ' ')}`),
    `${plural(events, 'event')} in ${plural(files, 'file')}${isContinued ? ', after files that are not here' : ''}`,
    ...(lost > 0 ? [`${plural(lost, 'event')} could not be recorded`] : []),
    ...(torn > 0 ? [`${plural(torn, 'line')} torn by processes that were killed, or by a full disk`] : []),
    ...(unended > 0
      ? [`${plural(unended, 'process', 'processes')} without a last line: they run, or were killed`]
      : []),
    ...(head === null ? [] : [`head ${head}`]),
    isWhole ? 'the log is whole' : `the log is not whole: ${plural(faultCount, 'fault')}`,
  ];
  return `${lines.join('\n')}\n`;
}
