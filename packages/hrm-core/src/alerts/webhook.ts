/**
 * Sends what is told to a webhook, signed as Standard Webhooks says, so that a receiver verifies it with a library of any language.
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
import { createHmac } from 'node:crypto';
import { HrmError } from '../errors.js';
import { WEBHOOK_TIMEOUT_MS } from '../limits.js';
import type { CallOptions } from '../ports/call-options.js';

/** Where alerts are told. */
export interface Webhook {
  readonly url: string;
  /** `whsec_` and a key in base64. */
  readonly secret: string;
}

/** One message. */
export interface Outgoing {
  /** The same for each try. */
  readonly id: string;
  /** JSON, as it is sent. */
  readonly body: string;
}

/** The headers of a message that is sent now. */
function signedHeaders({ id, body }: Outgoing, secret: string, nowMs: number): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1_000));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return {
    'content-type': 'application/json',
    'user-agent': 'hrm',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  };
}

/**
 * Sends a message once. Any answer from 200 to 299 says that it arrived.
 * @throws HrmError kind `unavailable`, code `webhook_failed`, whose message does not have the URL, which may hold a secret; kind `closed` when aborted.
 */
export async function sendWebhook(
  { url, secret }: Webhook,
  outgoing: Outgoing,
  {
    nowMs,
    signal,
    timeoutMs = WEBHOOK_TIMEOUT_MS,
  }: CallOptions & { readonly nowMs: number; readonly timeoutMs?: number },
): Promise<void> {
  const late = AbortSignal.timeout(timeoutMs);
  let answer: Response;
  try {
    answer = await fetch(url, {
      method: 'POST',
      headers: signedHeaders(outgoing, secret, nowMs),
      body: outgoing.body,
      // Who is sent elsewhere is to be named elsewhere: a message goes only where the settings say.
      redirect: 'manual',
      signal: signal === undefined ? late : AbortSignal.any([signal, late]),
    });
    await answer.body?.cancel();
  } catch (cause) {
    if (signal?.aborted === true)
      throw new HrmError('telling an alert was aborted', { kind: 'closed', code: 'aborted', cause });
    throw failedError(late.aborted ? `it did not answer within ${timeoutMs / 1_000} s` : 'it cannot be reached', cause);
  }
  if (!answer.ok) throw failedError(`it answered ${answer.status}`);
}

function failedError(why: string, cause?: unknown): HrmError {
  const message = `the webhook of HRM_ALERTS_WEBHOOK_URL took no message: ${why}`;
  return new HrmError(message, { kind: 'unavailable', code: 'webhook_failed', cause });
}
