/** Whole files over HTTP: what of them is taken, what is refused, and that nothing of them stays behind. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { readdir, utimes } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createClient } from 'hrm-core/client';
import { createKey } from 'hrm-core/keys';
import { ImportAnswer, ProblemAnswer } from 'hrm-core/schemas';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { MADE_UP_EXPORTS } from '../../hrm-core/test/support/made-up-exports.js';
import { writeTar } from '../../hrm-core/test/support/tar-writer.js';
import { writeZip } from '../../hrm-core/test/support/zip-writer.js';
import { connectRaw, makeKeys, post, startTest, type TestService, temporaryDirectory, until } from './support.js';

const TYPE = { 'Content-Type': 'application/octet-stream' };

function contentOf(format: string): Buffer {
  return Buffer.from(MADE_UP_EXPORTS.find((file) => file.format === format)?.content ?? '');
}

const APPLE = contentOf('apple-health');

/** Rows of our own, some seconds apart. */
function rows(users: readonly string[], count: number): Buffer {
  const lines = ['user_id,device_id,timestamp,heart_rate'];
  for (const user of users)
    for (let i = 0; i < count; i += 1)
      lines.push(`${user},strap,${new Date(Date.UTC(2024, 0, 15) + i * 1_000).toISOString()},${60 + (i % 60)}`);
  return Buffer.from(`${lines.join('\n')}\n`);
}

/** What an account has, and a problem. */
interface Answer {
  readonly code: string;
  readonly detail: string;
  readonly errors: readonly { readonly path: string; readonly message: string }[];
  readonly dry_run: boolean;
  readonly enqueued: number;
  readonly files: readonly [
    {
      readonly readings: number;
      readonly enqueued: number;
      readonly format?: string;
      readonly devices: readonly [{ readonly first: string }];
    },
  ];
}

async function send({ url }: Pick<TestService, 'url'>, body: Uint8Array, query = '', headers = {}) {
  const response = await post(`${url}/imports?user_id=ana${query}`, body, { ...TYPE, ...headers });
  const answer = (await response.json()) as Answer;
  const shape = response.status === 200 ? ImportAnswer : ProblemAnswer;
  expect(v.safeParse(shape, answer).issues).toBeUndefined();
  return { status: response.status, answer, headers: response.headers };
}

/** Readings in the queue. */
async function queued({ queue }: TestService): Promise<number> {
  return (await queue.depth()).readings;
}

