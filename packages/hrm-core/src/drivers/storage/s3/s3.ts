/**
 * The S3 storage: a partition is what begins a key, a file an object. It runs on AWS, and on every service that speaks like it and enforces
 * conditional writes, which is proved when it is opened to write. See keys.ts for what is where.
 *
 * Any number of processes, on any machines, may have the same store open. There is no lock: every step is one request, and every
 * state between two steps holds every reading. No object that a reader may read is ever written over with other readings.
 * @module
 */
import { DEFAULTS } from '../../../defaults.js';
import { HrmError } from '../../../errors.js';
import { S3_ERASURES_HOLD_MS } from '../../../limits.js';
import { type Clock, systemClock } from '../../../ports/clock.js';
import { UNKNOWN_SPACE } from '../../../ports/space.js';
import type { Obstacle, Storage } from '../../../ports/storage.js';
import { parseStorageUrl, type StoragePlace } from '../../../storage-place.js';
import { type AwsClient, createAwsClient } from '../../aws/client.js';
import { type Credentials, credentialsOf } from '../../aws/credentials.js';
import { awsEndpoint, awsRegion } from '../../aws/place.js';
import { createErasures, withoutGone } from '../erasures/erasures.js';
import { createRunningCalls, readOnlyError } from '../running-calls.js';
import type { S3Context } from './context.js';
import { discardPartitions } from './discard.js';
import { openDiskCache } from './disk-cache.js';
import { erasurePlace } from './erasures.js';
import { type VisitMemory, visitPartition } from './marks.js';
import { type ObjectsSettings, openObjects } from './objects.js';
import { listDates, listPartitions } from './partitions.js';
import { createPieces } from './pieces.js';
import { publishCompacted, publishPart, removeExactly, removeParts } from './publish.js';
import { countQuarantined, listQuarantined, quarantineFile } from './quarantine.js';
import { createSettingsFiles } from './settings-files.js';
import { sizesOfPartitions } from './sizes.js';
import { listOrphans, listVersions, openSnapshot, reopenSnapshot } from './snapshot.js';
import { completeStore, findIdentity, proveConditions } from './start.js';
import { createTombstones } from './tombstone.js';
import { vacatePartition } from './vacate.js';

export type { AwsAnswer, AwsClient, AwsRequest, SendOptions } from '../../aws/client.js';
export { type Credentials, givenCredentials } from '../../aws/credentials.js';
export type { AwsKeys } from '../../aws/sign.js';

/** What `openS3Storage` takes. */
export interface S3StorageOptions {
  /** `s3://bucket/prefix`; the prefix may be empty. */
  readonly url: string;
  /** The region of the bucket; default that of the environment or the profile, else `us-east-1`, which other services than AWS take. */
  readonly region?: string | undefined;
  /** Another service than AWS: `http://` or `https://`, a host, and a port; default `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`. */
  readonly endpoint?: string | undefined;
  /** Whether the bucket is named in the path, and not in the host; default where an endpoint is given, or the bucket's name has a dot. */
  readonly isPathStyle?: boolean | undefined;
  /** How the service encrypts: `AES256` or `aws:kms`; default as the bucket says. */
  readonly encryption?: 'AES256' | 'aws:kms' | undefined;
  /** The key of `aws:kms`; default that of the account. */
  readonly kmsKey?: string | undefined;
  /** Where keys are looked for; default those of `process.env`, else Amazon's chain. */
  readonly credentials?: Credentials | undefined;
  /** A directory for pieces of objects that were read, so that another process need not ask for them; default none. */
  readonly cacheDir?: string | undefined;
  /** How large that directory may grow, bytes; default 1 GiB. */
  readonly cacheBytes?: number | undefined;
  /** Only look: nothing is made or proved, and whatever would write throws. Default false. */
  readonly readOnly?: boolean | undefined;
  /** Whether to begin a store where there is none; default true. Without it none is `storage_missing`. */
  readonly create?: boolean | undefined;
  /** The identity of the store that must be there, as a queue remembers it; `null`, as by default: whichever. */
  readonly store?: string | null | undefined;
  /** The identity of the store that a copy is made of here: it is begun where nothing is, and no other store is opened. */
  readonly copyOf?: string | undefined;
  /** Tells which days are kept, where readings are not kept for ever; the machine's by default. */
  readonly clock?: Clock | undefined;
  /** What sends the requests, for tests that count or fail them; by default HTTP. */
  readonly client?: AwsClient | undefined;
}

