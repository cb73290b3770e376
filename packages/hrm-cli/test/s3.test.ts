/** Every command, and the server, over a store in S3. */
import { existsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Radosgw, startRadosgw } from '../../../test/support/radosgw.js';
import { startSqs } from '../../../test/support/sqs-server.js';
import { createAwsClient } from '../../hrm-core/src/drivers/aws/client.js';
import { givenCredentials } from '../../hrm-core/src/drivers/aws/credentials.js';
import { makeSandbox, ndjson, queryArgs, type Sandbox } from './hrm.js';

let server: Radosgw;
let sandbox: Sandbox;
let env: Record<string, string>;
let stores = 0;

beforeAll(async () => {
  server = await startRadosgw();
  const endpoint = new URL(server.endpoint);
  const client = createAwsClient({
    endpoint,
    credentials: givenCredentials(server),
    region: 'us-east-1',
    service: 's3',
  });
  expect(await client.send({ method: 'PUT', path: '/hrm-cli' })).toMatchObject({ status: 200 });
  client.close();
}, 60_000);
afterAll(() => server.stop());

beforeEach(async () => {
  sandbox = await makeSandbox();
  stores += 1;
  env = { HRM_STORAGE_URL: `s3://hrm-cli/store-${stores}`, AWS_ENDPOINT_URL_S3: server.endpoint };
  vi.stubEnv('AWS_ACCESS_KEY_ID', server.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', server.secretAccessKey);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await sandbox.remove();
});

/** What a command says as JSON, once it has ended well. */
async function said(...args: string[]) {
  const { code, stdout, stderr } = await sandbox.run([...args, '--json'], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

describe('over S3', () => {
  it('what was imported and drained is queried, counted, compacted, verified, and looked at', async () => {
    await sandbox.run(['import', '-'], { input: ndjson(300), env });
    expect(await said('drain', '--all')).toMatchObject({ stored: 300 });
    const minutes = async () => (await said(...queryArgs('ana'))).data.length;
    const before = await minutes();
    expect(before).toBeGreaterThan(0);
    expect(await said('compact', '--all')).toMatchObject({ compacted: 1, failures: [] });
    expect(await minutes()).toBe(before);
    expect(await said('verify')).toMatchObject({ faults: [] });
    expect(await said('stats')).toBeDefined();
    const copy = `${sandbox.dataDir}-copy`;
    const back = `${env.HRM_STORAGE_URL}-back`;
    expect(await said('copy', '--from', env.HRM_STORAGE_URL ?? '', '--to', copy)).toMatchObject({ failures: [] });
    expect(await said('copy', '--from', copy, '--to', back)).toMatchObject({ new_in_last_pass: 0, failures: [] });
    expect((await said(...queryArgs('ana'), '--storage-url', back)).data.length).toBe(before);
    const { results } = await said('doctor');
    const levels = results.filter(({ check }: { check: string }) => ['data', 's3'].includes(check));
    expect(levels.length).toBeGreaterThan(4);
    expect(levels.filter(({ level }: { level: string }) => level !== 'ok')).toEqual([]);
  });

  it('doctor says how long readings are kept, and does not say it to the store', async () => {
    await sandbox.run(['import', '-'], { input: ndjson(10), env });
    await said('drain', '--all');
    async function retention(settings: Record<string, string> = {}): Promise<string[]> {
      const { stdout } = await sandbox.run(['doctor', '--json'], { env: { ...env, ...settings } });
      const { results } = JSON.parse(stdout) as { results: { check: string; code: string; message: string }[] };
      return results.filter(({ check }) => check === 'retention').map(({ code, message }) => `${code}: ${message}`);
    }
    const differs =
      'retention_differs: the store says that readings are kept for ever, and the settings here say otherwise';
    expect(await retention({ HRM_RETENTION_DAYS: '30' })).toEqual([differs]);
    expect(await retention()).toEqual(['kept: readings are kept for ever']);
  });

  it('a wrong bucket is told with what to do, by each command', async () => {
    env.HRM_STORAGE_URL = 's3://hrm-nowhere/data';
    for (const args of [['drain'], queryArgs('ana'), ['compact'], ['verify'], ['stats'], ['health']]) {
      const { code, stderr } = await sandbox.run(args, { env });
      expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringMatching(/no such bucket/) });
    }
    const { stdout } = await sandbox.run(['doctor'], { env });
    expect(stdout).toMatch(/no such bucket/);
    env.HRM_STORAGE_URL = 'https://hrm.example';
    const { code, stderr } = await sandbox.run(['drain'], { env });
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/HRM_STORAGE_URL is .*s3:\/\/bucket/),
    });
  });

  it('dead letters of SQS are there too, without any directory, and those of a directory are found as well', async () => {
    const sqs = await startSqs();
    onTestFinished(() => sqs.stop());
    const queueUrl = sqs.create('readings');
    vi.stubEnv('AWS_ENDPOINT_URL_SQS', sqs.env.AWS_ENDPOINT_URL_SQS ?? '');
    env.HRM_QUEUE_URL = queueUrl;
    const letters = async () => (await said('dlq', 'list')).items.map(({ id }: { id: string }) => id);
    const setAside = async (settings: typeof env) => {
      await sqs.send(queueUrl, 'no reading');
      const { code, stdout, stderr } = await sandbox.run(['drain', '--all', '--json'], { env: settings });
      expect(stderr).toBe('');
      expect({ code, stdout: JSON.parse(stdout) }).toMatchObject({ code: 0, stdout: { dead_lettered: 1 } });
    };
    await setAside(env);
    expect(existsSync(sandbox.dataDir)).toBe(false);
    const [first] = await letters();
    expect(await said('dlq', 'show', first)).toMatchObject({ text: 'no reading' });
    const { results } = await said('doctor');
    expect(results).toContainEqual(expect.objectContaining({ code: 'dead_letters' }));

    const { HRM_STORAGE_URL: _, ...before } = env;
    await setAside({ ...before, HRM_QUEUE_URL: queueUrl });
    const all = await letters();
    expect(all).toHaveLength(2);
    expect(await said('dlq', 'redrive', first)).toEqual({ redriven: 1, missing: 0 });
    const [second] = all.filter((id: string) => id !== first);
    expect(await said('dlq', 'purge', second, 'unknown')).toEqual({ purged: 1, missing: 1 });
    expect(await letters()).toEqual([]);
  });

  it('the doctor tells of dead letters that cannot be counted', async () => {
    const sqs = await startSqs();
    onTestFinished(() => sqs.stop());
    vi.stubEnv('AWS_ENDPOINT_URL_SQS', sqs.env.AWS_ENDPOINT_URL_SQS ?? '');
    env = { ...env, HRM_QUEUE_URL: sqs.create('readings'), HRM_STORAGE_URL: 's3://hrm-nowhere/data' };
    const { stdout } = await sandbox.run(['doctor', '--json'], { env });
    const codes = JSON.parse(stdout).results.map(({ code }: { code: string }) => code);
    expect(codes).toEqual(expect.arrayContaining(['sqs_no_dlq', 'dead_letters_unavailable', 'depth']));
    expect(codes.filter((code: string) => code === 'sqs_no_dlq')).toHaveLength(1);
    const { code, stderr } = await sandbox.run(['dlq', 'list'], { env });
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringMatching(/dead letters.*no such bucket/) });
  });

  it('the server stores there what was posted, and answers from there', async () => {
    const keys = { AWS_ACCESS_KEY_ID: server.accessKeyId, AWS_SECRET_ACCESS_KEY: server.secretAccessKey };
    const serving = sandbox.start(['serve'], { ...env, ...keys, HRM_PORT: '0', HRM_BATCH_MAX_AGE_MS: '100' });
    const [, url = ''] = /(http:\S+)/.exec(await serving.firstLine()) ?? [];
    const reading = { user_id: 'ana', device_id: 'watch', timestamp: '2024-01-15T10:00:00Z', heart_rate: 72 };
    const headers = { 'content-type': 'application/json' };
    const posted = await fetch(`${url}/metrics/heart-rate`, { method: 'POST', headers, body: JSON.stringify(reading) });
    expect(posted.status).toBe(202);
    const range = 'user_id=ana&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';
    await vi.waitFor(
      async () => {
        const answer = await fetch(`${url}/metrics/heart-rate?${range}`);
        expect(await answer.json()).toMatchObject({ count: 1 });
      },
      { timeout: 30_000, interval: 200 },
    );
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ checks: { storage: 'healthy' } });
    serving.child.kill('SIGTERM');
    expect((await serving.finished).code).toBe(0);
  });
});
