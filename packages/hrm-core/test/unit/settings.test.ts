import { describe, expect, it } from 'vitest';
import { DEFAULTS } from '../../src/defaults.js';
import { isHrmError } from '../../src/errors.js';
import { loadSettings, SETTINGS, type SettingSources } from '../../src/settings.js';

function message(sources: SettingSources): string {
  try {
    loadSettings(sources);
  } catch (error) {
    if (isHrmError(error) && error.code === 'invalid_settings') return error.message;
    throw error;
  }
  return '';
}

it('has the defaults of the contract', () => {
  expect(loadSettings()).toEqual({
    auditLog: '',
    auditMaxBytes: 67_108_864,
    auditRequired: false,
    trustedProxies: [],
    host: '127.0.0.1',
    oidcIssuer: '',
    oidcAudience: '',
    oidcScopesClaim: 'scope',
    oidcUsersClaim: 'sub',
    port: 8000,
    metricsPort: 0,
    allowAnonymous: false,
    allowedHosts: [],
    corsOrigins: [],
    keysFile: './.hrm/keys.json',
    rateLimit: 60_000,
    retentionDays: 'store',
    retentionFile: '',
    dataDir: './data',
    redisUrl: '',
    s3CacheBytes: 1_073_741_824,
    s3CacheDir: '',
    s3Encryption: 'bucket',
    s3Endpoint: '',
    s3KmsKey: '',
    s3PathStyle: 'auto',
    s3Region: '',
    storageUrl: '',
    queueDir: './.hrm/queue',
    queueKey: 'heartbeat:queue',
    queueUrl: '',
    processingKey: 'heartbeat:processing',
    deadKey: 'heartbeat:dead',
    alertsFile: '',
    alertsWebhookUrl: '',
    alertsWebhookSecret: '',
    apiKey: '',
    queueHighWater: 5_000_000,
    spoolDir: './.hrm/spool',
    importMaxBytes: 2_147_483_648,
    batchMaxReadings: 50_000,
    batchMaxAgeMs: 5_000,
    leaseMs: 30_000,
    compactEveryMs: 300_000,
    sweepAfterMs: 60_000,
    devicePriority: {},
    naiveTimestamps: 'reject',
    maxFutureMs: 86_400_000,
    maxDevices: 10_000,
    maxPastMs: 253_402_300_799_999,
    stallMs: 60_000,
    logLevel: 'info',
    logFormat: 'auto',
  });
});

it('has the defaults that functions take by themselves', () => {
  expect(loadSettings()).toMatchObject(DEFAULTS);
});

it('never repeats an API key', () => {
  expect(() => loadSettings({ env: { HRM_API_KEY: 'hrm_secret' } })).toThrow(/HRM_API_KEY is no key: it must be a key/);
  expect(() => loadSettings({ env: { HRM_API_KEY: 'hrm_secret' } })).not.toThrow(/secret/);
});

it('never repeats the secret of a webhook, nor its URL, and takes no webhook that is not signed', () => {
  const env = { HRM_ALERTS_WEBHOOK_URL: 'https://a:b@example.org/token', HRM_ALERTS_WEBHOOK_SECRET: 'whsec_c2hvcnQ=' };
  expect(message({ env })).toMatch(
    /HRM_ALERTS_WEBHOOK_URL is no URL of a webhook.*\n.*HRM_ALERTS_WEBHOOK_SECRET is no secret/,
  );
  expect(message({ env })).not.toMatch(/token|c2hv/);
  const url = { HRM_ALERTS_WEBHOOK_URL: 'https://example.org/token' };
  expect(message({ env: url })).toContain('needs HRM_ALERTS_WEBHOOK_SECRET');
});

