/**
 * Every setting in one table: the one schema of the CLI, the server and the SDK's users. For each, in this order: CLI
 * flag, environment variable, config file (`hrm.config.json`, camelCase keys), default.
 */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import * as v from 'valibot';
import { DEFAULTS } from './defaults.js';
import { type Fault, HrmError } from './errors.js';
import { DAY_MS, MAX_RETENTION_DAYS, MAX_TIMESTAMP_MS } from './limits.js';
import { DevicePrioritySchema } from './pure/answer/question.js';
import { nearest } from './pure/nearest.js';
import { parseStorageUrl } from './storage-place.js';

const DIGITS = /^\d{1,15}$/;

/** Environment variables and flags are strings, a config file has numbers: both are taken. */
function integer(min: number, max: number) {
  return v.pipe(
    v.union([v.number(), v.pipe(v.string(), v.regex(DIGITS), v.transform(Number))]),
    v.safeInteger(),
    v.minValue(min),
    v.maxValue(max),
  );
}

const boolean = v.union([
  v.boolean(),
  v.pipe(
    v.picklist(['true', 'false']),
    v.transform((text) => text === 'true'),
  ),
]);

const someText = v.pipe(v.string(), v.minLength(1));

/** A file or directory; absolute where {@link SettingSources.cwd} is given. */
const path = v.pipe(v.string(), v.minLength(1));

/** A Redis key: any text without blanks or control characters, which nobody would find again. */
const redisKey = v.pipe(v.string(), v.regex(/^[^\s\p{Cc}]{1,256}$/u));

const REDIS_URL = /^rediss?:\/\//;

const redisUrl = v.pipe(
  v.string(),
  v.check((text) => REDIS_URL.test(text) && URL.canParse(text) && new URL(text).hostname !== ''),
);

/** Of a standard queue; what is wrong with another the driver says. */
const queueUrl = v.pipe(
  v.string(),
  v.check((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).username === ''),
);

const storageUrl = v.pipe(
  v.string(),
  v.check((text) => parseStorageUrl(text) !== null),
);

/** With any path; a user in it would be told to nobody by `fetch`. */
const webhookUrl = v.pipe(
  v.string(),
  v.check((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).username === ''),
);

