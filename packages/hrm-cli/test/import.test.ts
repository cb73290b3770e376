import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Finished, makeSandbox, ndjson, queryArgs, type Sandbox } from './hrm.js';

const HEADER = 'user_id,device_id,timestamp,heart_rate';
const ROW = 'ana,watch,2024-01-15T10:00:00Z,72';

const ENDLESS_BYTES = 300_000_000;

const TELL_MEMORY = new URL('./tell-memory.mjs', import.meta.url).href;

/** Runs `hrm import`, which tells by a module of its own the most memory it ever had. */
async function importMeasured(...args: string[]): Promise<Finished & { maxBytes: number }> {
  const finished = await sandbox.runProcess(['import', ...args], { env: { NODE_OPTIONS: `--import=${TELL_MEMORY}` } });
  return { ...finished, maxBytes: Number(finished.stderr) };
}

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

async function file(name: string, content: string | Uint8Array): Promise<string> {
  await writeFile(join(sandbox.directory, name), content);
  return name;
}

/** What is stored after a drain: rows of the user's answer. */
async function stored(user = 'ana'): Promise<{ heart_rate: number; count: number; device_ids: string[] }[]> {
  expect((await sandbox.run(['drain', '--all'])).code).toBe(0);
  return JSON.parse((await sandbox.run(queryArgs(user, '--json'))).stdout).data;
}

