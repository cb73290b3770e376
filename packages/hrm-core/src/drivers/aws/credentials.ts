/**
 * Keys to sign with: given ones, or those of Amazon's own chain (profile, SSO, web identity, container, instance), whose package is
 * loaded only where none are given.
 */
import { HrmError } from '../../errors.js';
import type { AwsKeys } from './sign.js';

/** Keys, for as long as they hold. */
export interface Credentials {
  /** @throws HrmError kind `invalid`, code `aws_keys_missing`; kind `unavailable`, code `aws_keys_unavailable`. */
  keys(): Promise<AwsKeys>;
  /** Asks for others, since a service said that these have expired. @returns whether there may be others. */
  refresh(): boolean;
}

/** Amazon's chain, as its package makes it: it asks anew by itself before what it has expires. */
type CredentialProvider = (options?: {
  readonly forceRefresh?: boolean;
}) => Promise<AwsKeys & { readonly expiration?: Date | undefined }>;

/** Loads Amazon's chain. */
export type LoadProvider = () => Promise<CredentialProvider>;

/**
 * Keys of the environment's three variables; where there are none, of the chain.
 * @param env - `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.
 * @throws HrmError kind `invalid`, code `aws_keys_missing`, where only one of a pair is given.
 */
export function credentialsOf(
  env: Readonly<Record<string, string | undefined>>,
  loadProvider: LoadProvider = loadChain,
): Credentials {
  const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '', AWS_SESSION_TOKEN = '' } = env;
  if (AWS_ACCESS_KEY_ID === '' && AWS_SECRET_ACCESS_KEY === '') return chainCredentials(loadProvider);
  if (AWS_ACCESS_KEY_ID === '' || AWS_SECRET_ACCESS_KEY === '') {
    throw missingKeys('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together, and one is missing: set both');
  }
  return givenCredentials({
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    sessionToken: AWS_SESSION_TOKEN === '' ? undefined : AWS_SESSION_TOKEN,
  });
}

/** Keys that are given once and for all. */
export function givenCredentials(keys: AwsKeys): Credentials {
  return { keys: () => Promise.resolve(keys), refresh: () => false };
}

function chainCredentials(loadProvider: LoadProvider): Credentials {
  let provider: Promise<CredentialProvider> | null = null;
  let isStale = false;
  async function ask(): Promise<AwsKeys> {
    provider ??= loadProvider();
    const forceRefresh = isStale;
    isStale = false;
    return (await provider)({ forceRefresh });
  }
  return {
    async keys() {
      try {
        return await ask();
      } catch (error) {
        if (error instanceof HrmError) throw error;
        throw new HrmError(
          'no AWS keys could be had: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or look at the profile (AWS_PROFILE) or the role of this machine',
          { kind: 'unavailable', code: 'aws_keys_unavailable', cause: error },
        );
      }
    },
    refresh() {
      isStale = true;
      return true;
    },
  };
}

async function loadChain(): Promise<CredentialProvider> {
  try {
    const { defaultProvider } = await import('@aws-sdk/credential-provider-node');
    return defaultProvider();
  } catch (error) {
    throw missingKeys(
      'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: set them, or npm install @aws-sdk/credential-provider-node, which finds the keys of a profile or a role',
      error,
    );
  }
}

function missingKeys(message: string, cause?: unknown): HrmError {
  return new HrmError(message, { kind: 'invalid', code: 'aws_keys_missing', cause });
}