/** As its tokens have it. In the clear only to this machine: whoever is on the way could put keys of his own there. */
const issuerUrl = v.pipe(
  v.string(),
  v.regex(/^(?:https:\/\/|http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?=[:/]|$))[^\s?#@]+$/),
  v.check((text) => URL.canParse(text)),
);

const claimName = v.pipe(v.string(), v.regex(/^[^\s\p{Cc}]{1,256}$/u));

const ENDPOINT_URL = /^https?:\/\//;

const endpointUrl = v.pipe(
  v.string(),
  v.check((text) => ENDPOINT_URL.test(text) && URL.canParse(text) && isPlainOrigin(new URL(text))),
);

function isPlainOrigin({ pathname, username }: URL): boolean {
  return pathname === '/' && username === '';
}

const jsonText = v.pipe(v.string(), v.parseJson());

const HOST_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;

/** A list is judged as a whole: a fault for each of very many items would be made, and told by none. */
function listOf(isItem: (text: string) => boolean) {
  return v.pipe(
    v.array(v.string()),
    v.check((all) => all.every(isItem)),
  );
}

/** Names or addresses, without scheme or port. */
const hosts = listOf(isHost);

function isHost(host: string): boolean {
  return HOST_NAME.test(host) || isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

/** As browsers send them: scheme, host, port where it is not the scheme's own. */
const origins = listOf(isOrigin);

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { origin, protocol, hostname } = new URL(text);
  // A pattern such as https://*.example.org is a URL too, and would match nothing.
  return origin === text && /^https?:$/.test(protocol) && isHost(hostname);
}

const addresses = listOf((text) => isIP(text) !== 0);

const hostList = v.union([hosts, v.pipe(v.string(), v.transform(splitList), hosts)]);
const originList = v.union([origins, v.pipe(v.string(), v.transform(splitList), origins)]);

const addressList = v.union([addresses, v.pipe(v.string(), v.transform(splitList), addresses)]);

function splitList(text: string): string[] {
  return text.split(',').map((item) => item.trim());
}

const DAY = integer(0, DAY_MS);

/** A cache of less would hold nothing of a large file. */
const MIN_CACHE_BYTES = 16 * 1024 * 1024;
/** A file of less would be full of a few events about very many users. */
const MIN_AUDIT_BYTES = 64 * 1024;
const KEY_ALLOWED = 'a key of 1 to 256 characters without blanks';

/** The settings: name -> environment variable, schema, default, what is allowed, what it is for. */
const DEFINITIONS = {
  host: {
    variable: 'HRM_HOST',
    schema: someText,
    fallback: '127.0.0.1',
    allowed: 'a host name or address',
    about: 'Address the API listens on. Beyond this machine it needs API keys or HRM_ALLOW_ANONYMOUS=true.',
  },
  port: {
    variable: 'HRM_PORT',
    schema: integer(0, 65_535),
    fallback: 8000,
    allowed: 'an integer from 0 to 65535',
    about: 'Port the API listens on; 0 picks a free one.',
  },
  metricsPort: {
    variable: 'HRM_METRICS_PORT',
    schema: integer(0, 65_535),
    fallback: 0,
    allowed: 'an integer from 0 to 65535',
    about: 'Port for /metrics and /health alone, for processes without the API; 0: none.',
  },
  allowAnonymous: {
    variable: 'HRM_ALLOW_ANONYMOUS',
    schema: boolean,
    fallback: false,
    allowed: 'true or false',
    about: 'Lets the API listen beyond this machine without API keys: whoever reaches it reads and writes.',
  },
  allowedHosts: {
    variable: 'HRM_ALLOWED_HOSTS',
    schema: hostList,
    fallback: [] as string[],
    allowed: 'host names or addresses without scheme or port, separated by commas',
    about: 'Names besides its own by which clients may address the API (the Host header).',
  },
  corsOrigins: {
    variable: 'HRM_CORS_ORIGINS',
    schema: originList,
    fallback: [] as string[],
    allowed: 'origins like https://app.example.org, without wildcards, separated by commas',
    about: 'Web pages of other origins that may call the API from a browser; none by default.',
  },
  keysFile: {
    variable: 'HRM_KEYS_FILE',
    schema: path,
    fallback: './.hrm/keys.json',
    allowed: 'a file',
    about: 'Where the API keys are, as hashes (hrm keys create). As soon as there is one, every call needs a key.',
  },
  oidcIssuer: {
    variable: 'HRM_OIDC_ISSUER',
    schema: issuerUrl,
    fallback: '',
    allowed: 'an https:// URL without a user, a query or a fragment; http:// only for this machine',
    about:
      'The issuer of an OpenID Connect login, as its tokens name it. Its tokens count as API keys do; API keys go on counting.',
  },
  oidcAudience: {
    variable: 'HRM_OIDC_AUDIENCE',
    schema: claimName,
    fallback: '',
    allowed: 'a text without blanks',
    about: 'What tokens of the issuer must name as their audience (aud): this API.',
  },
  oidcScopesClaim: {
    variable: 'HRM_OIDC_SCOPES_CLAIM',
    schema: claimName,
    fallback: 'scope',
    allowed: 'the name of a claim, or a path like realm_access.roles',
    about:
      'The claim that has scopes: hrm:ingest, hrm:query, hrm:erase, hrm:admin, and hrm:all_users for who is not bound to users.',
  },
  oidcUsersClaim: {
    variable: 'HRM_OIDC_USERS_CLAIM',
    schema: claimName,
    fallback: 'sub',
    allowed: 'the name of a claim, or a path like hrm.users',
    about: 'The claim that has the user_id, or a list of them, that a token is bound to.',
  },
  rateLimit: {
    variable: 'HRM_RATE_LIMIT',
    schema: integer(0, 1_000_000_000),
    fallback: 60_000,
    allowed: 'an integer from 0',
    about: 'Requests per minute that one API key may make of one process; 0: any number.',
  },
  auditLog: {
    variable: 'HRM_AUDIT_LOG',
    schema: path,
    fallback: '',
    allowed: 'a file',
    about:
      'Records who saw or changed whose data, a line of JSON an event; hrm audit reads it. It has user ids: keep it as private as the data.',
  },
  auditMaxBytes: {
    variable: 'HRM_AUDIT_MAX_BYTES',
    schema: integer(MIN_AUDIT_BYTES, Number.MAX_SAFE_INTEGER),
    fallback: 67_108_864,
    allowed: 'an integer from 65536',
    about: 'Bytes from which on the audit log goes on in a new file; the old one stays beside it under another name.',
  },
  auditRequired: {
    variable: 'HRM_AUDIT_REQUIRED',
    schema: boolean,
    fallback: false,
    allowed: 'true or false',
    about: 'Refuses what the audit log cannot record (503); otherwise it is done, and counted.',
  },
  trustedProxies: {
    variable: 'HRM_TRUSTED_PROXIES',
    schema: addressList,
    fallback: [] as string[],
    allowed: 'addresses, separated by commas',
    about: 'Proxies whose X-Forwarded-For the audit log believes; without them it names the proxy.',
  },
  alertsFile: {
    variable: 'HRM_ALERTS_FILE',
    schema: path,
    fallback: '',
    allowed: 'a file',
    about:
      'The rules of alerts, which consumers judge as they store. A change of it counts at once. Alerts are no medical monitoring.',
  },
  alertsWebhookUrl: {
    variable: 'HRM_ALERTS_WEBHOOK_URL',
    schema: webhookUrl,
    fallback: '',
    allowed: 'an http:// or https:// URL without a user',
    about: 'Where alerts are told. What is sent there is health data; without it alerts are only kept and logged.',
  },
  alertsWebhookSecret: {
    variable: 'HRM_ALERTS_WEBHOOK_SECRET',
    schema: v.pipe(v.string(), v.regex(/^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/)),
    fallback: '',
    allowed: 'whsec_ and 24 to 64 random bytes in base64',
    about:
      'What alerts are signed with, by Standard Webhooks. Better in the environment than as a flag, which others on the machine see.',
  },
  dataDir: {
    variable: 'HRM_DATA_DIR',
    schema: path,
    fallback: './data',
    allowed: 'a directory',
    about: 'Where the Parquet files are: on a file system with hard links.',
  },
  storageUrl: {
    variable: 'HRM_STORAGE_URL',
    schema: storageUrl,
    fallback: '',
    allowed: 's3://bucket or s3://bucket/prefix',
    about:
      'Where the Parquet files are in S3, in place of HRM_DATA_DIR. The keys are those of AWS_ACCESS_KEY_ID, a profile or a role.',
  },
  s3Region: {
    variable: 'AWS_REGION',
    schema: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,64}$/)),
    fallback: '',
    allowed: 'a region like eu-central-1',
    about: 'Region of the bucket of HRM_STORAGE_URL. Without it AWS_DEFAULT_REGION, that of the profile, or us-east-1.',
  },
  s3Endpoint: {
    variable: 'AWS_ENDPOINT_URL_S3',
    schema: endpointUrl,
    fallback: '',
    allowed: 'http:// or https:// with a host, no user and no path',
    about:
      'Another service than AWS for HRM_STORAGE_URL. It must enforce conditional writes. Without it AWS_ENDPOINT_URL.',
  },
  s3PathStyle: {
    variable: 'HRM_S3_PATH_STYLE',
    schema: v.picklist(['auto', 'true', 'false']),
    fallback: 'auto' as const,
    allowed: 'auto, true or false',
    about:
      'Whether the bucket is named in the path, and not in the host; auto: with AWS_ENDPOINT_URL_S3, or a dot in its name.',
  },
  s3Encryption: {
    variable: 'HRM_S3_ENCRYPTION',
    schema: v.picklist(['bucket', 'AES256', 'aws:kms']),
    fallback: 'bucket' as const,
    allowed: 'bucket, AES256 or aws:kms',
    about: 'How S3 encrypts what is written; bucket: as the bucket says.',
  },
  s3KmsKey: {
    variable: 'HRM_S3_KMS_KEY',
    schema: v.pipe(v.string(), v.regex(/^[!-~]{1,2048}$/)),
    fallback: '',
    allowed: 'the id or ARN of a key',
    about: 'Key of HRM_S3_ENCRYPTION=aws:kms; default that of the account.',
  },
  s3CacheDir: {
    variable: 'HRM_S3_CACHE_DIR',
    schema: path,
    fallback: '',
    allowed: 'a directory',
    about:
      'Keeps what was read from S3 in a directory of this machine, so that it is not read again after a start. It holds readings: keep it as private as the data.',
  },
  s3CacheBytes: {
    variable: 'HRM_S3_CACHE_BYTES',
    schema: integer(MIN_CACHE_BYTES, Number.MAX_SAFE_INTEGER),
    fallback: DEFAULTS.s3CacheBytes,
    allowed: 'an integer from 16777216',
    about: 'Bytes that HRM_S3_CACHE_DIR may take, about; what was not used for longest goes first.',
  },
  redisUrl: {
    variable: 'REDIS_URL',
    schema: redisUrl,
    fallback: '',
    allowed: 'redis:// or rediss:// with a host, and a user and password where the server wants them',
    about:
      'The Redis that holds the queue, or beside HRM_QUEUE_URL only the feed of the live view. Without either the queue is embedded, in HRM_QUEUE_DIR.',
  },
  queueUrl: {
    variable: 'HRM_QUEUE_URL',
    schema: queueUrl,
    fallback: '',
    allowed: 'the URL of a standard queue, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME',
    about:
      'The queue of Amazon SQS that holds the readings, in place of any other. The live view needs REDIS_URL beside it.',
  },
  queueDir: {
    variable: 'HRM_QUEUE_DIR',
    schema: path,
    fallback: './.hrm/queue',
    allowed: 'a directory',
    about: 'Where the embedded queue is: on a local disk.',
  },
  spoolDir: {
    variable: 'HRM_SPOOL_DIR',
    schema: path,
    fallback: './.hrm/spool',
    allowed: 'a directory',
    about:
      'Where a file that the API imports lies meanwhile: on a disk that has room for some of HRM_IMPORT_MAX_BYTES.',
  },
  importMaxBytes: {
    variable: 'HRM_IMPORT_MAX_BYTES',
    schema: integer(1, Number.MAX_SAFE_INTEGER),
    fallback: 2_147_483_648,
    allowed: 'bytes, from 1',
    about: 'How large a file the API imports.',
  },
  queueKey: {
    variable: 'HRM_QUEUE_KEY',
    schema: redisKey,
    fallback: DEFAULTS.queueKey,
    allowed: KEY_ALLOWED,
    about: 'Redis list of what is queued. In a cluster the three keys need one hash tag, as in {heartbeat}:queue.',
  },
  processingKey: {
    variable: 'HRM_PROCESSING_KEY',
    schema: redisKey,
    fallback: DEFAULTS.processingKey,
    allowed: KEY_ALLOWED,
    about: 'What the Redis keys of claimed batches begin with.',
  },
  deadKey: {
    variable: 'HRM_DEAD_KEY',
    schema: redisKey,
    fallback: DEFAULTS.deadKey,
    allowed: KEY_ALLOWED,
    about: 'Redis stream of the dead letters.',
  },
  apiKey: {
    variable: 'HRM_API_KEY',
    schema: v.pipe(v.string(), v.regex(/^hrm_[a-z2-7]{12}_[A-Za-z0-9_-]{43}$/)),
    fallback: '',
    allowed: 'a key as hrm keys create prints it',
    about:
      'The key to ask a server with (--url). Better in the environment than as a flag, which others on the machine see.',
  },
  queueHighWater: {
    variable: 'HRM_QUEUE_HIGH_WATER',
    schema: integer(1, Number.MAX_SAFE_INTEGER),
    fallback: DEFAULTS.queueHighWater,
    allowed: 'an integer from 1',
    about:
      'Readings queued and claimed from which on no more are accepted until some are stored. One API key may fill 7/8 of it. With several processes it is approximate.',
  },
  batchMaxReadings: {
    variable: 'HRM_BATCH_MAX_READINGS',
    schema: integer(1, 1_000_000),
    fallback: DEFAULTS.batchMaxReadings,
    allowed: 'an integer from 1 to 1000000',
    about: 'A batch is written once it has so many readings, or sooner, by its age.',
  },
  batchMaxAgeMs: {
    variable: 'HRM_BATCH_MAX_AGE_MS',
    schema: DAY,
    fallback: DEFAULTS.batchMaxAgeMs,
    allowed: 'milliseconds, 0 to 86400000',
    about: 'A batch is written once its oldest reading has waited so long, or sooner, by its size.',
  },
  leaseMs: {
    variable: 'HRM_LEASE_MS',
    schema: integer(100, DAY_MS),
    fallback: DEFAULTS.leaseMs,
    allowed: 'milliseconds, 100 to 86400000',
    about: "How long a claim is leased: a claimed batch stays its consumer's for so long without a sign of life.",
  },
  compactEveryMs: {
    variable: 'HRM_COMPACT_EVERY_MS',
    schema: integer(10, DAY_MS),
    fallback: DEFAULTS.compactEveryMs,
    allowed: 'milliseconds, 10 to 86400000',
    about: 'Pause between two runs of the compacter.',
  },
  sweepAfterMs: {
    variable: 'HRM_SWEEP_AFTER_MS',
    schema: DAY,
    fallback: DEFAULTS.sweepAfterMs,
    allowed: 'milliseconds, 0 to 86400000',
    about: 'How long files that compaction superseded stay for readers that still use them.',
  },
  devicePriority: {
    variable: 'HRM_DEVICE_PRIORITY',
    schema: v.union([v.pipe(jsonText, DevicePrioritySchema), DevicePrioritySchema]),
    fallback: {} as Record<string, number>,
    allowed: 'a JSON object of device id to rank, integers from 1 (best)',
    about: 'Which device wins at equal milliseconds; unlisted ones come after every listed one.',
  },
  naiveTimestamps: {
    variable: 'HRM_NAIVE_TIMESTAMPS',
    schema: v.picklist(['reject', 'utc']),
    fallback: DEFAULTS.naiveTimestamps,
    allowed: 'reject or utc',
    about: 'What to do with a timestamp without an offset; utc: take it as UTC.',
  },
  maxFutureMs: {
    variable: 'HRM_MAX_FUTURE_MS',
    schema: integer(0, 366 * DAY_MS),
    fallback: DEFAULTS.maxFutureMs,
    allowed: 'milliseconds, 0 to 31622400000',
    about: 'How far ahead of the clock a reading may lie.',
  },
  maxDevices: {
    variable: 'HRM_MAX_DEVICES',
    schema: integer(1, 1_000_000),
    fallback: DEFAULTS.maxDevices,
    allowed: 'an integer from 1 to 1000000',
    about:
      'Devices that a user may have on one UTC day; the API refuses readings of more. Each process counts what it accepted itself.',
  },
  maxPastMs: {
    variable: 'HRM_MAX_PAST_MS',
    schema: integer(0, MAX_TIMESTAMP_MS),
    fallback: DEFAULTS.maxPastMs,
    allowed: `milliseconds, 0 to ${MAX_TIMESTAMP_MS}`,
    about: 'How far behind the clock a reading may lie; by default it may be as old as 1970.',
  },
  retentionDays: {
    variable: 'HRM_RETENTION_DAYS',
    schema: v.union([v.literal('store'), integer(0, MAX_RETENTION_DAYS)]),
    fallback: 'store' as const,
    allowed: `days from 1 to ${MAX_RETENTION_DAYS}, 0 for ever, or store`,
    about:
      'UTC days that readings are kept, today among them; older ones are deleted for good. It is stored with the data, for all processes; store: as was said last.',
  },
  retentionFile: {
    variable: 'HRM_RETENTION_FILE',
    schema: path,
    fallback: '',
    allowed: 'a file',
    about:
      'Exceptions from HRM_RETENTION_DAYS: a JSON list of {"user_id", "device_id", "days"}. It is read at the start, and stored with the data, without ids.',
  },
  stallMs: {
    variable: 'HRM_STALL_MS',
    schema: v.pipe(
      integer(0, DAY_MS),
      v.check((ms) => ms === 0 || ms >= 1_000),
    ),
    fallback: 60_000,
    allowed: 'milliseconds, 1000 to 86400000, or 0',
    about: 'A process of hrm serve whose event loop stands still so long is killed, to be started again; 0: never.',
  },
  logLevel: {
    variable: 'HRM_LOG_LEVEL',
    schema: v.picklist(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    fallback: 'info' as const,
    allowed: 'fatal, error, warn, info, debug, trace or silent',
    about: 'Least serious log line written to stderr.',
  },
  logFormat: {
    variable: 'HRM_LOG_FORMAT',
    schema: v.picklist(['auto', 'json', 'pretty']),
    fallback: 'auto' as const,
    allowed: 'auto, json or pretty',
    about: 'Form of log lines: JSON, or for people; auto: for people on a terminal, else JSON.',
  },
} as const;

