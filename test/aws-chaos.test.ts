/** On S3 and SQS everything fails, again and again, under load; afterwards exactly what was acknowledged is in the answers. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { createAwsClient } from '../packages/hrm-core/src/drivers/aws/client.js';
import { givenCredentials } from '../packages/hrm-core/src/drivers/aws/credentials.js';
import { openObjects } from '../packages/hrm-core/src/drivers/storage/s3/objects.js';
import { randomFrom, testSeed } from '../packages/hrm-core/test/support/random.js';
import { startFaultyHttp } from './support/faulty-http.js';
import { environment, getRows, runHrm, temporaryDirectory } from './support/hrm.js';
import { createLedger, type Load, post, rangeOf } from './support/load.js';
import { startRadosgw } from './support/radosgw.js';
import { eventually } from './support/redis-process.js';
import { startSqs } from './support/sqs-server.js';
import { type Supervised, supervise } from './support/supervised.js';

const ROUNDS = Number(process.env.HRM_CHAOS_ROUNDS ?? 14);
const SEED = testSeed();
const LEASE_MS = 3_000;
const FAILING = 0.05;
const BUCKET = 'chaos';
const PREFIX = 'store/';

/** More users than the 32 from which on a batch has shared parts. */
const CROWD = Array.from({ length: 40 }, (_, i) => `crowd ${i}`);

/** Keys that belong to something: what a compacter or a reader knows what to do with. */
const OWNED =
  /^(?:\.store|\.probe|\.processes\/[^/]+\.json|\.pending\/marked|\.pending\/[0-9a-f]\/\d{8}~[^/]+|\d{8}\/[^/]+\/(?:part|compacted)-[0-9a-f]+\.parquet)$/;

/** What a process leaves that is killed while it proves that conditions hold; whoever starts ten minutes later deletes it. */
const PROBE = /^\.probe-/;

/** One thing that goes wrong: with a process that is chosen, or with all of them. */
type Fault = (all: readonly Supervised[], random: () => number) => Promise<void>;

const kill: Fault = async (all, random) => pick(all, random).signal('SIGKILL');

const killAll: Fault = async (all) => {
  for (const one of all) one.signal('SIGKILL');
};

/** Longer than its lease, so that others do what it had begun. */
const stop: Fault = async (all, random) => {
  const victim = pick(all, random);
  victim.signal('SIGSTOP');
  await sleep(LEASE_MS * (1.2 + random() / 2));
  victim.signal('SIGCONT');
};

const nothing: Fault = async () => undefined;

/** Most of the time requests alone fail: each start of a process takes half a second of CPU time. */
const FAULTS: readonly Fault[] = [kill, kill, kill, stop, stop, nothing, nothing, nothing, nothing, killAll];

function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)] as T;
}