it('prefers flag, then environment, then file, then default; an empty string is none of them', () => {
  const file = { path: 'hrm.config.json', text: '{"port":3,"host":"localhost","leaseMs":500}' };
  const settings = loadSettings({
    flags: { port: '1' },
    env: { HRM_PORT: '2', HRM_HOST: '', HRM_LEASE_MS: '400' },
    file,
  });
  expect(settings).toMatchObject({ port: 1, host: 'localhost', leaseMs: 400, dataDir: './data' });
});

it('reads every kind of value from text', () => {
  const env = {
    HRM_DEVICE_PRIORITY: '{"watch":1,"strap":2}',
    HRM_ALLOW_ANONYMOUS: 'true',
    HRM_ALLOWED_HOSTS: 'a.example, b.example,::1',
    HRM_CORS_ORIGINS: 'https://a.example,http://127.0.0.1:3000, http://[::1]:3000',
    HRM_NAIVE_TIMESTAMPS: 'utc',
  };
  expect(loadSettings({ env })).toMatchObject({
    corsOrigins: ['https://a.example', 'http://127.0.0.1:3000', 'http://[::1]:3000'],
    devicePriority: { watch: 1, strap: 2 },
    allowAnonymous: true,
    allowedHosts: ['a.example', 'b.example', '::1'],
    naiveTimestamps: 'utc',
  });
});

it('takes any device id for a priority, names of Object.prototype among them', () => {
  const text = '{"constructor":1,"prototype":2,"__proto__":3,"a":4}';
  const { devicePriority } = loadSettings({ env: { HRM_DEVICE_PRIORITY: text } });
  expect(JSON.stringify(devicePriority)).toBe(text);
  const file = { path: 'x.json', text: `{"devicePriority":${text}}` };
  expect(JSON.stringify(loadSettings({ file }).devicePriority)).toBe(text);
});

