/**
 * The actions of SQS that the queue needs, over its JSON protocol. Each may be carried out twice: a message that was sent twice is stored
 * once (rule 1), and everything else is the same the second time.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/
 * @module
 */
import { HrmError, isHrmError } from '../../../errors.js';
import type { AwsAnswer, AwsClient } from '../../aws/client.js';

/** Sends actions to one service. */
export interface SqsApi {
  /**
   * Does an action.
   * @throws HrmError kind `unavailable`, code `queue_unavailable` or `queue_denied`; kind `closed` when aborted.
   */
  call(action: string, parameters: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<SqsAnswer>;
}

/** What an action answered; what is in it depends on the action, and on who answers. */
export type SqsAnswer = Readonly<Record<string, unknown>>;

/** @param queueUrl - sent along with every action. */
export function createSqsApi(client: Pick<AwsClient, 'send'>, queueUrl: string): SqsApi {
  return {
    async call(action, parameters, signal) {
      const body = Buffer.from(JSON.stringify({ QueueUrl: queueUrl, ...parameters }));
      const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${action}` };
      const answer = await send(client, { method: 'POST', path: '/', headers, body }, signal);
      if (answer.status >= 300) throw refusedError(action, answer);
      return parse(answer.body);
    },
  };
}

async function send(client: Pick<AwsClient, 'send'>, request: Parameters<AwsClient['send']>[0], signal?: AbortSignal) {
  try {
    return await client.send(request, { signal });
  } catch (error) {
    if (!isHrmError(error) || error.code !== 'aws_unavailable') throw error;
    throw new HrmError(error.message, { kind: 'unavailable', code: 'queue_unavailable', cause: error });
  }
}

function parse(body: Buffer): SqsAnswer {
  try {
    const value: unknown = body.length === 0 ? {} : JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as SqsAnswer;
  } catch {
    // As below.
  }
  throw new HrmError('the service answered something that is no JSON: is HRM_QUEUE_URL a queue of SQS?', {
    kind: 'unavailable',
    code: 'queue_unavailable',
  });
}

/** What the codes of a refusal mean; they have a prefix in older protocols. */
const DENIED =
  /AccessDenied|InvalidClientTokenId|InvalidAccessKeyId|SignatureDoesNotMatch|UnrecognizedClient|MissingAuthenticationToken/;
const MISSING = /QueueDoesNotExist|NonExistentQueue/;

function refusedError(action: string, { status, code, body }: AwsAnswer): HrmError {
  const details = {
    kind: 'unavailable',
    cause: new Error(`${status} ${code} ${body.toString('utf8', 0, 300)}`),
  } as const;
  if (MISSING.test(code)) {
    const message = 'there is no such queue: create it, or correct HRM_QUEUE_URL';
    return new HrmError(message, { ...details, code: 'queue_unavailable' });
  }
  if (status === 403 || DENIED.test(code)) {
    const message = `SQS refuses ${action} (${code}): allow sqs:${rightOf(action)} on the queue, or correct the keys`;
    return new HrmError(message, { ...details, code: 'queue_denied' });
  }
  const message = `SQS refuses ${action} (${status} ${code}): see its cause`;
  return new HrmError(message, { ...details, code: 'queue_unavailable' });
}

/** The right that an action needs: batches need that of a single one. */
function rightOf(action: string): string {
  return action.replace(/Batch$/, '');
}