/** How old the count of files in quarantine may be, ms: to list them every ten seconds would be most of what a quiet day costs. */
const QUARANTINE_COUNT_MS = 60_000;

/** Partitions that are asked for before the one in hand is done: as many as the client has requests at once, less the one in hand. */
const READ_AHEAD = 127;

/** A batch is two PUTs one after the other, some 70 ms, of 150 that it takes: with four at once, they wait while others are encoded. */
const BATCHES_AT_ONCE = 4;

const PROBE = new Uint8Array(16);

/** Keys are no directories: nothing is ever in the way of one. */
const NO_OBSTACLES: AsyncIterable<Obstacle> = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
};

/**
 * Opens the storage in a bucket.
 * @throws HrmError kind `unavailable`, code `storage_missing`, `storage_replaced`, `storage_unfit` or `storage_unavailable`; kind `invalid` for a
 *   URL that is none, keys that are missing, and another region than the bucket's.
 */
export async function openS3Storage(options: S3StorageOptions): Promise<Storage> {
  const { readOnly = false, create = true, store = null, copyOf } = options;
  const place = requirePlace(options.url);
  const settings = objectsSettings(options, place);
  const { client } = settings;
  const { cacheDir = '', cacheBytes = DEFAULTS.s3CacheBytes } = options;
  const at = `${settings.host} ${place.bucket}/${place.prefix}`;
  const disk = cacheDir === '' ? null : await openDiskCache({ directory: cacheDir, maxBytes: cacheBytes, place: at });
  const objects = openObjects(settings);
  const makes = create && !readOnly;
  let identity: string | null;
  try {
    identity = await findIdentity(objects, { makes, isRequired: !create, store, copyOf });
    if (!readOnly) await proveConditions(objects, settings.quoting);
    if (makes || readOnly) await completeStore(objects, { readOnly });
  } catch (error) {
    if (options.client === undefined) client.close();
    throw error;
  }
  const context: S3Context = {
    objects,
    pieces: createPieces(objects, disk),
    isTombstone: createTombstones(objects),
    erasures: createErasures(erasurePlace(objects), {
      holdMs: S3_ERASURES_HOLD_MS,
      readOnly,
      clock: options.clock ?? systemClock,
    }),
  };
  const settingsFiles = createSettingsFiles(objects);
  const visits: VisitMemory = new Map();
  const { requireOpen, run, close } = createRunningCalls();
  let quarantined = { files: 0, countedAtMs: Number.NEGATIVE_INFINITY };

  async function write<T>(call: () => Promise<T>): Promise<T> {
    if (readOnly) throw readOnlyError();
    return run(call);
  }

  /** What may change how many files are in quarantine. */
  function recount<T>(call: () => Promise<T>): Promise<T> {
    quarantined = { ...quarantined, countedAtMs: Number.NEGATIVE_INFINITY };
    return write(call);
  }

  return {
    publish: (partition, name, bytes, callOptions) =>
      write(() => publishPart(context, partition, name, bytes, callOptions)),
    snapshot: (partition, callOptions) => run(() => openSnapshot(context, partition, callOptions)),
    reopen: (snapshot) => run(() => reopenSnapshot(context, snapshot)),
    versions: (partition, callOptions) => run(() => listVersions(context, partition, callOptions)),
    sizes: (partitions, callOptions) => run(() => sizesOfPartitions(context, partitions, callOptions)),
    // A listing is all that there is to look at, and that is a snapshot.
    state: () => run(async () => null),
    orphans: (partition, callOptions) => run(() => listOrphans(context, partition, callOptions)),
    obstacles() {
      requireOpen();
      return NO_OBSTACLES;
    },
    replace: (replacement, callOptions) => write(() => publishCompacted(context, replacement, callOptions)),
    remove: (partition, names) => write(() => removeParts(context, partition, names)),
    removeExact: (snapshot, file) => write(() => removeExactly(context, snapshot, file)),
    visit: (partition) => write(() => visitPartition(context, visits, partition)),
    quarantine: (snapshot, name, reason) => recount(() => quarantineFile(context, snapshot, name, reason)),
    async *quarantined(callOptions) {
      requireOpen();
      yield* listQuarantined(context, callOptions);
    },
    dates: (callOptions) => run(() => listDates(context, callOptions)),
    async *partitions(range, callOptions) {
      requireOpen();
      yield* withoutGone(context.erasures, listPartitions(context, range, callOptions), range);
    },
    vacate: (partition) => write(() => vacatePartition(context, partition)),
    discard: (date, directories, callOptions) =>
      write(() => discardPartitions(context, date, directories, callOptions)),
    erasures: context.erasures,
    check: () =>
      write(async () => {
        await objects.put('.probe', PROBE);
        const nowMs = performance.now();
        if (nowMs - quarantined.countedAtMs >= QUARANTINE_COUNT_MS)
          quarantined = { files: await countQuarantined(context), countedAtMs: nowMs };
        return { ...UNKNOWN_SPACE, quarantinedFiles: quarantined.files };
      }),
    settingsFiles: () => run(settingsFiles.names),
    settingsFile: (name) => run(() => settingsFiles.get(name)),
    putSettingsFile: (name, bytes) => write(() => settingsFiles.put(name, bytes)),
    removeSettingsFile: (name) => write(() => settingsFiles.remove(name)),
    identity: () => run(async () => identity),
    readAhead: READ_AHEAD,
    batchesAtOnce: BATCHES_AT_ONCE,
    async close() {
      await close();
      await disk?.close();
      if (options.client === undefined) client.close();
    },
  };
}

