/** Sound files to begin with: ours, and by every writer and form at hand, of some kilobytes each. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Compression, Encoding, WriterVersion } from 'parquet-wasm';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import { compact, type Reading, writePart } from '../../src/index.js';
import { columnsFromReadings } from '../../src/pure/columns.js';
import { mergeReadings } from '../../src/pure/merge.js';
import { writeByArrow, writeByDuckDb, writeByHyparquet } from './foreign-files.js';
import { CODEC, dictionaryPage, handMadeParquet } from './hand-made-parquet.js';
import { withDirectory } from './temporary-directory.js';
import { encodeReadings } from './whole-files.js';

const START_MS = Date.UTC(2024, 0, 15);

function readings(userId: string, deviceId: string, count: number): Reading[] {
  return Array.from({ length: count }, (_, i) => {
    const timestampMs = START_MS + i * 7_000 + ((i * 7_919) % 1_000);
    return { userId, deviceId, timestampMs, heartRate: 60 + ((i * i) % 37), receivedMs: timestampMs };
  });
}

const ROWS = ['watch', 'strap-1', 'strap-2-🫀'].flatMap((device) => readings('ana', device, 100));
const FOREIGN = ROWS.map(({ receivedMs, ...rest }) => ({ ...rest, receivedMinute: Math.floor(receivedMs / 60_000) }));

/** Writes them; what begins with `own` is ours, with `empty` has no readings; what has `shared` in its name is a shared part. */
export async function writeBases(directory: string): Promise<void> {
  const at = (name: string) => join(directory, `${name}.parquet`);
  await writeByHyparquet(at('hyparquet'), FOREIGN);
  for (const codec of ['uncompressed', 'snappy', 'gzip', 'zstd', 'lz4', 'brotli']) {
    const version = codec === 'gzip' || codec === 'zstd' ? 'V2' : 'V1';
    await writeByDuckDb(at(`duckdb-${codec}`), FOREIGN, `, COMPRESSION ${codec}, PARQUET_VERSION ${version}`);
  }
  await writeByDuckDb(at('duckdb-plain'), FOREIGN, ', DICTIONARY_SIZE_LIMIT 1');
  await writeByArrow(at('arrow-shared'), FOREIGN);
  await writeByArrow(at('arrow-plain'), FOREIGN.slice(0, 200), (w) => w.setDictionaryEnabled(false));
  await writeByArrow(at('arrow-v2'), FOREIGN, (w) => w.setWriterVersion(WriterVersion.V2).setDictionaryEnabled(false));
  await writeByArrow(at('arrow-groups'), FOREIGN, (w) => {
    return w.setMaxRowGroupSize(100).setDataPageSizeLimit(256).setWriteBatchSize(32).setCompression(Compression.SNAPPY);
  });
  await writeByArrow(at('arrow-apart'), FOREIGN.slice(0, 200), (w) => {
    const apart = w.setDictionaryEnabled(false).setColumnEncoding('timestamp_ms', Encoding.BYTE_STREAM_SPLIT);
    return apart.setColumnEncoding('device_id', Encoding.DELTA_BYTE_ARRAY).setCompression(Compression.LZ4);
  });
  const none = {
    pages: [dictionaryPage(Buffer.of(0), { values: 0, bytes: 0 })],
    hasDictionary: true,
    codec: CODEC.snappy,
  };
  await writeFile(at('empty'), handMadeParquet([{ rows: 0, columns: Array.from({ length: 5 }, () => none) }]));
  const several = [...ROWS, ...Array.from({ length: 50 }, (_, i) => readings(`user-${i}`, 'watch', 8)).flat()];
  await writeFile(at('own-part'), encodeReadings(mergeReadings([columnsFromReadings(ROWS)])));
  await writeFile(at('own-shared'), encodeReadings(mergeReadings([columnsFromReadings(several)]), { shared: true }));
  await withDirectory(async (data) => {
    const storage = await openDirectoryStorage({ directory: data });
    await writePart({ storage }, [...ROWS, ...readings('ana', 'chest', 1_000)]);
    await compact({ storage }, { all: true });
    await storage.close();
    const own = join(data, '20240115/ana');
    const [name = ''] = (await readdir(own)).filter((one) => one === 'compacted.parquet');
    await writeFile(at('own-compacted'), await readFile(join(own, name)));
  });
}
