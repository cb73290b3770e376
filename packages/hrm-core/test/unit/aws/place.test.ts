import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { awsEndpoint, awsRegion } from '../../../src/drivers/aws/place.js';
import { withDirectory } from '../../support/temporary-directory.js';

describe('the region', () => {
  it('is that of the environment, else that of the profile, else the first one', () =>
    withDirectory(async (directory) => {
      const AWS_CONFIG_FILE = join(directory, 'config');
      const regionOf = (env: Readonly<Record<string, string>> = {}) => awsRegion({ AWS_CONFIG_FILE, ...env });
      expect(regionOf()).toBe('us-east-1');
      writeFileSync(
        AWS_CONFIG_FILE,
        [
          '# region = none',
          '[default]',
          'output = json',
          'region = eu-west-1',
          '[profile  one two ] ; a comment',
          'region=eu-west-2\r',
          's3 =',
          '  region = nested',
          '[sso-session other]',
          'region = eu-west-3',
          '[profile other]',
          'sso_region = eu-west-4',
        ].join('\n'),
      );
      expect(regionOf()).toBe('eu-west-1');
      expect(regionOf({ AWS_PROFILE: 'one two' })).toBe('eu-west-2');
      expect(regionOf({ AWS_PROFILE: 'other' })).toBe('us-east-1');
      expect(regionOf({ AWS_PROFILE: 'unknown' })).toBe('us-east-1');
      expect(regionOf({ AWS_DEFAULT_REGION: 'ap-south-1' })).toBe('ap-south-1');
      expect(regionOf({ AWS_DEFAULT_REGION: 'ap-south-1', AWS_REGION: 'ap-south-2' })).toBe('ap-south-2');
      mkdirSync(join(directory, 'no-file'));
      for (const file of ['no-file', 'missing', join('config', 'below')])
        expect(regionOf({ AWS_CONFIG_FILE: join(directory, file) })).toBe('us-east-1');
    }));
});

describe('the endpoint', () => {
  it('is that of the service, else that of all', () => {
    const env = { AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_ENDPOINT_URL_S3: 'https://s3.example:2/' };
    expect(awsEndpoint('S3', env)).toEqual({ url: new URL('https://s3.example:2'), variable: 'AWS_ENDPOINT_URL_S3' });
    expect(awsEndpoint('SQS', env)).toEqual({ url: new URL('http://127.0.0.1:1'), variable: 'AWS_ENDPOINT_URL' });
    expect(awsEndpoint('SQS', { AWS_ENDPOINT_URL: '' })).toBeNull();
  });

  it('is refused where it is none, without telling its password', () => {
    for (const url of ['nowhere', 'ftp://host', 'http://host/path', 'http://user:secret@host']) {
      expect(() => awsEndpoint('SQS', { AWS_ENDPOINT_URL_SQS: url })).toThrow(
        /^AWS_ENDPOINT_URL_SQS must be http:\/\/ or https:\/\/ with a host, no user and no path$/,
      );
    }
  });
});