describe('a file', () => {
  it('is imported whole: plain, gzipped, in a zip or tar archive; and its account is that of hrm import', async () => {
    const service = await startTest();
    const plain = await send(service, APPLE, '&file_name=Export.xml');
    expect(plain.status).toBe(200);
    const [file] = plain.answer.files;
    expect(file).toMatchObject({ file: 'Export.xml', outcome: 'imported', format: 'apple-health' });
    expect(file.enqueued).toBe(file.readings);
    expect(plain.answer.enqueued).toBe(file.readings);
    expect(await queued(service)).toBe(file.readings);
    const packed = [
      writeZip([{ name: 'apple_health_export/Export.xml', content: APPLE }]),
      gzipSync(writeTar([{ name: 'Export.xml', content: APPLE }])),
    ];
    for (const body of packed) {
      const { status, answer } = await send(service, body);
      expect([status, answer.enqueued, answer.files[0]?.format]).toEqual([200, file.readings, 'apple-health']);
    }
    expect(await readdir(service.settings.spoolDir)).toEqual([]);
  });

  it('is answered from when it is stored, once', async () => {
    const service = await startTest({ parts: ['api', 'consumer'], flags: { batchMaxAgeMs: '50' } });
    const csv = rows(['ana'], 12_000);
    const together = await Promise.all([send(service, csv), send(service, csv)]);
    expect(together.map(({ status, answer }) => [status, answer.enqueued])).toEqual([
      [200, 12_000],
      [200, 12_000],
    ]);
    const question = '/metrics/heart-rate?user_id=ana&start=2024-01-15T00:00:00Z&end=2024-01-16T00:00:00Z';
    await until(async () => {
      const { data } = (await (await fetch(service.url + question)).json()) as { data: { count: number }[] };
      return data.reduce((sum, { count }) => sum + count, 0) === 12_000;
    }, 'all of it is answered, once');
  });

  it('is judged alone on a dry run, and refused where it is to be strict', async () => {
    const service = await startTest();
    const dry = await send(service, APPLE, '&dry_run=true');
    expect([dry.status, dry.answer.dry_run, dry.answer.enqueued]).toEqual([200, true, 0]);
    expect(dry.answer.files[0].readings).toBeGreaterThan(0);
    const strict = await send(service, Buffer.from('id,date,bpm\n1,2024-01-15T10:00:00Z,999\n'), '&strict=true');
    expect([strict.status, strict.answer.code]).toEqual([422, 'not_imported']);
    expect(strict.answer.enqueued).toBe(0);
    expect(await queued(service)).toBe(0);
  });

  it('that nobody knows, that needs a zone, that is empty or a bomb is a problem of the client’s', async () => {
    const service = await startTest();
    const unknown = await send(service, Buffer.from([0xff, 0xd8, 0xff, 0xe0]), '&file_name=photo.jpg');
    expect([unknown.status, unknown.answer.code]).toEqual([422, 'not_imported']);
    expect(unknown.answer.errors).toEqual([{ path: '/files/0', message: unknown.answer.detail }]);
    expect(JSON.stringify(unknown.answer)).not.toContain('photo');
    expect((await send(service, Buffer.alloc(0))).status).toBe(422);
    const bomb = await send(service, gzipSync(Buffer.alloc(200_000_000, ' ')));
    expect([bomb.status, bomb.answer.code]).toEqual([422, 'not_imported']);
    const noise = await send(service, Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(5_000, 7)]));
    expect([noise.status, noise.answer.code]).toEqual([422, 'not_imported']);
    expect(noise.answer.detail).toMatch(/^it is damaged, and no reading is left of it: /);
    // Cut in its only member, before the first point.
    const cut = await send(service, gzipSync(Buffer.from('<gpx><trk><trkpt')).subarray(0, -8));
    expect([cut.status, cut.answer.code]).toEqual([422, 'not_imported']);
    const zoneless = Buffer.from('device_id,timestamp,heart_rate\nstrap,2024-01-15 10:00:00,72\n');
    const asked = await send(service, zoneless);
    expect([asked.status, asked.answer.code]).toEqual([422, 'time_zone_needed']);
    const told = await send(service, zoneless, '&time_zone=Europe/Madrid');
    expect([told.status, told.answer.files[0].devices[0].first]).toEqual([200, '2024-01-15T09:00:00Z']);
    expect(await queued(service)).toBe(1);
    expect(service.log.join('')).not.toContain('photo');
  });

  it('is held to its size, its type and its query', async () => {
    const service = await startTest({ flags: { importMaxBytes: '1000' } });
    const large = Buffer.alloc(100_000, 'x');
    expect((await send(service, large)).answer.code).toBe('body_too_large');
    const chunked = await new Promise<number>((resolve, reject) => {
      const path = '/imports?user_id=ana';
      const outgoing = request(service.url + path, { method: 'POST', headers: TYPE }, (answer) => {
        resolve(answer.statusCode ?? 0);
        answer.resume();
      });
      outgoing.on('error', reject);
      outgoing.write(large.subarray(0, 50_000));
      outgoing.end(large.subarray(50_000));
    });
    expect(chunked).toBe(413);
    for (const type of ['text/plain', 'multipart/form-data', ''])
      expect((await send(service, APPLE, '', { 'Content-Type': type })).status).toBe(415);
    expect((await send(service, APPLE, '', { 'Content-Encoding': 'br' })).answer.code).toBe('unsupported_encoding');
    const wrong = '&time_zone=Nowhere/Else&received_at=tomorrow&strict=yes&file_name=%00';
    const { status, answer } = await send(service, APPLE, wrong);
    expect([status, answer.code]).toEqual([400, 'invalid_query']);
    expect(answer.errors.map(({ path }) => path).sort()).toEqual([
      '/file_name',
      '/received_at',
      '/strict',
      '/time_zone',
    ]);
    expect(JSON.stringify(answer)).not.toContain('Nowhere');
  });
});

