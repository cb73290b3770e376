import { throwIfAborted } from '../../errors.js';
import { MAX_CONCURRENT_READS, MAX_VERIFY_FAULTS } from '../../limits.js';
import { COMPACTED_NAME, SHARED_DIRECTORY } from '../../names.js';
import { type Clock, systemClock } from '../../ports/clock.js';
import type { CallOptions } from '../../ports/queue.js';
import { type Random, systemRandom } from '../../ports/random.js';
import type { Partition, PartitionFailure, QuarantinedFile, Snapshot, Storage } from '../../ports/storage.js';
import { checkSettings } from '../../pure/check-settings.js';
import { userDirectory } from '../../pure/partition.js';
import type { ReceivedAhead } from '../../pure/reading/received-ahead.js';
import { overSnapshot } from '../files/over-snapshot.js';
import { noteFailure } from '../files/partition-failures.js';
import { readAhead } from '../files/read-ahead.js';
import { sharedPartitions } from '../files/shared-partitions.js';
import { createYielder } from '../files/yielder.js';
import { createStock, type StoredCount } from './count-stored.js';
import { type Look, lookAtFiles } from './look-at-files.js';
import { type Mended, repairFile, salvage } from './repair-file.js';

/** What `verify` works on. */
export interface VerifyComponents {
  readonly storage: Storage;
  /** Names replaced files; the machine's by default. */
  readonly random?: Random | undefined;
  /** Tells what was received ahead of it; the machine's by default. */
  readonly clock?: Clock | undefined;
}

/** What to look at, and whether to mend it. */
export interface VerifySettings {
  /** Only this user's partitions, and the shared parts of dates where one may hold readings of this user; default all. */
  readonly userId?: string | undefined;
  /** Only this UTC date, `YYYYMMDD`. */
  readonly date?: string | undefined;
  /** Mend what is found; default false. */
  readonly repair?: boolean | undefined;
}

