import { describe, expect, it, vi } from 'vitest';
import { credentialsOf } from '../../../src/drivers/aws/credentials.js';

const none = () => Promise.reject(new Error('the chain was loaded'));

describe('keys', () => {
  it('of the environment are taken, and nothing is loaded', async () => {
    const pair = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 's' };
    const keys = await credentialsOf(pair, none).keys();
    expect(keys).toEqual({ accessKeyId: 'a', secretAccessKey: 's', sessionToken: undefined });
    const lent = credentialsOf({ ...pair, AWS_SESSION_TOKEN: 't' }, none);
    expect((await lent.keys()).sessionToken).toBe('t');
    expect(lent.refresh()).toBe(false);
  });

  it('of which one is missing are refused', () => {
    for (const half of [{ AWS_ACCESS_KEY_ID: 'a' }, { AWS_SECRET_ACCESS_KEY: 's' }]) {
      expect(() => credentialsOf(half, none)).toThrow(/is missing/);
    }
  });

  it('are the chain’s where there are none, which is made once, and asked anew when they have expired', async () => {
    const asked: unknown[] = [];
    let loaded = 0;
    const credentials = credentialsOf({}, async () => {
      loaded += 1;
      return async (options) => {
        asked.push(options?.forceRefresh);
        return { accessKeyId: `a${asked.length}`, secretAccessKey: 's', sessionToken: 't' };
      };
    });
    expect((await credentials.keys()).accessKeyId).toBe('a1');
    expect(credentials.refresh()).toBe(true);
    expect((await credentials.keys()).accessKeyId).toBe('a2');
    await credentials.keys();
    expect([loaded, asked]).toEqual([1, [false, true, false]]);
  });

  it('that cannot be had, or whose package is not there, say what to do', async () => {
    const broken = credentialsOf({}, async () => () => Promise.reject(new Error('no role')));
    await expect(broken.keys()).rejects.toMatchObject({ kind: 'unavailable', code: 'aws_keys_unavailable' });
    vi.doMock('@aws-sdk/credential-provider-node', () => {
      throw new Error('it is not installed');
    });
    await expect(credentialsOf({}).keys()).rejects.toMatchObject({
      kind: 'invalid',
      code: 'aws_keys_missing',
      message: expect.stringContaining('npm install @aws-sdk/credential-provider-node'),
    });
    vi.doUnmock('@aws-sdk/credential-provider-node');
  });
});
