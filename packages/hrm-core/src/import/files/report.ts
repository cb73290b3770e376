import { formatInstant } from '../../pure/reading/timestamp.js';
import type { FileResult } from './file-result.js';

/** What came of an import of files, for programs: an account a file. */
export type ImportAccount = ReturnType<typeof toImportAccount>;

/** The account of an import, as `hrm import --json` prints it and a server answers. */
export function toImportAccount(results: readonly FileResult[], isDryRun: boolean) {
  return {
    dry_run: isDryRun,
    enqueued: results.reduce((sum, { enqueued }) => sum + enqueued, 0),
    files: results.map(toFileAccount),
  };
}

function toFileAccount({ file, outcome, enqueued, account, rows, error }: FileResult) {
  return {
    file,
    outcome,
    enqueued,
    ...(account !== null && {
      format: account.format,
      readings: account.readings,
      devices: account.devices.map(({ userId, deviceId, count, firstMs, lastMs }) => ({
        ...(userId !== undefined && { user_id: userId }),
        device_id: deviceId,
        count,
        first: formatInstant(firstMs),
        last: formatInstant(lastMs),
      })),
      dropped: account.dropped,
      notes: account.notes,
      damages: account.damages,
      damage_count: account.damageCount,
    }),
    ...(rows !== null && { readings: rows.enqueued, rejected: rows.rejected, reasons: rows.reasons }),
    ...(error !== null && {
      error: { code: error.code, message: error.message, ...(error.faults !== undefined && { errors: error.faults }) },
    }),
  };
}