type Definitions = typeof DEFINITIONS;

/** The name of a setting, as JavaScript and the config file spell it. */
export type SettingName = keyof Definitions;

/** Every setting, checked; defaults filled in. */
export type Settings = { readonly [Name in SettingName]: v.InferOutput<Definitions[Name]['schema']> };

/** One setting as help texts and documentation show it. */
export interface SettingDescription {
  readonly name: SettingName;
  /** The environment variable. */
  readonly variable: string;
  /** The CLI flag without its dashes: `data-dir`. */
  readonly flag: string;
  /** As one would write it in the environment. */
  readonly fallback: string;
  readonly allowed: string;
  readonly about: string;
}

/** Every setting, for help texts. */
export const SETTINGS: readonly SettingDescription[] = Object.entries(DEFINITIONS).map(([name, definition]) => ({
  name: name as SettingName,
  variable: definition.variable,
  flag: name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
  fallback: describeFallback(definition.fallback),
  allowed: definition.allowed,
  about: definition.about,
}));

function describeFallback(fallback: unknown): string {
  if (Array.isArray(fallback)) return fallback.join() || 'none';
  if (fallback === '') return 'none';
  return typeof fallback === 'object' ? JSON.stringify(fallback) : String(fallback);
}

export { type ConfigSurroundings, isOpenSecret, type ReadConfigFile, readConfigFile } from './process/config-file.js';
export { nearest };

