/**
 * Stored files to readings, a row group at a time, each proved by its checksum.
 */
import type { Partition, StoredFile } from '../ports/storage.js';
import type { ReadingColumns } from '../pure/columns.js';
import { readingsOf } from '../pure/reading/check-readings.js';
import { hasChecksum, pieceChecksum } from './checksum.js';
import { decodeColumns } from './decode-columns.js';
import type { Encoder } from './encode.js';
import { asDamage, type Footer, type OpenedFile, openFile, type RowGroup } from './footer.js';
import { decodeSlice, pageReaderOf } from './foreign/decode.js';

/** Bytes between two row groups that are read along, so that one call serves both. */
const MAX_GAP_BYTES = 16 * 1024;

/**
 * Proves every byte of a file, and that its readings can be read, a row group at a time.
 * @returns what its end says.
 * @throws HrmError kind `data`, code `file_damaged`: not Parquet, damaged, or not of the contract's columns; code `file_too_large`.
 */
export async function proveFile(
  file: StoredFile,
  partition: Partition,
  yieldTurn: () => Promise<void>,
): Promise<Footer> {
  const opened = await openFile(file, partition);
  await requireMagic(file, partition, opened);
  // An older file is read as a whole for each call.
  const isPiecewise = opened.footer.checksumKind !== 'whole';
  const pieces = isPiecewise ? opened.footer.groups.map((group) => [group]) : [opened.footer.groups];
  for (const groups of pieces) await decodeGroups(file, partition, opened, groups, yieldTurn);
  return opened.footer;
}

/** The first four bytes belong to no row group. */
async function requireMagic(
  file: StoredFile,
  partition: Partition,
  { tail, tailFrom, footer }: OpenedFile,
): Promise<void> {
  await asDamage(file, partition, async () => {
    if (footer.checksumKind !== 'footer') return;
    const magic = tailFrom === 0 ? tail : new Uint8Array(await file.read(0, 4));
    if (Buffer.from(magic.subarray(0, 4)).toString('latin1') !== 'PAR1') throw new Error('it does not begin with PAR1');
  });
}

/**
 * Reads row groups, and proves them; of an older file the whole file is read. A foreign file's rows that are no readings are
 * left out, whoever asks: to an answer and to a merge they are nothing.
 * @param groups - of `opened.footer.groups`, in their order.
 * @returns one table for each, in the file's order.
 * @throws HrmError kind `data`, code `file_damaged`.
 */
export async function decodeGroups(
  file: StoredFile,
  partition: Partition,
  opened: Pick<OpenedFile, 'footer'> & Partial<OpenedFile>,
  groups: readonly RowGroup[],
  yieldTurn: () => Promise<void>,
): Promise<ReadingColumns[]> {
  return asDamage(file, partition, async () => {
    const { footer, tail, tailFrom = Number.POSITIVE_INFINITY } = opened;
    const { metadata: metadataOfAll } = footer;
    const keep = footer.isMasked ? keepOf(file) : (columns: ReadingColumns) => columns;
    if (metadataOfAll === null) return (await decodeForeign(file, groups)).map((table) => keep(readingsOf(table)));
    const tables: ReadingColumns[] = [];
    const runs = footer.checksumKind === 'footer' ? runsOf(groups) : [{ groups, fromByte: 0, toByte: file.byteLength }];
    for (const run of runs) {
      const isRead = tail !== undefined && run.fromByte >= tailFrom;
      const bytes = isRead
        ? tail.subarray(run.fromByte - tailFrom, run.toByte - tailFrom)
        : new Uint8Array(await file.read(run.fromByte, run.toByte));
      if (footer.checksumKind === 'whole' && !hasChecksum(bytes)) throw new Error('it does not have its checksum');
      for (const group of run.groups) {
        await yieldTurn();
        const own = bytes.subarray(group.fromByte - run.fromByte, group.toByte - run.fromByte);
        if (group.checksum !== null && pieceChecksum(own) !== group.checksum)
          throw new Error('a row group does not have its checksum');
        await yieldTurn();
        const rowGroup = metadataOfAll.row_groups[group.index];
        if (rowGroup === undefined) throw new Error('it does not have this row group');
        const metadata = { ...metadataOfAll, row_groups: [rowGroup], num_rows: BigInt(group.rows) };
        tables.push(keep(await decodeColumns({ bytes: own, fromByte: group.fromByte }, metadata, group, yieldTurn)));
      }
    }
    return tables;
  });
}

