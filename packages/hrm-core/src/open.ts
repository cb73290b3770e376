/**
 * The drivers that the settings name. Each is loaded only when it is opened.
 * @module
 */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DEFAULTS } from './defaults.js';
import type { S3StorageOptions } from './drivers/storage/s3/s3.js';
import { HrmError, isHrmError } from './errors.js';
import { type Presence, type PresenceInput, startPresence } from './ops/presence.js';
import type { AlertPlace } from './ports/alert-place.js';
import type { DeadLetterPlace } from './ports/dead-letter-place.js';
import type { ProcessPlace } from './ports/process-place.js';
import type { Queue } from './ports/queue.js';
import type { Storage } from './ports/storage.js';
import { type RetentionSettings, readRetention } from './retention-settings.js';
import type { Settings } from './settings.js';
import { parseStorageUrl } from './storage-place.js';

export { type RetentionSettings, readRetention, retentionOf } from './retention-settings.js';

/** What {@link openQueue} goes by; what is absent has the settings' defaults. */
export type QueueSettings = Pick<Settings, 'queueDir'> &
  Partial<
    Pick<
      Settings,
      'queueUrl' | 'dataDir' | 'leaseMs' | 'redisUrl' | 'queueKey' | 'processingKey' | 'deadKey' | 'queueHighWater'
    > &
      StorageSettings
  >;

/** How queue and storage are opened. */
export interface OpenOptions {
  /** Whether to make what is not there; default true. Without it what is missing is `unavailable`, as a broken one is. */
  readonly create?: boolean | undefined;
}

/**
 * Opens the queue: in SQS where `queueUrl` is given (its dead letters are where the data are, its feed is in Redis where `redisUrl` is given too), in Redis where `redisUrl` is, else the embedded one
 * in `queueDir`. From `queueHighWater` readings on it refuses pushes.
 * @throws HrmError kind `unavailable` with what to do; kind `invalid` where the settings do not suit the server.
 */
export async function openQueue(settings: QueueSettings, options: OpenOptions = {}): Promise<Queue> {
  const { withHighWater } = await import('./drivers/queue/high-water.js');
  const { queueHighWater = DEFAULTS.queueHighWater } = settings;
  return withHighWater(await openDriver(settings, options), { highWaterReadings: queueHighWater });
}

/**
 * The shortest lease of what was received from SQS and not claimed yet, milliseconds. A request waits a third of it, in whole seconds: where
 * that is none, an idle consumer would ask five times a second, and pay for each.
 */
const MIN_SQS_LEASE_MS = 3_000;

async function openDriver(
  { queueUrl = '', redisUrl = '', queueDir, leaseMs = DEFAULTS.leaseMs, ...others }: QueueSettings,
  { create }: OpenOptions,
): Promise<Queue> {
  if (queueUrl !== '') {
    const { openSqsQueue } = await import('./drivers/queue/sqs/sqs.js');
    const queue = await openSqsQueue({
      url: queueUrl,
      deadLetters: await openDeadLetters(others),
      leaseMs: Math.max(MIN_SQS_LEASE_MS, leaseMs),
    });
    return redisUrl === ''
      ? queue
      : await openFeedBeside(queue, { server: redisUrl, processingKey: others.processingKey });
  }
  if (redisUrl === '') {
    const { openEmbeddedQueue } = await import('./drivers/queue/embedded/embedded.js');
    return openEmbeddedQueue({ directory: queueDir, create });
  }
  const { openRedisQueue } = await import('./drivers/queue/redis/redis.js');
  const { queueKey, processingKey, deadKey } = others;
  return openRedisQueue({ queueKey, processingKey, deadKey, server: redisUrl });
}

/** Where the data are. In S3 letters that a directory has of before are among them. */
async function openDeadLetters({
  dataDir = './data',
  storageUrl = '',
  ...s3
}: Partial<StorageSettings>): Promise<DeadLetterPlace> {
  const { bothPlaces, hasDeadLetters, openDeadLetterBucket, openDeadLetterDirectory } = await import(
    './drivers/queue/sqs/sqs.js'
  );
  const directory = openDeadLetterDirectory(dataDir);
  if (storageUrl === '') return directory;
  const bucket = openDeadLetterBucket(s3Options(storageUrl, s3));
  return hasDeadLetters(dataDir) ? bothPlaces(bucket, directory) : bucket;
}

