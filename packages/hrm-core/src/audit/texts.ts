/** What was found in a log, in words and as JSON. */
import { plural } from '../words.js';
import type { AuditEvent, AuditLinks } from './event.js';
import { type AuditSearch, listAudit } from './list.js';
import type { AuditVerification } from './verify.js';

/** Makes an id harmless for a terminal. */
type Visible = (id: string) => string;

/** Events as text, a line each, or with `isJson` as one JSON object, in pieces. @throws as {@link listAudit}. */
export async function* auditPieces(
  path: string,
  search: AuditSearch,
  { isJson, visible }: { readonly isJson: boolean; readonly visible: Visible },
): AsyncGenerator<string, void, undefined> {
  let count = 0;
  if (isJson) yield '{"items":[';
  for await (const event of listAudit(path, search)) {
    yield isJson ? `${count > 0 ? ',' : ''}${JSON.stringify(event)}` : `${auditEventText(event, visible)}\n`;
    count += 1;
  }
  yield isJson ? `],"count":${count}}\n` : `${plural(count, 'event')}\n`;
}

/** An event in a line for people. */
function auditEventText(event: AuditLinks & AuditEvent, visible: Visible): string {
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

/** The same for people, a line each. */
export function verificationText(found: AuditVerification, visible: Visible): string {
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
