/** What the errors of S3 mean for whoever runs this: the reason, and what to do about it. */
import { HrmError, isHrmError } from '../../../errors.js';
import type { AwsAnswer } from '../../aws/client.js';
import { textOf } from '../../aws/xml.js';

const ADVICE: Readonly<Record<string, string>> = {
  AccessDenied: 'these keys may not do it; they need s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket',
  AllAccessDisabled: 'access to the bucket is disabled; look at the account',
  InvalidAccessKeyId: 'the service does not know these keys; look at AWS_ACCESS_KEY_ID, or the profile',
  SignatureDoesNotMatch: 'the secret key is wrong; look at AWS_SECRET_ACCESS_KEY',
  ExpiredToken: 'the keys have expired; get others (AWS_SESSION_TOKEN)',
  RequestTimeTooSkewed: 'the clock of this machine is wrong; set it by NTP',
  NoSuchBucket: 'there is no such bucket; make it, or name another',
  QuotaExceeded: 'the quota of the bucket is used up; raise it',
  NotImplemented: 'the service cannot do that; use one that enforces conditional writes',
};

const FULL = new Set(['QuotaExceeded', 'EntityTooLarge', 'InsufficientStorage', 'XMinioStorageFull']);

/** An error of the driver, whose place is told: `s3://bucket/prefix`. */
export function s3Error(what: string, place: string, reason: string, code: string, cause?: unknown): HrmError {
  return new HrmError(`cannot ${what} in ${place}: ${reason}`, {
    kind: 'unavailable',
    code,
    cause,
  });
}

/** The error of an answer that is none of those expected. */
export function answerError(what: string, place: string, { status, code, body }: AwsAnswer): HrmError {
  const said = textOf(body.subarray(0, 4_096).toString('utf8'), 'Message');
  const facts = [String(status), code, said].filter((part) => part !== '').join(' ');
  // HEAD is answered without a reason.
  const advice = ADVICE[code] ?? (status === 403 ? ADVICE.AccessDenied : undefined) ?? 'look at the service';
  const isFull = FULL.has(code) || status === 507;
  return s3Error(what, place, `${advice} (${facts})`, isFull ? 'storage_full' : 'storage_unavailable');
}

/** An error of the client as one of the storage's; what else it is stays. */
export function storageErrorOf(what: string, place: string, error: unknown): unknown {
  if (!isHrmError(error) || error.code !== 'aws_unavailable') return error;
  return s3Error(what, place, error.message, 'storage_unavailable', error);
}