/** Opens the place where alerts are kept: where the data are. @throws HrmError kind `invalid` where the settings do not suit the service. */
export async function openAlertPlace({ dataDir, storageUrl = '', ...s3 }: StorageSettings): Promise<AlertPlace> {
  if (storageUrl === '') {
    const { openAlertDirectory } = await import('./drivers/alerts/directory.js');
    return openAlertDirectory(dataDir);
  }
  const { openAlertBucket } = await import('./drivers/alerts/bucket.js');
  return openAlertBucket(s3Options(storageUrl, s3));
}

/** Opens the place where processes say that they live: where the data are. */
async function openProcessPlace({ dataDir, storageUrl = '', ...s3 }: StorageSettings): Promise<ProcessPlace> {
  if (storageUrl === '') {
    const { openProcessDirectory } = await import('./drivers/processes/directory.js');
    return openProcessDirectory(dataDir);
  }
  const { openProcessBucket } = await import('./drivers/processes/bucket.js');
  return openProcessBucket(s3Options(storageUrl, s3));
}

async function openFeedBeside(
  queue: Queue,
  options: { server: string; processingKey: string | undefined },
): Promise<Queue> {
  try {
    const { withRedisFeed } = await import('./drivers/queue/redis/redis.js');
    return await withRedisFeed(queue, options);
  } catch (error) {
    await queue.close();
    throw error;
  }
}

/** How the storage is opened. */
export interface OpenStorageOptions extends OpenOptions {
  /** Only look, and make nothing; default false. */
  readonly readOnly?: boolean | undefined;
  /** The identity of the store that must be there, as `queue.store.get()` or {@link rememberedStore} tells it; default: whichever. */
  readonly store?: string | null | undefined;
  /** The identity of the store that a copy is made of here: it is begun where nothing is, and no other store is opened. */
  readonly copyOf?: string | undefined;
}

/** What {@link openStorage} goes by; what is absent has the settings' defaults. */
export type StorageSettings = Pick<Settings, 'dataDir'> &
  Partial<
    Pick<
      Settings,
      | 'storageUrl'
      | 's3Region'
      | 's3Endpoint'
      | 's3PathStyle'
      | 's3Encryption'
      | 's3KmsKey'
      | 's3CacheDir'
      | 's3CacheBytes'
    >
  > &
  RetentionSettings;

/**
 * Opens the storage: in S3 where `storageUrl` is given, else the directory `dataDir`. Where settings say how long readings are kept, and it is not
 * opened only to look, the store says so from then on.
 * @throws HrmError kind `unavailable` with what to do; kind `invalid` where the settings do not suit the service.
 */