/** An environment variable that looks like a setting and is none. */
export interface UnknownVariable {
  readonly name: string;
  /** The setting that was probably meant. */
  readonly meant: string | undefined;
}

/** Finds {@link unknownVariables}, with what was probably meant. */
export function explainUnknownVariables(env: Readonly<Record<string, string | undefined>>): readonly UnknownVariable[] {
  const variables = SETTINGS.map(({ variable }) => variable);
  return unknownVariables(env).map((name) => ({ name, meant: nearest(name, variables) }));
}

/** Names in an environment that look like settings and are none: a typing error there would go unnoticed. */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const known = new Set<string>(SETTINGS.map(({ variable }) => variable));
  return Object.keys(env).filter((name) => name.startsWith('HRM_') && !known.has(name));
}

/** Where settings come from, the first that has a value wins; an empty string is no value. */
export interface SettingSources {
  /** By setting name. */
  readonly flags?: Readonly<Partial<Record<SettingName, string | undefined>>> | undefined;
  /** By environment variable; usually `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** A config file's path, for messages, and its text. */
  readonly file?: { readonly path: string; readonly text: string } | undefined;
  /** What relative paths are relative to; without it they stay as they are. */
  readonly cwd?: string | undefined;
}

/**
 * Reads the settings from their sources.
 * @throws HrmError kind `invalid`, code `invalid_settings`, naming each wrong setting, its value and what is allowed.
 */