describe('a wrong value names the setting, the value and what is allowed', () => {
  it.each([
    [{ env: { HRM_PORT: '80a' } }, /HRM_PORT is "80a": it must be an integer from 0 to 65535/],
    [{ env: { HRM_PORT: '-1' } }, /HRM_PORT/],
    [{ env: { HRM_PORT: '65536' } }, /HRM_PORT/],
    [{ flags: { leaseMs: '1' } }, /--lease-ms is "1".*100/],
    [{ env: { HRM_LEASE_MS: '1e3' } }, /HRM_LEASE_MS/],
    [{ env: { HRM_DEVICE_PRIORITY: '{watch:1}' } }, /HRM_DEVICE_PRIORITY.*JSON/],
    [{ env: { HRM_DEVICE_PRIORITY: '{"watch":"1"}' } }, /HRM_DEVICE_PRIORITY/],
    [{ env: { HRM_DEVICE_PRIORITY: '[1]' } }, /HRM_DEVICE_PRIORITY/],
    [{ env: { HRM_ALLOW_ANONYMOUS: 'yes' } }, /true or false/],
    [{ env: { HRM_NAIVE_TIMESTAMPS: 'UTC' } }, /reject or utc/],
    [{ env: { HRM_STALL_MS: '999' } }, /HRM_STALL_MS/],
    [{ env: { HRM_LOG_LEVEL: 'loud' } }, /HRM_LOG_LEVEL/],
    [{ env: { HRM_LOG_FORMAT: 'xml' } }, /HRM_LOG_FORMAT/],
    [{ env: { REDIS_URL: 'localhost:6379' } }, /REDIS_URL is "localhost:6379".*redis:\/\//],
    [{ env: { REDIS_URL: 'redis://' } }, /REDIS_URL/],
    [{ env: { HRM_QUEUE_KEY: 'my queue' } }, /HRM_QUEUE_KEY.*without blanks/],
    [{ env: { HRM_QUEUE_HIGH_WATER: '0' } }, /HRM_QUEUE_HIGH_WATER/],
    [{ env: { HRM_ALLOWED_HOSTS: 'http://a' } }, /HRM_ALLOWED_HOSTS.*without scheme/],
    [{ env: { HRM_ALLOWED_HOSTS: 'a,,b' } }, /HRM_ALLOWED_HOSTS/],
    [{ env: { HRM_ALLOWED_HOSTS: '*' } }, /HRM_ALLOWED_HOSTS/],
    [{ env: { HRM_ALLOWED_HOSTS: 'a:80' } }, /HRM_ALLOWED_HOSTS/],
    [{ env: { HRM_ALLOWED_HOSTS: '*.example' } }, /HRM_ALLOWED_HOSTS/],
    [{ env: { HRM_CORS_ORIGINS: 'https://*.example' } }, /HRM_CORS_ORIGINS.*without wildcards/],
    [{ env: { HRM_CORS_ORIGINS: '*' } }, /HRM_CORS_ORIGINS/],
    [{ env: { HRM_CORS_ORIGINS: 'https://a.example/' } }, /HRM_CORS_ORIGINS/],
    [{ file: { path: 'x.json', text: '{' } }, /x\.json must hold a JSON object/],
    [{ file: { path: 'x.json', text: '[]' } }, /x\.json/],
    [{ file: { path: 'x.json', text: '{"prot":1}' } }, /"prot", which is no setting/],
    [{ file: { path: 'x.json', text: '{"port":"eighty"}' } }, /port in x\.json/],
    [{ file: { path: 'x.json', text: '{"port":null}' } }, /port in x\.json/],
  ] satisfies [SettingSources, RegExp][])('%j', (sources, why) => {
    expect(message(sources)).toMatch(why);
  });

  it('all of them at once', () => {
    expect(message({ env: { HRM_PORT: 'x', HRM_LEASE_MS: 'y' } }).split('\n')).toHaveLength(2);
  });

  it('each once, whatever is wrong with its value', () => {
    const wrong = ['-0.5', `${'x'.repeat(300)}\u0000`, '[{}]', '{"a":0,"b":0.5,"":1}', ' , ,a b,://', 'hrm_'];
    for (const value of wrong) {
      const env = Object.fromEntries(SETTINGS.map(({ variable }) => [variable, value]));
      const lines = message({ env }).split('\n');
      const names = SETTINGS.filter(({ variable }) => lines.some((line) => line.startsWith(`${variable} is `)));
      expect(lines).toHaveLength(names.length);
    }
  });
});

it('never shows the user or password of a URL', () => {
  for (const [source, value] of [
    ['env', 'http://ana:hunter2@127.0.0.1'],
    ['env', 'redis://ana:hunter2@:6379'],
    ['flag', 'ana:hunter2//hunter2@redis://'],
  ]) {
    const text = message(source === 'env' ? { env: { REDIS_URL: value } } : { flags: { redisUrl: value } });
    expect(text).toMatch(/(REDIS_URL|--redis-url) is .*redis:\/\/ or rediss:\/\//);
    expect(text).not.toContain('hunter2');
  }
});

it('takes a URL of Redis with user, password and database', () => {
  const url = 'rediss://ana:p%40ss@queue.example:6380/2';
  expect(loadSettings({ env: { REDIS_URL: url } }).redisUrl).toBe(url);
});

it.each([
  { HRM_QUEUE_KEY: 'a', HRM_DEAD_KEY: 'a' },
  { HRM_QUEUE_KEY: 'heartbeat:processing' },
  { HRM_DEAD_KEY: 'heartbeat:processing:claims' },
])('refuses keys of Redis that run into each other: %j', (env) => {
  expect(message({ env })).toMatch(/HRM_QUEUE_KEY.*HRM_PROCESSING_KEY.*three different keys/);
});

it('describes every setting for help texts', () => {
  expect(SETTINGS.map(({ name }) => name).sort()).toEqual(Object.keys(loadSettings()).sort());
  expect(SETTINGS.find(({ name }) => name === 'batchMaxAgeMs')).toMatchObject({
    variable: 'HRM_BATCH_MAX_AGE_MS',
    flag: 'batch-max-age-ms',
    fallback: '5000',
  });
});
