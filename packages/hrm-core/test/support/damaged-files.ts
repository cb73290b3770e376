/** Ways in which a file may be damaged, or be a stranger's. */
import { readFile, writeFile } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';

/** Changes a file in place. */
export type Damage = (path: string) => Promise<void>;

function rewrite(change: (bytes: Buffer) => Uint8Array | string): Damage {
  return async (path) => writeFile(path, change(await readFile(path)));
}

/** Flips a bit of the byte at a place; negative ones count from the end. */
export function flipAt(place: number): Damage {
  return rewrite((bytes) => {
    const at = place < 0 ? bytes.length + place : place;
    bytes[at] = (bytes[at] as number) ^ 4;
    return bytes;
  });
}

/** Bytes of a file's footer, its trailer included. */
function footerLength(bytes: Buffer): number {
  return bytes.readUInt32LE(bytes.length - 8) + 8;
}

async function writeForeign(path: string): Promise<void> {
  const duckdb = await (await DuckDBInstance.create()).connect();
  await duckdb.run(`COPY (SELECT 1::BIGINT AS timestamp_ms, 'x' AS note) TO '${path}' (FORMAT parquet)`);
  duckdb.closeSync();
}

/** By name. */
export const DAMAGES: Readonly<Record<string, Damage>> = {
  truncated: rewrite((bytes) => bytes.subarray(0, bytes.length >> 1)),
  'one byte short': rewrite((bytes) => bytes.subarray(0, -1)),
  empty: rewrite(() => ''),
  'a text': rewrite(() => 'timestamp,heart_rate\n1,60\n'),
  'of other columns': writeForeign,
  'flipped in a row group': flipAt(40),
  'flipped in the footer': rewrite((bytes) => {
    const at = bytes.length - footerLength(bytes) + 20;
    bytes[at] = (bytes[at] as number) ^ 16;
    return bytes;
  }),
  'flipped in the checksum': flipAt(-80),
  'flipped in the trailer': flipAt(-6),
  zeros: rewrite((bytes) => bytes.fill(0)),
};

/** Of a compacted file: its rollup stands right before the footer. */
export const flipInRollup: Damage = rewrite((bytes) => {
  const at = bytes.length - footerLength(bytes) - 3;
  bytes[at] = (bytes[at] as number) ^ 1;
  return bytes;
});