/** How a verification is watched and stopped. */
export interface VerifyOptions extends CallOptions {
  /** Called after each partition, with how many are done of how many there were at the start. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
}

/** Something that is not as it should be in a file. */
export interface VerifyFault {
  /** Its `directory` is empty where something stands in the place of a whole date. */
  readonly partition: Partition;
  /** Of the file; empty where the partition's place itself is taken. */
  readonly name: string;
  /**
   * `file_damaged` · `file_too_large` · `file_unsupported` · `wrong_name` (not the hash of its bytes) · `invalid_readings` · `misplaced` (rows of another
   * user or day) · `unsorted` (or doubles; of this system's own files alone) · `wrong_statistics` · `wrong_rollup` · `rollup_missing` · `not_contained` (it says that
   * it replaces a file, and has not all of its readings) · `quarantined` (set aside earlier, and something of it cannot be read) ·
   * `name_taken` (`compacted.parquet` is no file, but a directory, a link or the like) · `orphan` (something else that is no file of the partition, or no directory in its place).
   */
  readonly code: string;
  /** For people; without the user. */
  readonly message: string;
  /** `repaired`: nothing is lost. `set_aside`: what could not be read is in quarantine only. `found`: it is as it was. */
  readonly outcome: Mended;
}

/** What one verification found and did. */
export interface VerifySummary {
  readonly partitions: number;
  /** Files that count. */
  readonly files: number;
  /** Rows in them. */
  readonly readings: number;
  /** Files whose readings are all in others, and that wait for the sweep; looked at too. */
  readonly superseded: StoredCount;
  /** Of the readings that count: while the clock has not reached `latestMs`, corrections of them do not count. */
  readonly receivedAhead: ReceivedAhead;
  /** The first thousand. */
  readonly faults: readonly VerifyFault[];
  /** All. */
  readonly faultCount: number;
  /** Files with faults that are mended, and nothing lost. */
  readonly repaired: number;
  /** Files with faults that were set aside with what could not be read of them. */
  readonly setAside: number;
  readonly quarantine: {
    /** In quarantine, for the partitions looked at. */
    readonly files: number;
    /** Readings in them that can be read and are stored nowhere else. */
    readonly salvageable: number;
    /** Of these, readings that were stored again. The files stay. */
    readonly salvaged: number;
  };
  /** Partitions that could not be looked at, or not be mended. */
  readonly failures: readonly PartitionFailure[];
}

/**
 * Looks at every byte and every reading of every file: that it opens and its checksums hold, that its rows are readings of
 * its path's user and day in order, that its statistics and rollup agree with them, that its name and the files that it says
 * it replaces do. With `repair` it mends what can be mended: readings are stored where they belong, rollups made anew, and files
 * with other faults set aside, unless they have further columns and can be read. It deletes nothing, and whatever stops it leaves every reading there.
 *
 * A file is looked at by row groups, so that memory does not grow with it. Other processes may go on meanwhile.
 *
 * @throws HrmError kind `invalid` for a user_id or date that is none, kind `unavailable` when the storage cannot now (a
 *   full disk), kind `closed` when aborted.
 * @example
 * const { faults } = await verify({ storage }, { date: '20240115', repair: true });
 */
export async function verify(
  { storage, random = systemRandom, clock = systemClock }: VerifyComponents,
  { userId, date, repair = false }: VerifySettings = {},
  { signal, onProgress }: VerifyOptions = {},
): Promise<VerifySummary> {
  checkSettings({ userId, date });
  const work: Work = { storage, random, repair, signal, nowMs: clock.nowMs(), ...nothingFound() };
  await noteObstacles(work, { userId, date });
  let total = 0;
  if (onProgress !== undefined)
    for (const partitions of kindsOf(work, { userId, date })) for await (const _ of partitions) total += 1;
  async function look(partition: Partition): Promise<void> {
    throwIfAborted(signal, 'verifying');
    await goOn(work, partition, () => verifyPartition(work, partition));
  }
  const ahead = Math.min(storage.readAhead ?? 0, MAX_CONCURRENT_READS - 1);
  for (const partitions of kindsOf(work, { userId, date })) {
    for await (const _ of readAhead(partitions, look, ahead)) {
      work.partitions += 1;
      onProgress?.({ done: work.partitions, total: Math.max(total, work.partitions) });
    }
  }
  const directories = userId === undefined ? null : [userDirectory(userId), SHARED_DIRECTORY];
  for await (const aside of storage.quarantined({ signal })) {
    const { partition } = aside;
    if (date !== undefined && partition.date !== date) continue;
    if (directories?.includes(partition.directory) === false) continue;
    work.quarantine.files += 1;
    await goOn(work, partition, async () => {
      const { readings, lost } = await salvage(storage, aside, repair, { signal });
      work.quarantine.salvageable += readings;
      if (repair) work.quarantine.salvaged += readings;
      if (lost === null || isKnown(work, aside)) return;
      const message = `in quarantine: ${lost}; bring the day back from a backup, or delete the file there`;
      note(work, { partition, name: aside.file.name, code: 'quarantined', message, outcome: 'set_aside' });
    });
  }
  const { partitions, stock, faults, faultCount, repaired, setAside, quarantine, failures } = work;
  return { partitions, ...stock.total(), faults, faultCount, repaired, setAside, quarantine, failures };
}

/**
 * The shared parts, then everybody's partitions, or one user's. One after the other, as a query looks: what is split off meanwhile was
 * seen in its shared part, or is in a directory that is listed later.
 */
function* kindsOf({ storage, signal }: Work, { userId, date }: VerifySettings) {
  const dates = { fromDate: date, toDate: date };
  const directories = userId === undefined ? undefined : [userDirectory(userId)];
  yield sharedPartitions(storage, { ...dates, userId }, { signal });
  yield storage.partitions({ ...dates, directories }, { signal });
}

/** What stands where a date or a partition belongs keeps everything of it from being stored. */
async function noteObstacles(work: Work, { userId, date }: VerifySettings): Promise<void> {
  const { storage, signal } = work;
  const directories = userId === undefined ? undefined : [userDirectory(userId), SHARED_DIRECTORY];
  const { yieldTurn } = createYielder();
  const range = { fromDate: date, toDate: date, directories };
  for await (const { date: of, directory, kind } of storage.obstacles(range, { signal, yieldTurn })) {
    const place = directory === null ? 'of a date' : 'of a user on a date';
    const message =
      kind === 'in_the_way'
        ? `it stands where the directory ${place} belongs, so that nothing can be stored there: move it away`
        : `its name is not that of the directory ${place}, so that nothing in it is read: name it as the file format says, or move it away`;
    note(work, {
      partition: { date: of, directory: directory ?? '' },
      name: '',
      code: 'orphan',
      message,
      outcome: 'found',
    });
  }
}

function nothingFound() {
  return {
    partitions: 0,
    stock: createStock(),
    faults: [] as VerifyFault[],
    faultCount: 0,
    repaired: 0,
    setAside: 0,
    quarantine: { files: 0, salvageable: 0, salvaged: 0 },
    failures: [] as PartitionFailure[],
  };
}

interface Work extends CallOptions, ReturnType<typeof nothingFound> {
  readonly storage: Storage;
  readonly random: Random;
  readonly repair: boolean;
  readonly nowMs: number;
}

/** Goes on with the others where one partition cannot be read or mended. */
async function goOn({ failures }: Work, partition: Partition, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    noteFailure(failures, partition, error);
  }
}