describe('an import that ends early', () => {
  it('says how much of it is kept: a user in the middle who is not the key’s', async () => {
    const keysFile = join(await temporaryDirectory(), 'keys.json');
    const { token } = await createKey(keysFile, { name: 'ana', scopes: ['ingest'], userIds: ['ana'], expiresMs: null });
    const service = await startTest({ keysFile });
    const headers = { Authorization: `Bearer ${token}` };
    const refused = await send(service, rows(['ana', 'ben'], 10_000), '', headers);
    expect([refused.status, refused.answer.code, refused.answer.enqueued]).toEqual([403, 'foreign_user', 10_000]);
    expect(refused.answer.detail).toContain('10,000 readings');
    expect(await queued(service)).toBe(10_000);
    // A dry run is no way to hear otherwise.
    const dry = await send(service, rows(['ana', 'ben'], 10_000), '&dry_run=true', headers);
    expect([dry.status, dry.answer.code, dry.answer.enqueued ?? 0]).toEqual([403, 'foreign_user', 0]);
    expect((await send(service, rows(['ana', 'ana'], 10), '&dry_run=true', headers)).status).toBe(200);
    expect(await queued(service)).toBe(10_000);
  });

  it('says which row is at fault, and why', async () => {
    const service = await startTest();
    const faulty = Buffer.from(
      'user_id,device_id,timestamp,heart_rate\nana,watch,2024-01-15T10:00:00Z,70\nana,watch,2024-01-15T10:00:01Z,999\n',
    );
    const { status, answer } = await send(service, faulty, '&file_name=day.csv');
    expect([status, answer.code]).toEqual([422, 'not_imported']);
    expect(answer.errors[0]?.message).toMatch(/day\.csv:3: heart_rate must be/);
  });

  it('takes nothing while the queue is full, and says so before the file comes', async () => {
    const service = await startTest({ flags: { queueHighWater: '5' } });
    expect((await send(service, rows(['ana'], 10))).status).toBe(200);
    const full = await send(service, rows(['ana'], 10));
    expect([full.status, full.answer.code]).toEqual([503, 'queue_full']);
    expect(Number(full.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('is a matter of time where the file finds no room on the disk', async () => {
    const file = join(await temporaryDirectory(), 'a file');
    writeFileSync(file, '');
    const service = await startTest({ flags: { spoolDir: join(file, 'spool') } });
    const { status, answer } = await send(service, APPLE);
    expect([status, answer.code]).toEqual([503, 'spool_unwritable']);
    expect(JSON.stringify(answer)).not.toContain(file);
  });

  it('leaves nothing where the client goes away, and gives its place to the next', async () => {
    const service = await startTest();
    const head = 'POST /imports?user_id=ana HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/csv\r\n';
    const half = rows(['ana'], 1_000).toString('latin1');
    const connections = await Promise.all(
      [0, 1].map(async () => {
        const connection = await connectRaw(service.port);
        connection.socket.write(`${head}Content-Length: 1000000\r\n\r\n${half}`);
        return connection;
      }),
    );
    // Both of the client's places are taken.
    await until(async () => (await send(service, APPLE)).answer.code === 'too_busy', 'there is no place left');
    const { spoolDir } = service.settings;
    await until(async () => (await readdir(spoolDir)).length === 0, 'the files have no name any more');
    for (const { socket } of connections) socket.destroy();
    await until(async () => (await send(service, APPLE, '&dry_run=true')).status === 200, 'the places are free again');
    expect(await queued(service)).toBe(0);
    expect(service.log.filter((line) => line.includes('"level":50'))).toEqual([]);
  });

  it('has its share: other clients are answered meanwhile', async () => {
    const { keysFile, headers } = await makeKeys(2);
    const service = await startTest({ keysFile });
    const [first, second] = headers as [{ Authorization: string }, { Authorization: string }];
    const csv = rows(['ana'], 60_000);
    const long = [0, 1].map(() => send(service, csv, '&dry_run=true', first));
    await until(async () => (await send(service, APPLE, '', first)).answer.code === 'too_busy', 'both have begun');
    expect((await send(service, APPLE, '', second)).status).toBe(200);
    expect((await Promise.all(long)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('ends with the server', async () => {
    const service = await startTest({ limits: { closeMs: 300 } });
    const connection = await connectRaw(service.port);
    connection.socket.write(
      'POST /imports?user_id=ana HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/csv\r\nContent-Length: 999\r\n\r\nuser_id,',
    );
    await until(async () => (await readdir(service.settings.spoolDir).catch(() => ['-'])).length === 0, 'it has begun');
    await service.service.close();
    expect(await readdir(service.settings.spoolDir)).toEqual([]);
  });
});

describe('the client', () => {
  it('sends bytes, a blob and a stream, and gives the account', async () => {
    const service = await startTest();
    const client = createClient({ url: service.url });
    const options = { userId: 'ana', fileName: 'Export.xml', dryRun: true } as const;
    const account = await client.importFile(APPLE, options);
    expect(account).toMatchObject({ dryRun: true, enqueued: 0 });
    const [file] = account.files;
    expect(file).toMatchObject({ file: 'Export.xml', outcome: 'imported', format: 'apple-health', error: null });
    expect(file?.devices.reduce((sum, { count }) => sum + count, 0)).toBe(file?.readings);
    const blob = new Blob([Uint8Array.from(APPLE)]);
    expect(await client.importFile(blob, options)).toEqual(account);
    expect(await client.importFile(blob.stream(), options)).toEqual(account);
    const corrected = { userId: 'ana', receivedAt: new Date(Date.UTC(2024, 0, 16)) };
    expect((await client.importFile(rows(['ben'], 3), corrected)).enqueued).toBe(3);
    expect(await queued(service)).toBe(3);
  });

  it('says why nothing is imported, and sends no user that no URL can carry', async () => {
    const { url } = await startTest();
    const client = createClient({ url, retries: 0 });
    const unknown = client.importFile(Uint8Array.of(1, 2, 3), { userId: 'ana' });
    await expect(unknown).rejects.toMatchObject({ kind: 'invalid', code: 'not_imported', faultCount: 1 });
    const lone = client.importFile(APPLE, { userId: '\ud800' });
    await expect(lone).rejects.toMatchObject({ code: 'invalid_query' });
    const late = client.importFile(new ReadableStream(), { userId: 'ana', timeoutMs: 200 });
    await expect(late).rejects.toMatchObject({ code: 'server_silent' });
  });
});

it('sweeps away what a killed process left in the moment in which a file has a name', async () => {
  const spoolDir = join(await temporaryDirectory(), 'spool');
  mkdirSync(join(spoolDir, 'hrm-archive-young'), { recursive: true });
  const service = await startTest({ flags: { spoolDir } });
  expect((await send(service, APPLE)).status).toBe(200);
  // Another process may be about to open it.
  expect(await readdir(spoolDir)).toEqual(['hrm-archive-young']);
  const longAgo = new Date(Date.now() - 3_600_000);
  await utimes(join(spoolDir, 'hrm-archive-young'), longAgo, longAgo);
  await startTest({ flags: { spoolDir } });
  await until(async () => (await readdir(spoolDir)).length === 0, 'what is old is gone');
});
