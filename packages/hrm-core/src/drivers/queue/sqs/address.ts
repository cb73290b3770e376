/** Where a queue of SQS is, as its URL and the environment say. @module */
import { faultError } from '../../../errors.js';

/** A queue, and how its service is reached. */
export interface SqsAddress {
  readonly queueUrl: string;
  readonly endpoint: URL;
  readonly region: string;
  /** The queue's own name. */
  readonly name: string;
}

/** `sqs.eu-west-1.amazonaws.com`, `sqs-fips.…`, and those of private endpoints. */
const REGION_IN_HOST = /(?:^|\.)sqs(?:-fips)?\.([a-z]{2}[a-z0-9-]{3,30})\./;

/**
 * Reads a queue's URL, `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`.
 * @param env - `AWS_ENDPOINT_URL_SQS` and `AWS_ENDPOINT_URL` (in place of the URL's own host), `AWS_REGION`, `AWS_DEFAULT_REGION`.
 * @throws HrmError kind `invalid`, code `invalid_settings`.
 */
export function sqsAddress(url: string, env: Readonly<Record<string, string | undefined>>): SqsAddress {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const [account, name, ...others] = (parsed?.pathname ?? '').split('/').slice(1);
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || !account || !name || others.length > 0) {
    throw settingError('must be the URL of a queue, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME');
  }
  if (name.endsWith('.fifo')) {
    throw settingError('is a FIFO queue: make a standard one, which is cheaper and faster. Order changes no answer');
  }
  const { AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION } = env;
  const endpoint = AWS_ENDPOINT_URL_SQS || AWS_ENDPOINT_URL || parsed.origin;
  if (!URL.canParse(endpoint)) throw settingError('is fine, but AWS_ENDPOINT_URL_SQS is no URL');
  const [, ofHost] = REGION_IN_HOST.exec(parsed.hostname) ?? [];
  const region = ofHost ?? (AWS_REGION || AWS_DEFAULT_REGION || 'us-east-1');
  return { queueUrl: url, endpoint: new URL(endpoint), region, name };
}

/** The URL of another queue of the same account, from its ARN; `null` for what is none of it. */
export function siblingUrl(queueUrl: string, arn: string): string | null {
  const [, , service, , account = '', name = ''] = arn.split(':');
  if (service !== 'sqs' || account === '' || name === '') return null;
  const url = new URL(queueUrl);
  url.pathname = `/${account}/${name}`;
  return url.href;
}

function settingError(what: string) {
  return faultError('invalid_settings', `HRM_QUEUE_URL ${what}`, '/queueUrl');
}
