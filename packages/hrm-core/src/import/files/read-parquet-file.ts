import { setImmediate as yieldTurn } from 'node:timers/promises';
import { faultError, isHrmError } from '../../errors.js';
import type { RandomAccessFile } from '../../formats/file-format.js';
import { createPieceGatherer } from '../../formats/gather-pieces.js';
import type { FileAccount } from '../../formats/judge/account.js';
import { createJudge, type JudgedReadings, type JudgeRules } from '../../formats/judge/judge.js';
import { MAX_FOREIGN_ROWS } from '../../limits.js';
import { readForeignRows } from '../../parquet/read-batch.js';
import type { StoredFile } from '../../ports/storage.js';

/** Rows that are judged before others have their turn. */
const ROWS_A_PIECE = 4_096;

/**
 * Reads a Parquet file with the columns `timestamp_ms`, `heart_rate`, `device_id` and `user_id`. Values are judged as those of every other file; a row
 * without a user is of whoever the import names.
 * @returns the account of the file. Damage ends the file, not the account.
 * @throws HrmError kind `invalid`, code `invalid_parquet`, for what is no such file, or too large.
 */
export async function* readParquetFile(
  file: RandomAccessFile,
  rules: JudgeRules,
): AsyncGenerator<JudgedReadings, FileAccount> {
  const judge = createJudge('parquet', rules);
  const gathered = createPieceGatherer();
  let rows = 0;
  try {
    for await (const table of readForeignRows(storedFile(file), { maxRows: MAX_FOREIGN_ROWS }, yieldTurn)) {
      const { length, users, devices, user, device, timestampMs, heartRate } = table;
      for (let row = 0; row < length; row += 1) {
        const [userId, deviceId] = [users[user[row] as number] ?? '', devices[device[row] as number] ?? ''];
        if (deviceId === '') gathered.drop('damaged');
        else
          gathered.add(
            deviceId,
            numberOf(timestampMs[row] as number),
            numberOf(heartRate[row] as number),
            userId === '' ? undefined : userId,
          );
        if (row % ROWS_A_PIECE !== ROWS_A_PIECE - 1 && row !== length - 1) continue;
        for (const piece of gathered.take()) {
          const readings = judge.take(piece);
          if (readings !== null) yield readings;
        }
        await yieldTurn();
      }
      rows += length;
    }
  } catch (error) {
    if (isHrmError(error) || !(error instanceof Error)) throw error;
    if (rows === 0) throw faultError('invalid_parquet', `it cannot be read as Parquet: ${error.message}`);
    judge.take({ kind: 'damage', at: `row ${rows}`, message: error.message });
  }
  return judge.account();
}

/** A number that a row lacks is -1. */
function numberOf(value: number): number {
  return value === -1 ? Number.NaN : value;
}

function storedFile({ byteLength, slice }: RandomAccessFile): StoredFile {
  return {
    name: 'the file',
    version: '',
    byteLength,
    ageMs: 0,
    mask: null,
    // A copy: the bytes may be some of a larger buffer.
    read: async (from, to) => new Uint8Array(await slice(from, to)).buffer,
  };
}
