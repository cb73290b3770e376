import type { CallOptions } from '../../ports/queue.js';
import type { Snapshot } from '../../ports/storage.js';
import { takeTurns } from '../files/turns.js';
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

/**
 * Looks at every file of a partition; those with faults come first.
 * @throws HrmError where the storage cannot read, kind `conflict`, code `file_gone`, where a file was replaced meanwhile.
 */
export async function lookAtFiles(
  { files, partition }: Snapshot,
  { nowMs, ...options }: CallOptions & { readonly nowMs: number },
): Promise<readonly Look[]> {
  const { give } = takeTurns();
  const seen: { readonly inspection: Inspection; readonly count: FileCount }[] = [];
  for (const file of files) {
    const counter = startFileCount(partition, nowMs);
    const inspection = await inspectFile(file, partition, { ...options, onRows: counter.add });
    seen.push({ inspection, count: counter.end(file.name, inspection.opened?.footer.replaces ?? []) });
  }
  const sound = new Map(
    seen
      .filter(({ inspection }) => inspection.faults.length === 0)
      .map(({ inspection }) => [inspection.file.name, inspection] as const),
  );
  const looks: Look[] = [];
  await give();
  for (const [i, { inspection, count }] of seen.entries()) {
    if (i % LOOKS_A_PIECE === LOOKS_A_PIECE - 1) await give();
    // What cannot be read whole is taken apart, and replaces nothing from then on.
    const lacking = inspection.isWhole ? await lackingOf(inspection, sound, partition) : [];
    const message = `it says that it replaces ${lacking.length} files of which it has not all readings`;
    const faults = lacking.length === 0 ? [] : [{ code: 'not_contained', message }];
    looks.push({ inspection: { ...inspection, faults: [...inspection.faults, ...faults] }, lacking, count });
  }
  await give();
  const isSound = ({ count }: Look) => sound.has(count.name);
  return [...looks.filter((look) => !isSound(look)), ...looks.filter(isSound)];
}

async function lackingOf(
  inspection: Inspection,
  sound: ReadonlyMap<string, Inspection>,
  partition: Snapshot['partition'],
): Promise<readonly Inspection[]> {
  const lacking: Inspection[] = [];
  for (const name of inspection.opened?.footer.replaces ?? []) {
    const old = sound.get(name);
    if (old === undefined || old === inspection) continue;
    if (!(await isContained(old, inspection, partition))) lacking.push(old);
  }
  return lacking;
}