/** The place that a URL names. @throws HrmError kind `invalid`, code `invalid_settings`. */
export function requirePlace(url: string): StoragePlace {
  const place = parseStorageUrl(url);
  if (place !== null) return place;
  throw new HrmError(`${JSON.stringify(url)} is no s3://bucket/prefix, with one slash between its parts`, {
    kind: 'invalid',
    code: 'invalid_settings',
  });
}

/** What a bucket is asked with. */
export function objectsSettings(
  options: S3StorageOptions,
  { bucket, prefix }: StoragePlace,
): ObjectsSettings & { readonly region: string; readonly host: string } {
  const { encryption, kmsKey } = options;
  const region = options.region || awsRegion(process.env);
  const endpoint = options.endpoint || (awsEndpoint('S3', process.env)?.url.href ?? '');
  const isPathStyle = options.isPathStyle ?? (endpoint !== '' || bucket.includes('.'));
  const url = new URL(
    endpoint === ''
      ? `https://s3.${region}.${region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'}`
      : endpoint,
  );
  if (!isPathStyle) url.hostname = `${bucket}.${url.hostname}`;
  const credentials = options.credentials ?? credentialsOf(process.env);
  const client = options.client ?? createAwsClient({ endpoint: url, credentials, region, service: 's3' });
  const writeHeaders: Record<string, string> = {};
  if (encryption !== undefined) writeHeaders['x-amz-server-side-encryption'] = encryption;
  if (kmsKey !== undefined) writeHeaders['x-amz-server-side-encryption-aws-kms-key-id'] = kmsKey;
  const quoting = { isQuoted: true };
  return { client, bucket, prefix, isPathStyle, writeHeaders, quoting, region, host: url.host };
}
