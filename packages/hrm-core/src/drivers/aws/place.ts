/**
 * Where the services are, as the tools of AWS take it from the environment: a service's own endpoint before that of all, and the region of
 * the environment before that of the profile. Endpoints in a profile are not looked at.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { errorCode, faultError } from '../../errors.js';
import { readRegularFile } from '../../regular-file.js';

type Env = Readonly<Record<string, string | undefined>>;

/** Another service than that of AWS, or another way to it. */
export interface GivenEndpoint {
  readonly url: URL;
  /** What says so. */
  readonly variable: string;
}

/** What AWS has where nothing says anything else. */
const DEFAULT_REGION = 'us-east-1';

/** `AWS_REGION`, `AWS_DEFAULT_REGION`, the region of the profile (`AWS_PROFILE`, `AWS_CONFIG_FILE`), or `us-east-1`. */
export function awsRegion(env: Env): string {
  return env.AWS_REGION || env.AWS_DEFAULT_REGION || profileRegion(env) || DEFAULT_REGION;
}

/**
 * The endpoint that the environment gives; `null`: none.
 * @throws HrmError kind `invalid`, code `invalid_settings`, for what is no endpoint.
 */
export function awsEndpoint(service: 'S3' | 'SQS', env: Env): GivenEndpoint | null {
  for (const variable of [`AWS_ENDPOINT_URL_${service}`, 'AWS_ENDPOINT_URL']) {
    const text = env[variable] ?? '';
    if (text === '') continue;
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && !hasUser(url))
      return { url, variable };
    throw faultError('invalid_settings', `${variable} must be http:// or https:// with a host, no user and no path`);
  }
  return null;
}

/** Whether a URL has a user or a password: AWS knows neither, and they would reach logs. */
export function hasUser({ username, password }: URL): boolean {
  return username !== '' || password !== '';
}

/** `''` where there is no such file or profile, or it names no region. */
function profileRegion(env: Env): string {
  const profile = env.AWS_PROFILE || 'default';
  let isIn = false;
  for (const line of configLines(env.AWS_CONFIG_FILE || join(homedir(), '.aws', 'config'))) {
    if (line.startsWith('[')) isIn = profileOf(line) === profile;
    else if (isIn && /^region\s*=/.test(line)) return line.slice(line.indexOf('=') + 1).trim();
  }
  return '';
}

/** The profile of a heading: `[default]`, `[profile NAME]`; `null` where it is of something else. */
function profileOf(line: string): string | null {
  const [kind, ...name] = line.slice(1).split(']', 1)[0]?.trim().split(/\s+/) ?? [];
  if (kind === 'profile') return name.join(' ');
  return kind === 'default' && name.length === 0 ? 'default' : null;
}

function configLines(path: string): readonly string[] {
  try {
    return readRegularFile(path)?.text.split('\n') ?? [];
  } catch (error) {
    // Most machines have none. One that cannot be read says nothing either.
    if (errorCode(error) === '') throw error;
    return [];
  }
}
