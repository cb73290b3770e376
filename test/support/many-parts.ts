/** Stores of very many files, made in seconds: each part is written as the storage would, but for the syncs. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { columnsFromReadings, type Reading } from '../../packages/hrm-core/src/pure/columns.js';
import { partitionDate, partName, userDirectory } from '../../packages/hrm-core/src/pure/partition.js';
import { encodeReadings } from '../../packages/hrm-core/test/support/whole-files.js';

/**
 * Writes each reading as a part of its own.
 * @param directory - of a store that is there already, and knows itself.
 */
export function writePartOfEach(directory: string, readings: Iterable<Reading>): void {
  let made = '';
  for (const reading of readings) {
    const path = join(directory, partitionDate(reading.timestampMs), userDirectory(reading.userId));
    if (path !== made) mkdirSync(path, { recursive: true, mode: 0o700 });
    made = path;
    const bytes = encodeReadings(columnsFromReadings([reading]), { shared: false });
    writeFileSync(join(path, partName(bytes)), bytes, { mode: 0o600 });
  }
}