async function summary(...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await sandbox.run(['import', ...args, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

describe('hrm import reads', () => {
  it('a named pipe to its end', async () => {
    const path = join(sandbox.directory, 'pipe.ndjson');
    execFileSync('mkfifo', [path]);
    const { finished } = sandbox.start(['import', path, '--json']);
    await writeFile(path, gzipSync(ndjson(20_000)));
    expect(await finished).toMatchObject({ code: 0, stdout: '{"files":1,"enqueued":20000,"rejected":0}\n' });
  });

  it.each([
    ['CSV', 'a.csv', `${HEADER}\n${ROW}\n`],
    ['CSV without an end of line at the end', 'a.csv', `${HEADER}\n${ROW}`],
    ['CSV with CRLF and a byte order mark', 'a.csv', `\ufeff${HEADER}\r\n${ROW}\r\n`],
    [
      'CSV with quotes',
      'a.csv',
      `"user_id","device_id","timestamp","heart_rate"\n"ana","watch","2024-01-15T10:00:00Z","72"\n`,
    ],
    [
      'CSV in another order with other columns',
      'a.csv',
      'heart_rate,note,timestamp,device_id,user_id\n72,"a ""quoted"",\nnote",2024-01-15T10:00:00Z,watch,ana\n',
    ],
    ['CSV with blank lines', 'a.csv', `\n${HEADER}\n\n${ROW}\n\n`],
    ['CSV by its first character', 'readings.txt', `\n${HEADER}\n${ROW}\n`],
    ['NDJSON', 'a.ndjson', `${ndjson(1, { timestamp: '2024-01-15T10:00:00Z', heart_rate: 72, other: [1] })}`],
    [
      'NDJSON with CRLF, blanks and a byte order mark',
      'a.jsonl',
      `\ufeff \r\n${ndjson(1, { timestamp: '2024-01-15T10:00:00Z', heart_rate: 72 }).trim()}\r\n\r\n`,
    ],
    [
      'NDJSON by its first character',
      'readings',
      `\n  ${ndjson(1, { timestamp: '2024-01-15T10:00:00Z', heart_rate: 72 })}`,
    ],
  ])('%s, plain and gzipped', async (_, name, content) => {
    expect(await summary(await file(name, content))).toEqual({ files: 1, enqueued: 1, rejected: 0 });
    const [plain] = await stored();
    expect(plain).toMatchObject({ heart_rate: 72, count: 1, device_ids: ['watch'] });
    expect(await summary(await file(`${name}.gz`, gzipSync(content)))).toEqual({ files: 1, enqueued: 1, rejected: 0 });
    // The magic bytes tell, not the name.
    await file('plain-name', gzipSync(content));
    expect(await summary('plain-name')).toEqual({ files: 1, enqueued: 1, rejected: 0 });
    expect(await stored()).toEqual([plain]);
  });

  it('standard input, and a format against the extension', async () => {
    const { code, stdout } = await sandbox.run(['import', '-', '--json'], { input: gzipSync(ndjson(25_000)) });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{"files":1,"enqueued":25000,"rejected":0}\n' });
    await file('wrong.csv', ndjson(2));
    expect(await summary('wrong.csv', '--format', 'ndjson')).toMatchObject({ enqueued: 2 });
    expect((await sandbox.run(['import', 'wrong.csv'])).code).toBe(2);
  });

  it('ids exactly as they are: quotes, commas, blanks, emoji, other scripts', async () => {
    const user = ' "Ана", 😀 ';
    await file('a.csv', `${HEADER}\n"${user.replaceAll('"', '""')}","a,b",2024-01-15T10:00:00Z,72\n`);
    expect(await summary('a.csv')).toMatchObject({ enqueued: 1 });
    expect(await stored(user)).toMatchObject([{ device_ids: ['a,b'] }]);
  });

  it('several files, an empty one among them', async () => {
    const names = [await file('1.ndjson', ndjson(3)), await file('2', ''), await file('3.csv', `${HEADER}\n${ROW}\n`)];
    expect(await summary(...names)).toEqual({ files: 3, enqueued: 4, rejected: 0 });
    const again = await sandbox.run(['import', ...names]);
    expect(again.stdout).toMatch(/^files +3\nreadings enqueued +4\nrows rejected +0\n.*hrm serve.*hrm drain --all\n$/);
    expect((await stored()).reduce((sum, { count }) => sum + count, 0)).toBe(4);
  });

  it('naive timestamps and future ones as the settings say', async () => {
    const ahead = new Date(Date.now() + 48 * 3_600_000).toISOString();
    await file('a.csv', `${HEADER}\nana,watch,2024-01-15T10:00:00,72\nana,watch,${ahead},72\n`);
    expect((await sandbox.run(['import', 'a.csv'])).code).toBe(2);
    expect(await summary('a.csv', '--naive-timestamps', 'utc', '--max-future-ms', '200000000')).toMatchObject({
      enqueued: 2,
    });
  });

  it('real pipes, whose first piece may be a single byte', async () => {
    const { child, finished } = sandbox.start(['import', '-', '--json']);
    const bytes = gzipSync(ndjson(10));
    for (const [from, to] of [
      [0, 1],
      [1, 5],
      [5, bytes.length],
    ]) {
      child.stdin?.write(bytes.subarray(from, to));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    child.stdin?.end();
    expect(await finished).toMatchObject({ code: 0, stdout: '{"files":1,"enqueued":10,"rejected":0}\n' });
  });
});

describe('hrm import refuses', () => {
  const BAD_ROWS: readonly (readonly [row: string, message: string])[] = [
    ['ana,watch,2024-01-15T10:00:00Z,72abc', 'heart_rate must be an integer from 30 to 220'],
    ['ana,watch,2024-01-15T10:00:00Z,', 'heart_rate must be an integer'],
    ['ana,watch,2024-01-15T10:00:00Z,0x48', 'heart_rate must be an integer'],
    ['ana,watch,2024-01-15T10:00:00Z, 72', 'heart_rate must be an integer'],
    ['ana,watch,2024-01-15T10:00:00Z,+72', 'heart_rate must be an integer'],
    ['ana,watch,2024-01-15T10:00:00Z,072', 'heart_rate must be an integer'],
    ['ana,watch,2024-01-15T10:00:00Z,NaN', 'heart_rate must be an integer'],
    ['ana,watch,2024-01-15T10:00:00Z,72.5', 'heart_rate must be an integer'],
    ['ana,watch,2024-01-15T10:00:00Z,29', 'heart_rate must be an integer from 30'],
    ['ana,watch,2024-01-15 10:00:00Z,72', 'timestamp has a space where a T belongs'],
    [',watch,2024-01-15T10:00:00Z,72', 'user_id must be a string of 1 to 128'],
    ['ana,watch,2024-01-15T10:00:00Z', 'the row has 3 fields, the header 4'],
    ['ana,watch,2024-01-15T10:00:00Z,72,', 'the row has 5 fields, the header 4'],
    ['ana,wa"tch,2024-01-15T10:00:00Z,72', 'a quote is not closed'],
    ['"ana"x,watch,2024-01-15T10:00:00Z,72', 'a quote is not closed'],
    ['"ana,watch,2024-01-15T10:00:00Z,72', 'a quote is not closed'],
  ];

  it.each(BAD_ROWS)('the CSV row %j', async (row, message) => {
    await file('a.csv', `${HEADER}\n${ROW}\n${row}\n${ROW.replace('10:00', '10:01')}\n`);
    const { code, stdout, stderr } = await sandbox.run(['import', 'a.csv']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`a.csv:3: ${message}`);
    expect(stderr).toContain('No reading was enqueued. Importing again is harmless.');
    // One bad row costs one row, whatever is wrong with it.
    expect(await summary('a.csv', '--skip-invalid')).toMatchObject({ enqueued: 2, rejected: 1 });
  });

  it('never shows the value of a reading', async () => {
    const rows = ['secret-user,secret-dev\u0007,2024-01-15T10:00:00,4711', '"secret', '{"secret":1}'];
    await file('a.csv', `${HEADER}\n${rows.join('\n')}\n`);
    await file('a.ndjson', `{"user_id":"secret","heart_rate":4711}\n{secret\n"secret"\n[]\n`);
    for (const name of ['a.csv', 'a.ndjson']) {
      for (const flags of [[], ['--json'], ['--skip-invalid', '--json'], ['--skip-invalid']]) {
        const { stdout, stderr } = await sandbox.run(['import', name, ...flags]);
        expect(stdout + stderr).toContain(`${name}:`);
        expect(stdout + stderr).not.toMatch(/secret|4711/);
      }
    }
  });

  it.each([
    ['{"user_id":"ana"', 'the line is not JSON'],
    ['[{"user_id":"ana"}]', 'must be an object with user_id'],
    ['null', 'must be an object with user_id'],
    ['{"userId":"ana","deviceId":"w","timestamp":"2024-01-15T10:00:00Z","heartRate":72}', 'user_id must be a string'],
    ['{"user_id":"ana","device_id":"w","timestamp":"2024-01-15T10:00:00Z","heart_rate":"72"}', 'heart_rate must be an'],
  ])('the NDJSON line %s', async (line, message) => {
    await file('a.ndjson', ndjson(1) + line);
    const { code, stderr } = await sandbox.run(['import', 'a.ndjson']);
    expect(code).toBe(2);
    expect(stderr).toContain(`a.ndjson:2: ${message}`);
  });

  it('bytes that are not UTF-8, instead of changing an id', async () => {
    await file(
      'a.csv',
      Buffer.concat([
        Buffer.from(`${HEADER}\n${ROW}\nan`),
        Buffer.of(0xe9),
        Buffer.from(`,w,2024-01-15T10:00:00Z,72\n${ROW}\n`),
      ]),
    );
    const { code, stderr } = await sandbox.run(['import', 'a.csv']);
    expect(code).toBe(2);
    expect(stderr).toContain('a.csv:3: the line is not UTF-8');
    await file('utf16.csv', Buffer.from(`\ufeff${HEADER}\n${ROW}\n`, 'utf16le'));
    const utf16 = await sandbox.run(['import', 'utf16.csv', '--skip-invalid']);
    expect(utf16.code).toBe(2);
    expect(utf16.stderr).toContain('utf16.csv:1: the first row must name the columns');
  });

  it.each([
    ['user_id,heart_rate\n', 'it lacks device_id, timestamp'],
    [`${HEADER},user_id\n`, 'it has user_id more than once'],
    [`${ROW}\n`, 'it lacks user_id, device_id, timestamp, heart_rate'],
    [`"user_id,${HEADER}\n`, 'a quote is not closed'],
    ['', 'the file is empty'],
  ])('the CSV header %j, --skip-invalid or not', async (content, message) => {
    await file('a.csv', content);
    for (const flags of [[], ['--skip-invalid']]) {
      const { code, stderr } = await sandbox.run(['import', 'a.csv', ...flags, '--json']);
      expect(code).toBe(2);
      const { error } = JSON.parse(stderr);
      expect(error.code).toBe('invalid_header');
      expect(error.errors).toEqual([{ path: 'a.csv:1', message: expect.stringContaining(message) }]);
    }
  });

  it('files that are not there, or no files, before anything is enqueued', async () => {
    await file('good.ndjson', ndjson(1));
    const { code, stderr } = await sandbox.run(['import', 'good.ndjson', 'absent.csv']);
    expect(code).toBe(2);
    expect(stderr).toContain('absent.csv: there is no such file');
    expect((await sandbox.run(['import', '-', '-'])).code).toBe(2);
    expect(await stored()).toEqual([]);
  });

  it('gzip data that is damaged or cut off, saying how far it came', async () => {
    const bytes = gzipSync(ndjson(100_000));
    await file('cut.ndjson.gz', bytes.subarray(0, bytes.length - 100));
    const { code, stderr } = await sandbox.run(['import', 'cut.ndjson.gz', '--json']);
    expect(code).toBe(2);
    const { error } = JSON.parse(stderr);
    expect(error.message).toMatch(/gzip data is damaged or incomplete(.|\n)*0,000 readings enqueued before that/);
  });
});

describe('a faulty row', () => {
  const BAD = '{"user_id":"ana"}\n';

  it('stops the import at its chunk: what came before is stored, what comes after is not', async () => {
    await file('a.ndjson', ndjson(25_000) + BAD + ndjson(60_000, { user_id: 'after' }));
    const { code, stderr } = await sandbox.run(['import', 'a.ndjson']);
    expect(code).toBe(2);
    expect(stderr).toContain('a.ndjson has 3 faults; nothing from its line 20001 on was enqueued');
    expect(stderr).toContain('a.ndjson:25001: device_id must be');
    expect(stderr).toContain('20,000 readings enqueued before that. Importing again is harmless.');
    expect(await stored('after')).toEqual([]);
    expect((await stored()).reduce((sum, { count }) => sum + count, 0)).toBe(20_000);
  });

  it.each([
    ['in the midst of the first chunk', 5_000],
    ['at the end of a chunk', 9_999],
    ['at the beginning of the second', 10_000],
  ])('%s keeps whatever is behind its chunk out of the queue, and is the one that is told', async (_, at) => {
    const lines = ndjson(60_000).trimEnd().split('\n');
    const chunk = Math.floor(at / 10_000) * 10_000;
    // Another fault, which is found sooner: at the beginning of each later chunk.
    for (let later = chunk + 10_000; later < lines.length; later += 10_000) lines[later] = 'no JSON';
    lines[at] = BAD.trim();
    await file('a.ndjson', lines.join('\n'));
    const { code, stderr } = await sandbox.run(['import', 'a.ndjson']);
    expect(code).toBe(2);
    expect(stderr).toContain(`nothing from its line ${chunk + 1} on was enqueued`);
    expect(stderr).toContain(`a.ndjson:${at + 1}: device_id must be`);
    expect(await queuedReadings()).toBe(chunk);
  });

  it('is skipped and counted with --skip-invalid, each of thousands', async () => {
    const good = ndjson(30_000).split('\n').slice(0, -1);
    const lines = good.map((line, i) => (i % 3 === 0 ? 'no JSON' : i % 3 === 1 ? BAD.trim() : line));
    await file('a.ndjson', lines.join('\n'));
    const result = await sandbox.run(['import', 'a.ndjson', '--skip-invalid', '--json']);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    const { errors, ...counts } = JSON.parse(result.stdout);
    expect(counts).toEqual({
      files: 1,
      enqueued: 10_000,
      rejected: 20_000,
      error_count: 40_000,
      reasons: expect.any(Array),
    });
    const [most] = counts.reasons;
    expect(most.count).toBe(10_000);
    expect(most.examples).toHaveLength(3);
    expect(counts.reasons).toContainEqual({
      message: 'the line is not JSON',
      count: 10_000,
      examples: ['a.ndjson:1', 'a.ndjson:4', 'a.ndjson:7'],
    });
    expect(counts.reasons.reduce((sum: number, { count }: { count: number }) => sum + count, 0)).toBe(40_000);
    expect(errors).toHaveLength(100);
    expect(errors[1]).toEqual({ path: 'a.ndjson:2/device_id', message: expect.any(String) });
    const people: Finished = await sandbox.run(['import', 'a.ndjson', '--skip-invalid']);
    expect(people.stdout).toMatch(/rows rejected +20000\n/);
    expect(people.stdout).toMatch(
      /\nrefused, by reason:\n[\s\S]* 10000 {2}the line is not JSON, first at a\.ndjson:1, /,
    );
    expect(people.stderr).toMatch(/^a\.ndjson:1: the line is not JSON\na\.ndjson:2: device_id /);
    expect(people.stderr).toMatch(/\n… and 39900 more\n$/);
  });

  it('may be a line without an end: bounded in memory, one fault, and the next line is read', async () => {
    for (const [name, start] of [
      ['a.csv', `${HEADER}\n${ROW}\n`],
      ['a.ndjson', ndjson(1)],
    ] as const) {
      await file(name, start);
      await appendFile(join(sandbox.directory, name), Buffer.alloc(ENDLESS_BYTES, 'x'));
      await appendFile(join(sandbox.directory, name), `\n${name === 'a.csv' ? ROW : ndjson(1)}`);
      const { code, stdout, maxBytes } = await importMeasured(name, '--skip-invalid', '--json');
      expect(code).toBe(0);
      // Node itself takes some 100 MB; the line would add its length.
      expect(maxBytes).toBeGreaterThan(0);
      expect(maxBytes).toBeLessThan(ENDLESS_BYTES);
      expect(JSON.parse(stdout)).toEqual({
        files: 1,
        enqueued: 2,
        rejected: 1,
        error_count: 1,
        reasons: [expect.objectContaining({ count: 1 })],
        errors: [{ path: expect.stringMatching(/:[23]$/), message: 'the line is longer than 1048576 bytes' }],
      });
    }
  });

  it('may be a quote that never closes: one line is lost, not the file', async () => {
    const rows = Array.from(
      { length: 40_000 },
      (_, i) => `ana,watch,${new Date(Date.UTC(2024, 0, 15) + i * 1000).toISOString()},72`,
    );
    await file('a.csv', `${HEADER}\n"${rows.join('\n')}\n`);
    expect(await summary('a.csv', '--skip-invalid')).toMatchObject({ enqueued: 39_999, rejected: 1 });
  });
});

describe('a file of any size', () => {
  it('needs bounded memory, with long extra columns too', async () => {
    // Packed some thirty times smaller: what comes to very much more is taken for a bomb.
    const notes = Array.from({ length: 16 }, () =>
      Array.from({ length: 20 }, () => randomBytes(20).toString('hex').padEnd(1_000, 'n')).join(''),
    );
    const rows = Array.from(
      { length: 15_000 },
      (_, i) => `ana,watch,${new Date(Date.UTC(2024, 0, 15) + i * 1000).toISOString()},72,${notes[i % notes.length]}\n`,
    );
    await file('a.csv', gzipSync(`${HEADER},note\n${rows.join('')}`));
    const { code, stdout, maxBytes } = await importMeasured('a.csv', '--json');
    expect(maxBytes).toBeGreaterThan(0);
    expect(maxBytes).toBeLessThan(rows.length * 20_000);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{"files":1,"enqueued":15000,"rejected":0}\n' });
  });
});

/** How many readings wait in the queue of the sandbox; none where there is no queue yet. */
async function queuedReadings(): Promise<number> {
  const { stdout } = await sandbox.run(['stats', '--json']);
  return JSON.parse(stdout).queue?.readings ?? 0;
}

/** Waits until a thread of a process stands in the opening of a named pipe, as the kernel of Linux calls it. */
async function untilOpening(pid: number | undefined): Promise<void> {
  const threads = `/proc/${pid}/task`;
  const places = async () => {
    const names = await readdir(threads);
    return Promise.all(names.map((name) => readFile(`${threads}/${name}/wchan`, 'utf8').catch(() => '')));
  };
  await expect.poll(places, { timeout: 60_000 }).toContain('wait_for_partner');
}

describe('an import that is interrupted', () => {
  // Nothing but /proc tells that the process has come to the pipe.
  const readers = process.platform === 'linux' ? ['nobody opens'] : [];
  it.each([...readers, 'somebody opens and writes nothing to', 'somebody stopped writing to'])(
    'while it reads a named pipe that %s ends at once',
    async (what) => {
      const path = join(sandbox.directory, 'pipe.ndjson');
      execFileSync('mkfifo', [path]);
      const { child, finished } = sandbox.start(['import', path]);
      if (what === 'nobody opens') await untilOpening(child.pid);
      const writer = what === 'nobody opens' ? null : await open(path, 'w');
      if (what === 'somebody stopped writing to') {
        await writer?.write(ndjson(10_000));
        await expect.poll(queuedReadings, { timeout: 60_000 }).toBe(10_000);
      }
      child.kill('SIGTERM');
      expect(await finished).toMatchObject({ code: 6, stderr: expect.stringMatching(/interrupted/) });
      await writer?.close();
    },
  );

  it('while it waits for room says so in its own words, and how to go on', async () => {
    await file('a.ndjson', ndjson(60_000));
    const args = ['import', 'a.ndjson', '--resume', '--queue-high-water', '15000'];
    const { child, finished } = sandbox.start(args);
    child.stderr?.on('data', (text: string) => {
      if (text.includes('waiting for a consumer')) child.kill('SIGINT');
    });
    const { code, stderr } = await finished;
    expect(code).toBe(6);
    expect(stderr).toMatch(/\nhrm import: interrupted\n\d+,000 readings .* The same command goes on from there\.\n$/);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('by %s ends with 6 and says how far it came', async (name) => {
    const { child, finished } = sandbox.start(['import', '-', '--json']);
    child.stdin?.write(ndjson(10_000));
    await expect.poll(queuedReadings).toBe(10_000);
    child.kill(name);
    const { code, stdout, stderr } = await finished;
    expect({ code, stdout }).toEqual({ code: 6, stdout: '' });
    expect(JSON.parse(stderr).error).toMatchObject({
      kind: 'closed',
      code: 'aborted',
      message: expect.stringMatching(
        /^interrupted\n10,000 readings enqueued before that\. Importing again .* --resume/,
      ),
    });
  });
});
