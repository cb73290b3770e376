/**
 * Setting a file aside: a copy and a report below `.quarantine/`, then the file is taken away, if it is still that one.
 *
 * ```
 *   GET key, if it has the ETag -> PUT .quarantine/Q.damaged ; PUT .quarantine/Q.damaged.json ; mark
 *   take key away, if it has the ETag: 'quarantined', else delete the copy: 'gone'
 * ```
 *
 * Whatever stops it, the file has its key, or a copy is there. Two that set the same file aside make two copies, of which the slower one's goes.
 */
import { randomBytes } from 'node:crypto';
import { throwIfAborted } from '../../../errors.js';
import { isCompacted, SHARED_DIRECTORY } from '../../../names.js';
import type { CallOptions } from '../../../ports/call-options.js';
import type { Partition, QuarantinedFile, Snapshot } from '../../../ports/storage.js';
import { maskFile } from '../erasures/erasures.js';
import { isDate, isPart, isUserDirectory, QUARANTINE_DIRECTORY } from '../names.js';
import type { S3Context } from './context.js';
import { markDirty } from './marks.js';
import { objectOf, storedFile } from './snapshot.js';
import { takeAway } from './take-away.js';

const FILE_SUFFIX = '.damaged';
const REPORT_SUFFIX = '.damaged.json';
const ROOT = `${QUARANTINE_DIRECTORY}/`;

/** Bytes of a report that are read; ours have some hundred. */
const MAX_REPORT_BYTES = 64 * 1024;

/** A file that is to be kept. */
interface Aside {
  readonly partition: Partition;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly reason: string;
}

/** {@link Storage.quarantine} of the S3 driver. */
export async function quarantineFile(
  context: S3Context,
  snapshot: Snapshot,
  name: string,
  reason: string,
): Promise<'quarantined' | 'gone'> {
  const { partition } = snapshot;
  const { key, etag } = objectOf(snapshot, name);
  const found = await context.objects.get(key, { etag });
  if (found === null) return 'gone';
  const keys = await keepAside(context, { partition, name, bytes: found.bytes, reason });
  // There may be something to merge again of what it was said to replace.
  await markDirty(context, partition);
  if (await takeAway(context, key, etag)) return 'quarantined';
  await context.objects.remove(keys);
  return 'gone';
}

/** Keeps a copy of a file, and a report of it. @returns their keys. */
export async function keepAside(
  { objects }: Pick<S3Context, 'objects'>,
  { partition: { date, directory }, name, bytes, reason }: Aside,
): Promise<readonly string[]> {
  const aside = `${ROOT}${date}-${directory}-${name}-${randomBytes(8).toString('hex')}`;
  const report = { date, directory, name, byteLength: bytes.length, reason, quarantinedAt: new Date().toISOString() };
  const keys = [`${aside}${FILE_SUFFIX}`, `${aside}${REPORT_SUFFIX}`] as const;
  await objects.put(keys[0], bytes);
  await objects.put(keys[1], Buffer.from(`${JSON.stringify(report, null, 2)}\n`, 'utf8'));
  return keys;
}

/** {@link Storage.quarantined} of the S3 driver. What has no report, or a report that is none of ours, is skipped. */
export async function* listQuarantined(
  context: S3Context,
  { signal }: CallOptions = {},
): AsyncGenerator<QuarantinedFile> {
  const { objects } = context;
  for await (const page of objects.list({ prefix: ROOT, signal })) {
    const files = new Map(page.objects.map((object) => [object.key, object]));
    for (const { key, byteLength } of page.objects) {
      throwIfAborted(signal, 'listing the quarantine');
      if (!key.endsWith(REPORT_SUFFIX) || byteLength > MAX_REPORT_BYTES) continue;
      const report = reportIn((await objects.get(key, { signal }))?.bytes);
      const object = files.get(key.slice(0, -REPORT_SUFFIX.length) + FILE_SUFFIX);
      if (report === null || object === undefined) continue;
      const { date, directory, name, reason } = report;
      const held = { isClosed: false };
      try {
        const partition = { date, directory };
        const mask = (await context.erasures.current()).maskOf(partition);
        const file = maskFile(storedFile(context, { name, object }, held), mask);
        const keys = [object.key, key];
        yield { partition, file, reason, discard: () => objects.remove(keys) };
      } finally {
        held.isClosed = true;
      }
    }
  }
}

/** How many files are in quarantine. */
export async function countQuarantined({ objects }: Pick<S3Context, 'objects'>): Promise<number> {
  let count = 0;
  for await (const page of objects.list({ prefix: ROOT }))
    for (const { key } of page.objects) count += key.endsWith(FILE_SUFFIX) ? 1 : 0;
  return count;
}

interface Report {
  readonly date: string;
  readonly directory: string;
  readonly name: string;
  readonly reason: string;
}

/** `null` where somebody has changed it: it is a person's by now. */
function reportIn(bytes: Buffer | undefined): Report | null {
  try {
    const report: unknown = JSON.parse(bytes?.toString('utf8') ?? '');
    return isReport(report) ? report : null;
  } catch {
    return null;
  }
}

function isReport(value: unknown): value is Report {
  if (typeof value !== 'object' || value === null) return false;
  const { date, directory, name, reason } = value as Partial<Record<keyof Report, unknown>>;
  if (![date, directory, name, reason].every((field) => typeof field === 'string')) return false;
  const isKnown = isUserDirectory(String(directory)) || directory === SHARED_DIRECTORY;
  return isDate(String(date)) && isKnown && (isPart(String(name)) || isCompacted(String(name)));
}
