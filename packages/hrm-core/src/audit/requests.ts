/** Calls of the API as the log tells of them. */
import { refusedKey } from '../keys/admission.js';
import { OPERATIONS, type Operation, type OperationId } from '../schemas/operations.js';
import { readSegment } from '../schemas/read-query.js';
import { clientAddress } from './address.js';
import type { AuditRecorder, AuditTrail } from './recorder.js';

/** What is known of a request. */
export interface AuditedRequest {
  /** The request target. */
  readonly url: string;
  /** The other end of the connection. */
  readonly peer: string | undefined;
  /** The values of `X-Forwarded-For`. */
  readonly forwarded: readonly string[];
  /** Addresses of proxies whose word on where it comes from counts. */
  readonly trustedProxies: readonly string[];
  readonly requestId: string | null;
}

/** Follows a request. @param audit - `null`: there is no log. @returns `null` then. */
export function followRequest(
  audit: Pick<AuditRecorder, 'follow'> | null,
  id: OperationId,
  { url, peer, forwarded, trustedProxies, requestId }: AuditedRequest,
): AuditTrail | null {
  if (audit === null) return null;
  const { audit: action = 'service', path }: Operation = OPERATIONS[id];
  const from = clientAddress(peer, forwarded, trustedProxies);
  const trail = audit.follow({ action, call: id, account: null, from, request: requestId });
  // Before an erasure begins it is known of whom.
  if (path.includes('{user_id}')) trail.addUser(userIn(url, path));
  return trail;
}

function userIn(url: string, path: string): string {
  try {
    return readSegment(url, path, 'user_id');
  } catch {
    // The call will be refused for that.
    return '';
  }
}

/**
 * Records how a call went, before it is answered.
 * @returns the answer. @throws HrmError code `audit_unavailable`: it must not be sent, and is cancelled.
 */
export async function endAnswered(trail: AuditTrail | null, response: Response): Promise<Response> {
  try {
    await trail?.end('done', response.status);
    return response;
  } catch (error) {
    await response.body?.cancel();
    throw error;
  }
}

/** Records that a call was refused, or failed; where that cannot be, it is refused all the same. @param status - of the answer. */
export async function endFailed(trail: AuditTrail | null, error: unknown, status: number): Promise<void> {
  const key = refusedKey(error);
  if (key !== null) trail?.setKey(key);
  await trail?.end([401, 403, 429].includes(status) ? 'refused' : 'failed', status).catch(() => undefined);
}
