/**
 * A program that reads a bucket as any tool does: it lists it, and reads each Parquet object in ranges. It knows nothing of grace, nor of
 * what replaces what. Only the signatures are the project's.
 */
import { parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { expect } from 'vitest';
import type { AwsClient } from '../../src/drivers/aws/client.js';

/** An object was listed, and has been deleted since. */
export class GoneError extends Error {}

/**
 * Reads every row below a prefix.
 * @returns what tells the readings, each once.
 * @throws GoneError, to list again; whatever hyparquet throws.
 */
export async function readBucket(client: AwsClient, bucket: string, prefix: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const { key, etag, byteLength } of await listParquet(client, bucket, prefix)) {
    const file = {
      byteLength,
      async slice(from: number, to = byteLength): Promise<ArrayBuffer> {
        const headers = { range: `bytes=${from}-${to - 1}` };
        const answer = await client.send({ method: 'GET', path: `/${bucket}/${encodeURI(key)}`, headers });
        if (answer.status === 404) throw new GoneError(key);
        // Of all ranges of an object, and as it was listed.
        expect([key, answer.status, answer.headers.etag]).toEqual([key, 206, etag]);
        return new Uint8Array(answer.body).buffer;
      },
    };
    const metadata = await parquetMetadataAsync(file, { initialFetchSize: 512 });
    const columns = ['user_id', 'device_id', 'timestamp_ms', 'heart_rate'];
    for (const row of await parquetReadObjects({ file, metadata, columns })) found.add(Object.values(row).join('\n'));
  }
  return found;
}

async function listParquet(client: AwsClient, bucket: string, prefix: string) {
  const objects: { key: string; etag: string; byteLength: number }[] = [];
  for (let after = ''; ; after = objects.at(-1)?.key ?? '') {
    const query = `list-type=2&prefix=${encodeURIComponent(prefix)}&start-after=${encodeURIComponent(after)}`;
    const answer = await client.send({ method: 'GET', path: `/${bucket}/`, query });
    const xml = answer.body.toString('utf8');
    expect([answer.status, xml.includes('<ListBucketResult')]).toEqual([200, true]);
    for (const [, each = ''] of xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
      const of = (name: string) => each.split(`<${name}>`)[1]?.split('</', 1)[0] ?? '';
      const key = of('Key');
      const isFile = key.endsWith('.parquet') && !key.slice(prefix.length).startsWith('.');
      if (isFile) objects.push({ key, etag: of('ETag').replaceAll('&quot;', '"'), byteLength: Number(of('Size')) });
    }
    if (!xml.includes('<IsTruncated>true</IsTruncated>')) return objects;
  }
}