export async function openStorage(settings: StorageSettings, options: OpenStorageOptions = {}): Promise<Storage> {
  const retention = readRetention(settings);
  const storage = await openDriverOfStorage(settings, options);
  if (retention === null || options.readOnly === true) return storage;
  try {
    await storage.erasures.keepFor(retention);
    return storage;
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function openDriverOfStorage(
  { dataDir, storageUrl = '', ...s3 }: StorageSettings,
  { readOnly = false, create = true, store = null, copyOf }: OpenStorageOptions,
): Promise<Storage> {
  if (storageUrl !== '') {
    const { openS3Storage } = await import('./drivers/storage/s3/s3.js');
    return openS3Storage({ ...s3Options(storageUrl, s3), readOnly, create, store, copyOf });
  }
  const { openDirectoryStorage } = await import('./drivers/storage/directory/directory.js');
  return openDirectoryStorage({ directory: dataDir, readOnly, create, store, copyOf });
}

/**
 * Opens two stores to copy one into the other, each named by a URL of S3 or a directory; the settings say the rest.
 * @throws as {@link openStorage}; HrmError kind `invalid`, code `other_store`, where the target holds something else, or is the store itself.
 */
export async function openForCopy(
  settings: StorageSettings,
  { from, to, cwd = '.' }: { readonly from: string; readonly to: string; readonly cwd?: string | undefined },
): Promise<{ readonly from: Storage; readonly to: Storage; close(): Promise<void> }> {
  const at = (place: string) => ({
    ...settings,
    ...(place.startsWith('s3://') ? { storageUrl: place } : { storageUrl: '', dataDir: resolve(cwd, place) }),
  });
  if ((await placeNamed(from, cwd)) === (await placeNamed(to, cwd))) throw samePlaceError(from);
  const source = await openStorage(at(from), { readOnly: true, create: false });
  try {
    const copyOf = await source.identity();
    if (copyOf === null) throw unnamedError(from);
    const target = await openStorage(at(to), { copyOf });
    const close = async () => void (await Promise.all([source.close(), target.close()]));
    return { from: source, to: target, close };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** What two names of one place have in common, also where a link leads there. */
async function placeNamed(place: string, cwd: string): Promise<string> {
  const bucket = parseStorageUrl(place);
  const path = resolve(cwd, place);
  return bucket === null ? await realpath(path).catch(() => path) : `s3://${bucket.bucket}/${bucket.prefix}`;
}

function samePlaceError(place: string): HrmError {
  const message = `${place} cannot be copied into itself: name another place to copy it to`;
  return new HrmError(message, { kind: 'invalid', code: 'other_store' });
}

function unnamedError(place: string): HrmError {
  const message = `${place} does not say which store it is, as one that was only ever read: run hrm drain with it once`;
  return new HrmError(message, { kind: 'unavailable', code: 'storage_missing' });
}

/** The settings of S3 as its driver takes them. */
export function s3Options(
  url: string,
  {
    s3Region,
    s3Endpoint,
    s3PathStyle = 'auto',
    s3Encryption = 'bucket',
    s3KmsKey = '',
    s3CacheDir,
    s3CacheBytes,
  }: Omit<StorageSettings, 'dataDir'>,
): Omit<S3StorageOptions, 'credentials' | 'client'> {
  return {
    url,
    region: s3Region || undefined,
    endpoint: s3Endpoint || undefined,
    isPathStyle: s3PathStyle === 'auto' ? undefined : s3PathStyle === 'true',
    encryption: s3Encryption === 'bucket' ? undefined : s3Encryption,
    kmsKey: s3KmsKey === '' ? undefined : s3KmsKey,
    cacheDir: s3CacheDir,
    cacheBytes: s3CacheBytes,
  };
}

/**
 * Opens the storage for what works on stored files, and stores nothing new: a directory that is not there, or an empty one, which a server
 * begins in, may be to it that of a disk that is not mounted.
 * @throws HrmError kind `unavailable`, code `storage_missing` there.
 */
export async function openForMending(settings: StorageSettings): Promise<Storage> {
  const look = await openStorage(settings, { readOnly: true });
  await look.close();
  return openStorage(settings, { create: false });
}

/**
 * The identity of the store that the queue's readings went to; for who has no use for the queue itself. `null` where none is remembered,
 * and where the queue is not there or cannot be asked: what is wrong with it is for those who work with it to say.
 */
export async function rememberedStore(settings: QueueSettings): Promise<string | null> {
  try {
    const queue = await openQueue(settings, { create: false });
    try {
      return await queue.store.get();
    } finally {
      await queue.close();
    }
  } catch (error) {
    if (isHrmError(error)) return null;
    throw error;
  }
}

/** Says that this process lives until the signal fires, and then that it has ended. No failure of it matters to anybody. */
export function present(
  settings: StorageSettings,
  input: PresenceInput,
  { signal }: { readonly signal: AbortSignal },
): Presence {
  return startPresence(() => openProcessPlace(settings), input, { signal });
}

/** Does a piece of work as a process that is seen doing it. @returns what the work does. @throws as the work. */
export async function presentWhile<T>(
  settings: StorageSettings,
  input: PresenceInput,
  work: (presence: Presence) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const presence = present(settings, input, stop);
  try {
    return await work(presence);
  } finally {
    stop.abort();
    await presence.done;
  }
}
