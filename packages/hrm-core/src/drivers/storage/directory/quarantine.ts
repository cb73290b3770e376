/**
 * Setting a file aside: out of its partition, into `.quarantine`, with a report beside it; never deleted.
 *
 * ```
 *   is NAME the file that the snapshot holds? no -> 'gone'
 *   create .tmp/r, write, fsync ; link r -> .quarantine/Q.damaged.json ; unlink r ; mark dirty
 *   rename NAME -> part-old-x ; is that the file? no -> 'gone' (what was moved is simply a part now)
 *   link part-old-x -> .quarantine/Q.damaged ; fsync .quarantine
 *   unlink part-old-x ; fsync directory                                                         'quarantined'
 * ```
 *
 * Why nothing that is good is ever taken. NAME may be given to a good file at any moment: `compacted.parquet` by a
 * compaction, a part by a publisher that meets the damaged one. So nothing is unlinked or moved out under that name. What
 * has it is first renamed to a fresh name, which nobody else will ever publish, and compared there with the descriptor that the
 * snapshot holds open (which keeps the inode's number from being given again). If it is another file, it stays in the
 * partition as a part, with all its readings: that is what `replace` does to a file that it did not expect.
 *
 * Why nothing is out of sight whatever stops it. Until the link the file is in the partition under one of its two names,
 * and the next reader that meets it sets it aside; between the link and the unlink it is in both places; a power cut may
 * undo the unlink, not the link, which is durable before. A report may be left without its file: that says nothing and
 * harms nothing. Two that set the same file aside meet at the renames: one finds no file, 'gone'.
 *
 * A reader that lists meanwhile may find the file under either name or none. It held no reading that could be read, so none
 * is missed; the argument of snapshot.ts holds of all others, since a file that lost the name `compacted.parquet`
 * never gets it back.
 */
import { randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import { errorCode, throwIfAborted } from '../../../errors.js';
import { COMPACTED_NAME, SHARED_DIRECTORY } from '../../../names.js';
import type { CallOptions } from '../../../ports/queue.js';
import type { Partition, QuarantinedFile, Snapshot } from '../../../ports/storage.js';
import { isDate, isPart, isUserDirectory, QUARANTINE_DIRECTORY } from '../names.js';
import { readOnlyError } from '../running-calls.js';
import { markDirty } from './dirty.js';
import { type DirectoryContext, forgetPartition, makeDurable, syncShared } from './durable.js';
import { storageError, succeedsUnless } from './errors.js';
import {
  closeQuietly,
  createSynced,
  done,
  type FileStatus,
  isSameFile,
  listEntries,
  openForReading,
  statusOf,
  unlinkIfThere,
  unlinkQuietly,
} from './files.js';
import { partitionPath } from './paths.js';
import { readExactly } from './snapshot/read.js';
import { openAside, whileHeld } from './snapshot/snapshot.js';
import { temporaryPath } from './start/temporaries.js';

/** What stands beside a file that was set aside, as JSON. */
interface QuarantineReport {
  readonly date: string;
  readonly directory: string;
  readonly name: string;
  readonly byteLength: number;
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly quarantinedAt: string;
}

const FILE_SUFFIX = '.damaged';
const REPORT_SUFFIX = '.damaged.json';

/** Characters of a file's origin in its name here, so that with what follows it stays one file name (255 bytes). */
const MAX_ORIGIN_LENGTH = 220;

/** Bytes of a report that are read; ours have some hundred. */
const MAX_REPORT_BYTES = 64 * 1024;

/** {@link Storage.quarantine} of the directory driver. */
export async function quarantineFile(
  context: DirectoryContext,
  snapshot: Snapshot,
  name: string,
  reason: string,
): Promise<'quarantined' | 'gone'> {
  return (
    (await whileHeld(context, snapshot, name, (status) => setAside(context, snapshot, { name, status }, reason))) ??
    'gone'
  );
}

/** @param file - of the snapshot, and open. */
async function setAside(
  context: DirectoryContext,
  { partition }: Snapshot,
  { name, status: expected }: { readonly name: string; readonly status: FileStatus },
  reason: string,
): Promise<'quarantined' | 'gone'> {
  const { fileSystem } = context;
  const directory = partitionPath(context.directory, partition);
  const path = join(directory, name);
  const moved = join(directory, `part-old-${randomBytes(16).toString('hex')}.parquet`);
  const aside = asidePath(context, partition, name);
  let isAside = false;
  try {
    if (!isSameFile(statusOf(fileSystem, path), expected)) return 'gone';
    await writeReport(context, aside, { ...partition, name, byteLength: Number(expected.size), reason });
    // There may be something to merge again of what it was said to replace.
    await markDirty(context, partition);
    const hasMoved = await succeedsUnless(
      'ENOENT',
      done((callback) => fileSystem.rename(path, moved, callback)),
    );
    if (!hasMoved) return 'gone';
    if (!isSameFile(statusOf(fileSystem, moved), expected)) {
      await syncShared(context, directory);
      return 'gone';
    }
    // Somebody who sets it aside too may have it by now.
    isAside = await linkUnlessGone(context, moved, aside);
    if (!isAside) return 'gone';
    await syncShared(context, join(context.directory, QUARANTINE_DIRECTORY));
    await unlinkIfThere(fileSystem, moved);
    await syncShared(context, directory);
    return 'quarantined';
  } catch (error) {
    forgetPartition(context, partition);
    throw storageError(`set aside ${partition.date}/${partition.directory}/${name}`, context.directory, error);
  } finally {
    if (!isAside) await unlinkQuietly(fileSystem, `${aside}.json`);
  }
}

/**
 * Gives a part that is about to be overwritten a second name in quarantine, durable when this resolves, and a report.
 * @throws the system's error.
 */
export async function keepAside(
  context: DirectoryContext,
  partition: Partition,
  path: string,
  reason: string,
): Promise<void> {
  const name = basename(path);
  const aside = asidePath(context, partition, name);
  const byteLength = Number(statusOf(context.fileSystem, path)?.size ?? 0n);
  let isAside = false;
  try {
    await writeReport(context, aside, { ...partition, name, byteLength, reason });
    await done((callback) => context.fileSystem.link(path, aside, callback));
    isAside = true;
    await syncShared(context, join(context.directory, QUARANTINE_DIRECTORY));
  } finally {
    if (!isAside) await unlinkQuietly(context.fileSystem, `${aside}.json`);
  }
}

/** {@link Storage.quarantined} of the directory driver. What has no report, or a report that is none of ours, is skipped. */
export async function* listQuarantined(
  context: DirectoryContext,
  options?: CallOptions,
): AsyncGenerator<QuarantinedFile> {
  const directory = join(context.directory, QUARANTINE_DIRECTORY);
  const entries = await listEntries(context.fileSystem, directory).catch((error) => {
    throw storageError('list the quarantine', context.directory, error);
  });
  if (entries.length === 0) await context.identity.require();
  for (const { name: entry } of entries) {
    throwIfAborted(options?.signal, 'listing the quarantine');
    if (!entry.endsWith(REPORT_SUFFIX)) continue;
    const report = await readReport(context, join(directory, entry));
    if (report === null) continue;
    const { date, name, reason } = report;
    const partition = { date, directory: report.directory };
    const path = join(directory, entry.slice(0, -REPORT_SUFFIX.length) + FILE_SUFFIX);
    const opened = await openAside(context, partition, path, name);
    if (opened === null) continue;
    try {
      const paths = [path, join(directory, entry)];
      yield { partition, file: opened.file, reason, discard: () => discardFiles(context, paths) };
    } finally {
      await opened.close();
    }
  }
}

/** Deletes a file, then its report: one whose file is gone is skipped. */
async function discardFiles(context: DirectoryContext, paths: readonly string[]): Promise<void> {
  try {
    if (context.readOnly) throw readOnlyError();
    for (const path of paths) {
      await unlinkIfThere(context.fileSystem, path);
    }
    await syncShared(context, join(context.directory, QUARANTINE_DIRECTORY));
  } catch (error) {
    throw storageError('delete a file in quarantine', context.directory, error);
  }
}

/** How many files are in quarantine. */
export async function countQuarantined({ directory, fileSystem }: DirectoryContext): Promise<number> {
  const entries = await listEntries(fileSystem, join(directory, QUARANTINE_DIRECTORY));
  return entries.filter(({ name }) => name.endsWith(FILE_SUFFIX)).length;
}

/** `DATE-DIRECTORY-NAME-RANDOM.damaged`. */
function asidePath(context: DirectoryContext, { date, directory }: Partition, name: string): string {
  const origin = `${date}-${directory}-${name}`.slice(0, MAX_ORIGIN_LENGTH);
  const fresh = randomBytes(8).toString('hex');
  return join(context.directory, QUARANTINE_DIRECTORY, `${origin}-${fresh}${FILE_SUFFIX}`);
}

async function writeReport(
  context: DirectoryContext,
  aside: string,
  about: Omit<QuarantineReport, 'quarantinedAt'>,
): Promise<void> {
  const { fileSystem } = context;
  const report: QuarantineReport = { ...about, quarantinedAt: new Date().toISOString() };
  const temporary = temporaryPath(context.directory);
  await createSynced(fileSystem, temporary, Buffer.from(`${JSON.stringify(report, null, 2)}\n`, 'utf8'));
  try {
    await makeDurable(context, context.directory, QUARANTINE_DIRECTORY);
    await done((callback) => fileSystem.link(temporary, `${aside}.json`, callback));
  } finally {
    await unlinkQuietly(fileSystem, temporary);
  }
}

async function linkUnlessGone({ fileSystem }: DirectoryContext, path: string, aside: string): Promise<boolean> {
  const isLinked = await succeedsUnless(
    'ENOENT',
    done((callback) => fileSystem.link(path, aside, callback)),
  );
  if (!isLinked && statusOf(fileSystem, path) !== null) {
    throw Object.assign(new Error(`ENOENT: no such directory, link '${aside}'`), { code: 'ENOENT' });
  }
  return isLinked;
}

/** `null` where there is none any more, or somebody has changed it: it is a person's by now. */
async function readReport(context: DirectoryContext, path: string): Promise<QuarantineReport | null> {
  const text = await readText(context, path).catch((error) => {
    if (errorCode(error) === 'ENOENT') return '';
    throw storageError('read a report in quarantine', context.directory, error);
  });
  try {
    const report: unknown = JSON.parse(text);
    return isReport(report) ? report : null;
  } catch {
    return null;
  }
}

async function readText({ fileSystem }: DirectoryContext, path: string): Promise<string> {
  const fd = openForReading(fileSystem, path);
  if (fd === null) return '';
  try {
    const status = fileSystem.fstatSync(fd, { bigint: true });
    if (!status.isFile()) return '';
    const length = Math.min(Number(status.size), MAX_REPORT_BYTES);
    return Buffer.from(await readExactly(fileSystem, { name: basename(path), fd }, 0, length)).toString('utf8');
  } finally {
    closeQuietly(fileSystem, fd);
  }
}

function isReport(value: unknown): value is QuarantineReport {
  if (typeof value !== 'object' || value === null) return false;
  const { date, directory, name, reason } = value as Partial<Record<keyof QuarantineReport, unknown>>;
  if (![date, directory, name, reason].every((field) => typeof field === 'string')) return false;
  const isKnown = isUserDirectory(String(directory)) || directory === SHARED_DIRECTORY;
  return isDate(String(date)) && isKnown && (isPart(String(name)) || name === COMPACTED_NAME);
}
