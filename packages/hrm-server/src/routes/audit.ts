/** Calls as the audit log tells of them. */
import type { IncomingMessage } from 'node:http';
import { type AuditLog, type AuditTrail, clientAddress } from 'hrm-core/audit';
import { refusedKey } from 'hrm-core/keys';
import { OPERATIONS, type Operation, type OperationId, readSegment } from 'hrm-core/schemas';
import { statusOf } from '../api/problem.js';
import { headerValues } from '../http/header-values.js';
import { fieldsOf } from './requests.js';

/** Follows a call; `null` without a log. @param trustedProxies - whose word on where it comes from counts. */
export function followCall(
  audit: Pick<AuditLog, 'follow'> | null,
  id: OperationId,
  incoming: IncomingMessage,
  trustedProxies: readonly string[],
): AuditTrail | null {
  if (audit === null) return null;
  const { audit: action = 'service', path }: Operation = OPERATIONS[id];
  const from = clientAddress(incoming.socket.remoteAddress, headerValues(incoming, 'x-forwarded-for'), trustedProxies);
  const trail = audit.follow({ action, call: id, account: null, from, request: fieldsOf(incoming).requestId ?? null });
  // Before an erasure begins it is known of whom.
  if (path.includes('{user_id}')) trail.addUser(userOf(incoming, path));
  return trail;
}

function userOf({ url = '' }: IncomingMessage, path: string): string {
  try {
    return readSegment(url, path, 'user_id');
  } catch {
    // The call will be refused for that.
    return '';
  }
}

/** Records how a call went, before it is answered. @throws HrmError code `audit_unavailable`: the answer must not be sent. */
export async function endTrail(trail: AuditTrail, response: Response): Promise<void> {
  try {
    await trail.end('done', response.status);
  } catch (error) {
    await response.body?.cancel();
    throw error;
  }
}

/** Records that a call was refused, or failed; where that cannot be, it is refused all the same. */
export async function endFailed(trail: AuditTrail, error: unknown): Promise<void> {
  const key = refusedKey(error);
  if (key !== null) trail.setKey(key);
  const status = statusOf(error);
  await trail.end([401, 403, 429].includes(status) ? 'refused' : 'failed', status).catch(() => undefined);
}