export function loadSettings({ flags = {}, env = {}, file, cwd }: SettingSources = {}): Settings {
  const faults: Fault[] = [];
  const fromFile = file === undefined ? {} : parseConfigFile(file, faults);
  const settings: Record<string, unknown> = {};
  for (const { name, variable, flag, allowed } of SETTINGS) {
    const candidates: [source: string, value: unknown][] = [
      [`--${flag}`, flags[name]],
      [variable, env[variable]],
      [`${name} in ${file?.path}`, fromFile[name]],
    ];
    const [source, value] = candidates.find(([, value]) => value !== undefined && value !== '') ?? [];
    const { schema, fallback } = DEFINITIONS[name];
    if (source === undefined) {
      settings[name] = inPlace(name, fallback, cwd);
      continue;
    }
    const result = v.safeParse(schema, value);
    if (result.success) settings[name] = inPlace(name, result.output, cwd);
    else
      faults.push({
        path: `/${name}`,
        message: `${source} is ${SECRETS[name] ?? shownValue(value)}: it must be ${allowed}`,
      });
  }
  if (faults.length === 0)
    faults.push(
      ...keyFaults(settings as Settings),
      ...auditFaults(settings as Settings),
      ...webhookFaults(settings as Settings),
      ...issuerFaults(settings as Settings),
    );
  if (faults.length > 0) {
    const message = faults.map((fault) => fault.message).join('\n');
    throw new HrmError(message, { kind: 'invalid', code: 'invalid_settings', faults });
  }
  return settings as Settings;
}