async function verifyPartition(work: Work, partition: Partition): Promise<void> {
  const { storage, signal, nowMs, stock } = work;
  const { yieldTurn } = createYielder();
  let isFirst = true;
  await overSnapshot(storage, partition, { signal }, async (snapshot) => {
    const orphans = isFirst ? (snapshot.orphans ?? (await storage.orphans(partition, { yieldTurn }))) : [];
    isFirst = false;
    for (const name of orphans) note(work, { partition, name, ...orphanFault(name), outcome: 'found' });
    const looks = await lookAtFiles(storage, snapshot, { signal, nowMs });
    await yieldTurn();
    stock.add(
      partition,
      looks.map(({ count }) => count),
    );
    await yieldTurn();
    for (const look of looks) if (look.inspection.faults.length > 0) await conclude(work, snapshot, look);
  });
}

function orphanFault(name: string): Pick<VerifyFault, 'code' | 'message'> {
  const message = 'it is no file of this system, and is not read: move it away';
  if (name !== COMPACTED_NAME) return { code: 'orphan', message };
  return {
    code: 'name_taken',
    message: 'it is no file, but a directory, a link or the like, and keeps the day from being compacted: move it away',
  };
}

/** Mends a file where that is asked for, and notes what was wrong with it. */
async function conclude(work: Work, snapshot: Snapshot, { inspection, lacking }: Look): Promise<void> {
  const { partition } = snapshot;
  const mended: { outcome: Mended } = { outcome: 'found' };
  await goOn(work, partition, async () => {
    if (work.repair) mended.outcome = await repairFile(work, snapshot, inspection, lacking, { signal: work.signal });
  });
  const { outcome } = mended;
  if (outcome === 'repaired') work.repaired += 1;
  if (outcome === 'set_aside') work.setAside += 1;
  for (const { code, message } of inspection.faults) {
    note(work, { partition, name: inspection.file.name, code, message, outcome });
  }
}

/** Whether a file in quarantine was set aside by this very verification, which has told of it. */
function isKnown({ faults }: Work, { partition: { date, directory }, file }: QuarantinedFile): boolean {
  return faults.some(
    ({ partition, name, outcome }) =>
      outcome === 'set_aside' && name === file.name && partition.date === date && partition.directory === directory,
  );
}

function note(work: Work, fault: VerifyFault): void {
  work.faultCount += 1;
  if (work.faults.length < MAX_VERIFY_FAULTS) work.faults.push(fault);
}
