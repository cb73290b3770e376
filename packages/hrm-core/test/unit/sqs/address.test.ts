import { describe, expect, it } from 'vitest';
import { siblingUrl, sqsAddress } from '../../../src/drivers/queue/sqs/address.js';

const URL_OF_QUEUE = 'https://sqs.eu-west-3.amazonaws.com/123456789012/readings';

describe('the address of a queue', () => {
  it('has the region of its host, else that of the environment', () => {
    const regionOf = (url: string, env = {}) => sqsAddress(url, env).region;
    expect(regionOf(URL_OF_QUEUE, { AWS_REGION: 'us-west-1' })).toBe('eu-west-3');
    expect(regionOf('https://sqs-fips.us-gov-west-1.amazonaws.com/1/q')).toBe('us-gov-west-1');
    expect(regionOf('https://vpce-1-2.sqs.ap-south-1.vpce.amazonaws.com/1/q')).toBe('ap-south-1');
    expect(regionOf('http://127.0.0.1:4566/1/q', { AWS_REGION: '', AWS_DEFAULT_REGION: 'sa-east-1' })).toBe(
      'sa-east-1',
    );
    expect(regionOf('http://127.0.0.1:4566/1/q')).toBe('us-east-1');
  });

  it('is asked at its own host, or where the environment says', () => {
    expect(sqsAddress(URL_OF_QUEUE, {}).endpoint.origin).toBe('https://sqs.eu-west-3.amazonaws.com');
    expect(sqsAddress(URL_OF_QUEUE, {}).endpointFrom).toBeNull();
    const env = { AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:2' };
    expect(sqsAddress(URL_OF_QUEUE, env)).toMatchObject({
      endpoint: new URL('http://127.0.0.1:2'),
      endpointFrom: 'AWS_ENDPOINT_URL_SQS',
      region: 'eu-west-3',
    });
  });

  it('is refused where it is of no queue, or of one in order', () => {
    for (const url of ['', 'sqs', 'ftp://host/1/q', 'https://host', 'https://host/1', 'https://host/1/q/more']) {
      expect(() => sqsAddress(url, {})).toThrow(/must be the URL of a queue/);
    }
    expect(() => sqsAddress(`${URL_OF_QUEUE}.fifo`, {})).toThrow(/FIFO/);
    expect(() => sqsAddress(URL_OF_QUEUE.replace('//', '//user:secret@'), {})).toThrow(/no user and no password/);
  });

  it('leads to a queue beside it by its ARN', () => {
    expect(siblingUrl(URL_OF_QUEUE, 'arn:aws:sqs:eu-west-3:123456789012:dead')).toBe(
      'https://sqs.eu-west-3.amazonaws.com/123456789012/dead',
    );
    expect(siblingUrl(URL_OF_QUEUE, 'arn:aws:s3:::bucket')).toBeNull();
  });
});
