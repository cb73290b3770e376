/** Where a queue of SQS is, as its URL and the environment say. @module */
import { faultError } from '../../../errors.js';
import { awsEndpoint, awsRegion, hasUser } from '../../aws/place.js';

/** A queue, and how its service is reached. */
export interface SqsAddress {
  readonly queueUrl: string;
  readonly endpoint: URL;
  readonly region: string;
  /** The variable that names another service than the URL does; `null`: none. */
  readonly endpointFrom: string | null;
  /** The queue's own name. */
  readonly name: string;
}

/** `sqs.eu-west-1.amazonaws.com`, `sqs-fips.…`, and those of private endpoints. */
const REGION_IN_HOST = /(?:^|\.)sqs(?:-fips)?\.([a-z]{2}[a-z0-9-]{3,30})\./;

/**
 * Reads a queue's URL, `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`.
 * @param env - an endpoint there goes before the URL's own host, as with the tools of AWS; a region there, after that of the URL.
 * @throws HrmError kind `invalid`, code `invalid_settings`.
 */
export function sqsAddress(url: string, env: Readonly<Record<string, string | undefined>>): SqsAddress {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const [account, name, ...others] = (parsed?.pathname ?? '').split('/').slice(1);
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || !account || !name || others.length > 0) {
    throw settingError('must be the URL of a queue, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME');
  }
  if (hasUser(parsed)) throw settingError('must have no user and no password: keys are AWS_ACCESS_KEY_ID, or a role');
  if (name.endsWith('.fifo')) {
    throw settingError('is a FIFO queue: make a standard one, which is cheaper and faster. Order changes no answer');
  }
  const given = awsEndpoint('SQS', env);
  const [, ofHost] = REGION_IN_HOST.exec(parsed.hostname) ?? [];
  return {
    queueUrl: url,
    endpoint: given?.url ?? new URL(parsed.origin),
    endpointFrom: given?.variable ?? null,
    region: ofHost ?? awsRegion(env),
    name,
  };
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