it(
  `loses and invents nothing on S3 and SQS in ${ROUNDS} rounds of chaos (HRM_SEED=${SEED} repeats the choices)`,
  async () => {
    const random = randomFrom(SEED);
    const [s3, sqs] = await Promise.all([startRadosgw(), startSqs()]);
    onTestFinished(async () => {
      await s3.stop();
      await sqs.stop();
    });
    const client = createAwsClient({
      endpoint: new URL(s3.endpoint),
      credentials: givenCredentials(s3),
      region: 'us-east-1',
      service: 's3',
    });
    onTestFinished(() => client.close());
    expect(await client.send({ method: 'PUT', path: `/${BUCKET}` })).toMatchObject({ status: 200 });
    const queueUrl = sqs.create('readings');
    const proxies = await Promise.all([
      startFaultyHttp(s3.endpoint, randomFrom(SEED + 2)),
      startFaultyHttp(sqs.env.AWS_ENDPOINT_URL_SQS ?? '', randomFrom(SEED + 3)),
    ]);
    const directory = await temporaryDirectory();
    const env = environment(directory, {
      HRM_QUEUE_URL: queueUrl,
      HRM_STORAGE_URL: `s3://${BUCKET}/${PREFIX}`,
      AWS_ENDPOINT_URL_S3: proxies[0].endpoint,
      AWS_ENDPOINT_URL_SQS: proxies[1].endpoint,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
      AWS_REGION: 'us-east-1',
      HRM_BATCH_MAX_AGE_MS: '200',
      HRM_LEASE_MS: String(LEASE_MS),
      HRM_COMPACT_EVERY_MS: '1000',
      HRM_SWEEP_AFTER_MS: '1000',
    });
    // One after the other: the first begins the store.
    const api = await supervise('API', env, '--only', 'api');
    const others = await Promise.all([
      supervise('first consumer', env, '--only', 'consumer'),
      supervise('second consumer', env, '--only', 'consumer'),
      supervise('first compacter', env, '--only', 'compacter'),
      supervise('second compacter', env, '--only', 'compacter'),
    ]);
    const all = [api, ...others];

    const ana = createLedger('ana');
    const crowd = CROWD.map(createLedger);
    const ledgers = [ana, ...crowd];
    let round = -1;
    let isOver = false;
    const load: Load = { random: randomFrom(SEED + 1), round: () => round, isOver: () => isOver };
    const urls = () => (api.url === null ? [] : [api.url]);
    const producers = [post(urls, [ana], load), post(urls, crowd, load)];
    for (const proxy of proxies) proxy.share = FAILING;
    async function breakThings(): Promise<void> {
      for (round = 0; round < ROUNDS; round += 1) {
        await pick(FAULTS, random)(all, random);
        await sleep(300 + random() * 500);
      }
    }
    await Promise.all([breakThings().finally(() => (isOver = true)), ...producers]);

    await eventually('all processes run again', async () => all.every(({ isReady }) => isReady));
    for (const proxy of proxies) proxy.share = 0;
    await eventually('nothing is queued, and no claim is left', async () => (await sqs.count(queueUrl)) === 0);
    const rows = await Promise.all(
      ledgers.map((ledger) => getRows(String(api.url), { user_id: ledger.user, ...rangeOf(ledger) })),
    );
    for (const [i, { sent, accepted, user }] of ledgers.entries()) {
      const present = new Set(rows[i]?.map(({ timestamp }) => timestamp));
      const lost = [...accepted].filter((timestamp) => !present.has(timestamp));
      expect(lost, `lost of ${user}, HRM_SEED=${SEED}`).toEqual([]);
      // Every row is one reading that was sent, with its value.
      const invented = rows[i]?.filter((row) => sent.get(row.timestamp)?.heartRate !== row.heart_rate);
      expect(invented, user).toEqual([]);
    }
    expect(ana.accepted.size).toBeGreaterThan(0);
    for (const { faults } of proxies) expect(Object.keys(faults)).not.toEqual([]);
    expect(all.flatMap(({ complaints }) => complaints)).toEqual([]);
    for (const one of all) expect(await one.stop(), one.name).toBe(0);
    expect(JSON.parse(await runHrm(env, 'dlq', 'list', '--json'))).toEqual({ items: [], count: 0 });

    // What is superseded is deleted by the run after the one that superseded it; a run that was killed may have left a step more.
    for (let run = 0; run < 4; run += 1) await runHrm({ ...env, HRM_SWEEP_AFTER_MS: '0' }, 'compact', '--all');
    expect(JSON.parse(await runHrm(env, 'verify', '--json'))).toMatchObject({ faults: [] });
    const settings = { client, bucket: BUCKET, prefix: PREFIX, isPathStyle: true, writeHeaders: {} };
    const keys: string[] = [];
    for await (const { objects } of openObjects({ ...settings, quoting: { isQuoted: false } }).list({ prefix: '' }))
      keys.push(...objects.map(({ key }) => key));
    expect(keys.filter((key) => !OWNED.test(key) && !PROBE.test(key))).toEqual([]);
    const homes = keys.filter((key) => key.endsWith('.parquet')).map((key) => key.slice(0, key.lastIndexOf('/')));
    expect(homes.filter((home, i) => homes.indexOf(home) !== i)).toEqual([]);
    expect(existsSync(String(env.HRM_DATA_DIR))).toBe(false);
    const failed = proxies.map(({ faults }) => JSON.stringify(faults)).join(', ');
    console.log(`chaos: ${ROUNDS} rounds, nothing lost of ${ana.accepted.size} of ana; requests failed: ${failed}`);
  },
  Math.max(240_000, ROUNDS * 8_000),
);