/** What is shown of values that nobody may see, where they are wrong. */
const SECRETS: Readonly<Partial<Record<SettingName, string>>> = {
  apiKey: 'no key',
  alertsWebhookUrl: 'no URL of a webhook',
  alertsWebhookSecret: 'no secret',
};

/** A path where it is, any other value as it is. */
function inPlace(name: SettingName, value: unknown, cwd: string | undefined): unknown {
  return DEFINITIONS[name].schema === path && cwd !== undefined && value !== '' ? resolve(cwd, String(value)) : value;
}

/** As JSON, without the user and password that a URL may have: messages reach logs. */
function shownValue(value: unknown): string {
  return JSON.stringify(value).replace(/^".*@/s, '"***@');
}

/** The keys of Redis that would run into each other. */
function keyFaults({ queueKey, processingKey, deadKey }: Settings): Fault[] {
  const isClaims = (key: string) => key.startsWith(`${processingKey}:`);
  const areApart = new Set([queueKey, processingKey, deadKey]).size === 3 && !isClaims(queueKey) && !isClaims(deadKey);
  if (areApart) return [];
  const message = `HRM_QUEUE_KEY (${queueKey}), HRM_PROCESSING_KEY (${processingKey}) and HRM_DEAD_KEY (${deadKey}) must be three different keys, and no other may begin with HRM_PROCESSING_KEY and a colon`;
  return [{ path: '/processingKey', message }];
}

/** What is required has to be somewhere. */
function auditFaults({ auditLog, auditRequired }: Settings): Fault[] {
  if (!auditRequired || auditLog !== '') return [];
  return [{ path: '/auditLog', message: 'HRM_AUDIT_REQUIRED needs HRM_AUDIT_LOG: name the file of the audit log' }];
}

/** A message that is not signed may be anybody's. */
function webhookFaults({ alertsWebhookUrl: url, alertsWebhookSecret: secret }: Settings): Fault[] {
  if (url === '' || secret !== '') return [];
  const message =
    'HRM_ALERTS_WEBHOOK_URL needs HRM_ALERTS_WEBHOOK_SECRET: make one with openssl rand -base64 32, and put whsec_ before it';
  return [{ path: '/alertsWebhookSecret', message }];
}

/** A token that was made for another service is nothing here. */
function issuerFaults({ oidcIssuer, oidcAudience }: Settings): Fault[] {
  if (oidcIssuer === '' || oidcAudience !== '') return [];
  const message = 'HRM_OIDC_ISSUER needs HRM_OIDC_AUDIENCE: what the issuer calls this API in the claim aud';
  return [{ path: '/oidcAudience', message }];
}

// `v.record` alone would take a list for an object.
const ConfigFileSchema = v.pipe(
  jsonText,
  v.check((value) => !Array.isArray(value)),
  v.record(v.string(), v.unknown()),
);

function parseConfigFile(file: { path: string; text: string }, faults: Fault[]): Record<string, unknown> {
  const result = v.safeParse(ConfigFileSchema, file.text);
  if (!result.success) {
    faults.push({ path: '', message: `${file.path} must hold a JSON object of settings` });
    return {};
  }
  for (const key of Object.keys(result.output)) {
    if (Object.hasOwn(DEFINITIONS, key)) continue;
    faults.push({ path: `/${key}`, message: `${file.path} has "${key}", which is no setting: see hrm serve --help` });
  }
  return result.output;
}