/** What a file's readings are looked at through. */
function keepOf({ mask }: StoredFile): (columns: ReadingColumns) => ReadingColumns {
  return (columns) => mask?.keep(columns) ?? columns;
}

/** Rows as another writer wrote them, which nobody has judged. */
async function decodeForeign(file: StoredFile, groups: readonly RowGroup[]): Promise<ReadingColumns[]> {
  const reader = pageReaderOf(file);
  const tables: ReadingColumns[] = [];
  for (const { foreign, rows } of groups) {
    if (foreign !== undefined) tables.push(await decodeSlice(reader, foreign, rows));
  }
  return tables;
}

/**
 * Reads one row group, every value of it, whatever it is: no id is taken from statistics, and of a foreign file no row is left out.
 * @throws HrmError kind `data`, code `file_damaged`.
 */
export async function readGroup(
  file: StoredFile,
  partition: Partition,
  { footer }: Pick<OpenedFile, 'footer'>,
  group: RowGroup,
  yieldTurn: () => Promise<void>,
): Promise<ReadingColumns> {
  return asDamage(file, partition, async () => {
    const isInside = group.fromByte >= 0 && group.fromByte <= group.toByte && group.toByte <= file.byteLength;
    if (!isInside) throw new Error('it has a row group outside of itself');
    const all = { ...group, userId: null, deviceId: null };
    const [columns] =
      footer.checksumKind === 'foreign'
        ? (await decodeForeign(file, [group])).map(keepOf(file))
        : await decodeGroups(file, partition, { footer }, [all], yieldTurn);
    if (columns === undefined) throw new Error('it does not have this row group');
    return columns;
  });
}

/**
 * Reads back a row group of a file that is being made, every value of it: no id is taken from statistics.
 * @throws what hyparquet throws.
 */
export async function decodePiece(
  encoder: Pick<Encoder, 'piece'>,
  index: number,
  yieldTurn: () => Promise<void>,
): Promise<ReadingColumns> {
  const { bytes, fromByte, metadata } = encoder.piece(index);
  const group = { rows: Number(metadata.num_rows), userId: null, deviceId: null };
  return decodeColumns({ bytes, fromByte }, metadata, group, yieldTurn);
}

/** Row groups that stand near each other, to be read together. */
function runsOf(groups: readonly RowGroup[]): { groups: readonly RowGroup[]; fromByte: number; toByte: number }[] {
  const runs: { groups: RowGroup[]; fromByte: number; toByte: number }[] = [];
  for (const group of groups) {
    const last = runs.at(-1);
    if (last !== undefined && group.fromByte - last.toByte <= MAX_GAP_BYTES) {
      last.groups.push(group);
      last.toByte = group.toByte;
    } else runs.push({ groups: [group], fromByte: group.fromByte, toByte: group.toByte });
  }
  return runs;
}

/**
 * Opens a file that is in memory.
 * @throws HrmError kind `data`, code `file_damaged`.
 */
export async function openBytes(bytes: Uint8Array<ArrayBuffer>) {
  const file = {
    name: 'a file in memory',
    version: '',
    byteLength: bytes.length,
    ageMs: 0,
    mask: null,
    read: async (from: number, to: number) => bytes.slice(from, to).buffer,
  };
  const partition = { date: 'now', directory: '' };
  return { file, partition, opened: await openFile(file, partition) };
}
