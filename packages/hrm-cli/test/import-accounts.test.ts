/** The same files, imported beside the queue and over HTTP: whoever reads an account need not know which way they came. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { MADE_UP_EXPORTS } from '../../hrm-core/test/support/made-up-exports.js';
import { writeTar } from '../../hrm-core/test/support/tar-writer.js';
import { writeZip } from '../../hrm-core/test/support/zip-writer.js';
import { post, startTest, type TestService } from '../../hrm-server/test/support.js';
import { makeSandbox, ndjson, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
let service: TestService;
beforeEach(async () => {
  sandbox = await makeSandbox();
  service = await startTest();
});
afterEach(() => sandbox.remove());

const FAULTY = `user_id,device_id,timestamp,heart_rate
ana,strap,2024-01-15T10:00:00Z,72
ana,strap,2024-01-15T10:00:01Z,7
ana,strap,never,72
`;
const DAMAGED = '<gpx><trkpt><time>2024-01-15T10:00:00Z</time><hr>70</hr></trkpt><trkpt><time>2024-01';

/** One of each format, with the faults of each, and what is none. */
const ALL = [
  ...MADE_UP_EXPORTS.map(({ fileName, content }, i) => ({ name: `${i}/${fileName ?? 'file'}`, content })),
  { name: 'rows.ndjson', content: ndjson(3) },
  { name: 'rows.csv', content: FAULTY },
  { name: 'cut.gpx', content: DAMAGED },
  { name: 'notes.txt', content: 'nothing of a heart' },
  { name: 'inner.zip', content: writeZip([{ name: 'rows.csv', content: FAULTY }]) },
];

interface Case {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** Options of the command; each is a parameter of the call with the same name. */
  readonly options?: Readonly<Record<string, string>>;
}

const WHOLE = writeZip([{ name: 'rows.ndjson', content: ndjson(3) }]);
const ZONE = { 'time-zone': 'Europe/Madrid' };
const LENIENT = { ...ZONE, 'skip-invalid': 'true', 'keep-low-confidence': 'true', 'dry-run': 'true' };
const CASES: readonly Case[] = [
  { name: 'all.zip', content: writeZip(ALL), options: ZONE },
  { name: 'strict.tar.gz', content: gzipSync(writeTar(ALL)), options: { strict: 'true' } },
  { name: 'lenient.zip', content: writeZip(ALL), options: LENIENT },
  { name: 'cut.zip', content: WHOLE.subarray(0, WHOLE.lastIndexOf('PK\u0001\u0002')) },
  { name: 'rows.ndjson.gz', content: gzipSync(ndjson(12_000)), options: { 'received-at': '2024-02-01T00:00:00Z' } },
  { name: 'rows.csv', content: FAULTY, options: { 'skip-invalid': 'true' } },
  { name: 'cut.gpx', content: DAMAGED },
];

it('have the same account, whatever becomes of each file', async () => {
  const outcomes = new Set<string>();
  for (const { name, content, options = {} } of CASES) {
    await writeFile(join(sandbox.directory, name), content);
    const words = Object.entries(options).map(([key, value]) => (value === 'true' ? `--${key}` : `--${key}=${value}`));
    const beside = await sandbox.run(['import', name, '--user', 'ana', '--json', ...words]);
    const query = new URLSearchParams({ user_id: 'ana', file_name: name });
    for (const [key, value] of Object.entries(options)) query.set(key.replaceAll('-', '_'), value);
    const bytes = Uint8Array.from(Buffer.from(content));
    const answer = await post(`${service.url}/imports?${query}`, bytes, { 'Content-Type': 'application/octet-stream' });
    const account = (await answer.json()) as { files: { outcome: string }[] };
    // The exit code tells more: 2 where a file of several could not be imported, 5 where one is damaged.
    expect({ name, status: answer.status, account }).toEqual({ name, status: 200, account: JSON.parse(beside.stdout) });
    expect(account).toMatchObject({ dry_run: 'dry-run' in options });
    for (const { outcome } of account.files) outcomes.add(outcome);
  }
  expect([...outcomes].sort()).toEqual(['damaged', 'failed', 'imported', 'refused', 'unknown']);
});

it('is a problem over HTTP where nothing could be imported, of the files that the account has', async () => {
  const nothing: readonly Case[] = [
    { name: 'rows.csv', content: FAULTY },
    { name: 'photo.jpg', content: Uint8Array.of(0xff, 0xd8, 0xff, 0xe0) },
    { name: 'bad.zip', content: writeZip([{ name: 'rows.csv', content: FAULTY }]) },
  ];
  for (const { name, content } of nothing) {
    await writeFile(join(sandbox.directory, name), content);
    const beside = await sandbox.run(['import', name, '--user', 'ana', '--json']);
    const url = `${service.url}/imports?user_id=ana&file_name=${name}`;
    const answer = await post(url, Uint8Array.from(Buffer.from(content)), { 'Content-Type': 'text/csv' });
    expect({ name, code: beside.code, status: answer.status }).toEqual({ name, code: 2, status: 422 });
    const problem = (await answer.json()) as { errors: { path: string; message: string }[]; enqueued?: number };
    const { files, enqueued } = JSON.parse(beside.stdout);
    expect([problem.enqueued ?? 0, enqueued]).toEqual([0, 0]);
    // Whose file it is by its name is not repeated, so the message of the account may begin with more.
    for (const { path, message } of problem.errors) {
      const [said = '', reason = ''] = message.split(/: (?=\S*rows\.csv:)/);
      const { error } = files[Number(path.split('/').at(-1))];
      expect(error.message).toContain(said);
      // What is wrong with the first row stands behind it.
      expect([name, reason === '']).toEqual([name, name === 'photo.jpg']);
    }
  }
});
