import { HrmError } from '../../errors.js';
import { MAX_VERIFY_LOOKS } from '../../limits.js';
import type { CallOptions } from '../../ports/queue.js';
import type { Partition, Snapshot, Storage, StoredFile } from '../../ports/storage.js';
import { confirmDamage, misreadError } from '../damage/confirm-damage.js';
import { isDamage } from '../files/file-damage.js';
import { createYielder } from '../files/yielder.js';
import { type FileCount, startFileCount } from './count-stored.js';
import { type Inspection, inspectFile, isContained } from './inspect-file.js';

/** A file of a partition, looked at among the others. */
export interface Look {
  /** With what is wrong between it and others, too. */
  readonly inspection: Inspection;
  /** Files that it says it replaces, are still there, and have readings that it has not. */
  readonly lacking: readonly Inspection[];
  readonly count: FileCount;
}

/** Files of which it is seen what they replace before others have a turn: less than a millisecond's work. */
const LOOKS_A_PIECE = 256;

/** A file looked at by itself. */
interface Seen {
  readonly inspection: Inspection;
  readonly count: FileCount;
}

type LookOptions = CallOptions & { readonly nowMs: number };

/**
 * Looks at every file of a partition; those with faults come first. What is wrong with a file is what it was read with twice, the second
 * time opened anew, by the same bytes.
 * @throws HrmError where the storage cannot read, or reads now this and now that; kind `conflict`, code `file_gone`, where a file was
 *   replaced meanwhile.
 */
export async function lookAtFiles(
  storage: Storage,
  snapshot: Snapshot,
  options: LookOptions,
): Promise<readonly Look[]> {
  const { yieldTurn } = createYielder();
  const { files, partition } = snapshot;
  const seen: Seen[] = [];
  for (const file of files) seen.push(await lookSurely(storage, snapshot, file, options));
  const sound = seen.map(({ inspection }) => inspection).filter(({ faults }) => faults.length === 0);
  const readable = new Map(sound.map((inspection) => [inspection.contentName, inspection] as const));
  const soundNames = new Set(sound.map(({ file: { name } }) => name));
  const looks: Look[] = [];
  await yieldTurn();
  for (const [i, { inspection, count }] of seen.entries()) {
    if (i % LOOKS_A_PIECE === LOOKS_A_PIECE - 1) await yieldTurn();
    // What cannot be read whole is taken apart, and replaces nothing from then on.
    const lacking = inspection.isWhole ? await lackingOf(inspection, readable, partition) : [];
    const message = `it says that it replaces ${lacking.length} files of which it has not all readings`;
    const faults = lacking.length === 0 ? [] : [{ code: 'not_contained', message }];
    looks.push({ inspection: { ...inspection, faults: [...inspection.faults, ...faults] }, lacking, count });
  }
  await yieldTurn();
  const isSound = ({ inspection: { file } }: Look) => soundNames.has(file.name);
  return [...looks.filter((look) => !isSound(look)), ...looks.filter(isSound)];
}

async function lookOnce(file: StoredFile, partition: Partition, { nowMs, ...options }: LookOptions): Promise<Seen> {
  const counter = startFileCount(partition, nowMs);
  const inspection = await inspectFile(file, partition, { ...options, onRows: counter.add });
  return { inspection, count: counter.end(inspection.contentName, inspection.opened?.footer.replaces ?? []) };
}

/** Looks at a file until nothing is wrong with it, or the same twice. */
async function lookSurely(storage: Storage, snapshot: Snapshot, file: StoredFile, options: LookOptions): Promise<Seen> {
  const { partition } = snapshot;
  let seen = await lookOnce(file, partition, options);
  async function look(again: StoredFile): Promise<boolean> {
    // Opened anew it is read by a descriptor that is closed afterwards.
    const { inspection, count } = await lookOnce(again, partition, options);
    seen = { inspection: { ...inspection, file }, count };
    return !isWrong(seen);
  }
  for (let looks = 1; isWrong(seen); looks += 1) {
    if (looks === MAX_VERIFY_LOOKS) throw misreadError(file.name, partition);
    const confirmation = await confirmDamage(storage, snapshot, file, look);
    if (confirmation === 'gone') throw goneError(file, partition);
    if (confirmation === 'damaged') break;
  }
  return seen;
}

function isWrong({ inspection: { faults } }: Seen): boolean {
  return faults.length > 0;
}

function goneError({ name }: StoredFile, { date }: Partition): HrmError {
  return new HrmError(`${name} of ${date} was replaced while it was looked at`, {
    kind: 'conflict',
    code: 'file_gone',
  });
}

async function lackingOf(
  inspection: Inspection,
  readable: ReadonlyMap<string, Inspection>,
  partition: Snapshot['partition'],
): Promise<readonly Inspection[]> {
  const lacking: Inspection[] = [];
  for (const name of inspection.opened?.footer.replaces ?? []) {
    const old = readable.get(name);
    if (old === undefined || old === inspection) continue;
    if (!(await isSurelyContained(old, inspection, partition))) lacking.push(old);
  }
  return lacking;
}

/** Both were read well before: what is wrong now was read wrong. */
async function isSurelyContained(old: Inspection, inside: Inspection, partition: Partition): Promise<boolean> {
  let lacking = 0;
  for (let looks = 1; looks <= MAX_VERIFY_LOOKS; looks += 1) {
    try {
      if (await isContained(old, inside, partition)) return true;
      lacking += 1;
      if (lacking === 2) return false;
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
  }
  throw misreadError(inside.file.name, partition);
}
