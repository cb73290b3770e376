import { appendFile, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, ndjson, queryArgs, type Sandbox } from './hrm.js';

const HEADER = 'note,user_id,device_id,timestamp,heart_rate';
const COUNT = 30_000;
/** Rows of a chunk, and of what is read at once. */
const SLACK = 10_000 + 2_000;

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

/** Rows of CSV, of which many take two lines. */
function csvRows(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const timestamp = new Date(Date.UTC(2024, 0, 15) + i * 1_000).toISOString();
    return `${i % 3 === 0 ? '"two\nlines"' : 'one'},ana,watch,${timestamp},${60 + (i % 60)}`;
  });
}

/** The same readings in each form: whole, and with a row at 25,000 that is no reading. */
const FORMS = {
  ndjson: (bad: boolean) => {
    const lines = ndjson(COUNT).trimEnd().split('\n');
    return Buffer.from(`${(bad ? lines.with(25_000, '{"no":"reading"}') : lines).join('\n')}\n`);
  },
  csv: (bad: boolean) => {
    const rows = csvRows(COUNT);
    return Buffer.from(`${HEADER}\n${(bad ? rows.with(25_000, 'one,ana,watch,never,72') : rows).join('\n')}\n`);
  },
  'ndjson.gz': (bad: boolean): Buffer => gzipSync(FORMS.ndjson(bad), { level: 0 }),
} as const;

async function importFile(...args: string[]) {
  const { code, stdout, stderr } = await sandbox.run(['import', ...args, '--json']);
  return { code, stderr, result: stdout === '' ? null : JSON.parse(stdout) };
}

/** How many readings the user's answer counts, after a drain. */
async function stored(): Promise<number> {
  expect((await sandbox.run(['drain', '--all'])).code).toBe(0);
  const { data } = JSON.parse((await sandbox.run(queryArgs('ana', '--interval=1d', '--json'))).stdout);
  return (data as { count: number }[]).reduce((sum, { count }) => sum + count, 0);
}

const checkpoints = async () => {
  const names = await readdir(join(sandbox.directory, 'imports'));
  return names.map((name) => join(sandbox.directory, 'imports', name));
};

describe('hrm import --resume', () => {
  it.each(Object.entries(FORMS))('goes on where it stopped, of %s', async (extension, content) => {
    const path = join(sandbox.directory, `a.${extension}`);
    await writeFile(path, content(true));
    const stopped = await importFile(path, '--resume');
    expect(stopped.code).toBe(2);
    const [, text = ''] = /\\n([\d,]+) readings enqueued before that/.exec(stopped.stderr) ?? [];
    const before = Number(text.replaceAll(',', ''));
    expect(before).toBeGreaterThan(15_000);
    expect(stopped.stderr).toMatch(/"path":"[^"]*:\d+\//);
    // Mended, as a person would.
    await writeFile(path, content(false));
    const { code, stderr, result } = await importFile(path, '--resume');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(before + result.enqueued).toBeGreaterThanOrEqual(COUNT);
    expect(before + result.enqueued).toBeLessThan(COUNT + SLACK);
    expect(await stored()).toBe(COUNT);
  });

  it('names the lines of the file, also of what comes after it was resumed', async () => {
    const path = join(sandbox.directory, 'a.csv');
    await writeFile(path, FORMS.csv(true));
    const places = async () => {
      const { stderr } = await importFile(path, '--resume');
      return JSON.parse(stderr).error.errors.map((fault: { path: string }) => fault.path.split('/').at(-2));
    };
    const first = await places();
    expect(first).toHaveLength(1);
    expect(await places()).toEqual(first);
    const line = Number(first[0].split(':')[1]);
    expect((await readFile(path, 'utf8')).split('\n')[line - 1]).toBe('one,ana,watch,never,72');
  });

  it('loses nothing when it is killed', async () => {
    const path = join(sandbox.directory, 'a.ndjson');
    await writeFile(path, FORMS.ndjson(false));
    const { child, finished } = sandbox.start(['import', path, '--checkpoint', 'far.json']);
    for (let tries = 0; tries < 12_000; tries += 1) {
      const there = await stat(join(sandbox.directory, 'far.json')).catch(() => null);
      if (there !== null || child.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    child.kill('SIGKILL');
    await finished;
    const { code, result } = await importFile(path, '--checkpoint', 'far.json');
    expect(code).toBe(0);
    expect(result.enqueued).toBeLessThan(COUNT);
    expect(await stored()).toBe(COUNT);
  });

  it('of what is done already enqueues what was appended since, and little more', async () => {
    const path = join(sandbox.directory, 'a.ndjson');
    await writeFile(path, FORMS.ndjson(false));
    expect((await importFile(path, '--resume')).result.enqueued).toBe(COUNT);
    await appendFile(path, ndjson(5, { timestamp: '2024-01-16T23:00:00Z', user_id: 'bo' }));
    const { result } = await importFile(path, '--resume');
    expect(result.enqueued).toBeGreaterThanOrEqual(5);
    expect(result.enqueued).toBeLessThan(5 + SLACK);
    expect(await stored()).toBe(COUNT);
  });

  it.each([
    ['whose last line has no end', 12_345, ''],
    ['whose rows fill every chunk', 20_000, '\n'],
    ['of both kinds', 20_000, ''],
    ['of one chunk and a row', 10_001, ''],
  ])('of a file %s has nothing left to do, and goes on with what is appended', async (_, count, end) => {
    for (const [name, whole] of [
      ['a.ndjson', ndjson(count).trimEnd()],
      ['a.csv', [HEADER, ...csvRows(count)].join('\n')],
    ] as const) {
      const path = join(sandbox.directory, name);
      await writeFile(path, whole + end);
      expect((await importFile(path, '--resume')).result.enqueued).toBe(count);
      // The last line alone is read again, where more of it may have come since.
      const again = await importFile(path, '--resume');
      expect({ ...again.result, stderr: again.stderr }).toMatchObject({ enqueued: end === '' ? 1 : 0, stderr: '' });
      const more = name === 'a.csv' ? csvRows(3).join('\n') : ndjson(3).trimEnd();
      await appendFile(path, (end === '' ? '\n' : '') + more);
      expect(await importFile(path, '--resume')).toMatchObject({
        code: 0,
        stderr: '',
        result: { enqueued: end === '' ? 4 : 3 },
      });
    }
    expect(await stored()).toBe(count);
  });

  it('begins anew with other rules, by which other rows are readings', async () => {
    const path = join(sandbox.directory, 'a.csv');
    await writeFile(path, `user_id,device_id,timestamp,heart_rate\nana,w,2024-01-15T10:00:00,72\n`);
    const args = [path, '--resume', '--skip-invalid'];
    expect((await importFile(...args)).result).toMatchObject({ enqueued: 0, rejected: 1 });
    expect((await importFile(...args)).result).toMatchObject({ enqueued: 0, rejected: 0 });
    expect((await importFile(...args, '--naive-timestamps', 'utc')).result).toMatchObject({ enqueued: 1 });
    expect((await importFile(...args, '--naive-timestamps', 'utc')).result).toMatchObject({ enqueued: 0 });
    const elsewhere = ['--naive-timestamps', 'utc', '--queue-dir', join(sandbox.directory, 'other')];
    expect((await importFile(...args, ...elsewhere)).result).toMatchObject({ enqueued: 1 });
  });

  it('begins anew with a file that is another, or shorter, and says so', async () => {
    const path = join(sandbox.directory, 'a.ndjson');
    for (const [content, count] of [
      [ndjson(20_000, { device_id: 'other' }), 20_000],
      [ndjson(20_000, { device_id: 'other' }).slice(0, 70_000), 0],
    ] as const) {
      await writeFile(path, FORMS.ndjson(false));
      expect((await importFile(path, '--resume', '--skip-invalid')).code).toBe(0);
      await writeFile(path, content);
      const { code, stderr, result } = await importFile(path, '--resume', '--skip-invalid');
      expect(code).toBe(0);
      expect(stderr).toMatch(/^hrm import: .*a\.ndjson is not the file that it was/);
      if (count > 0) expect(result.enqueued).toBe(count);
      else expect(result.enqueued).toBeGreaterThan(100);
    }
  });

  it.each(Object.keys(FORMS) as (keyof typeof FORMS)[])(
    'begins anew with a file that differs only in the midst of what was imported, of %s',
    async (extension) => {
      const path = join(sandbox.directory, `a.${extension}`);
      await writeFile(path, FORMS[extension](false));
      expect((await importFile(path, '--resume')).code).toBe(0);
      const text = (extension === 'csv' ? FORMS.csv(false) : FORMS.ndjson(false)).toString();
      // As long as it was, and the same for far more than 64 KiB before and behind.
      const at = text.indexOf('watch', text.length / 2);
      const changed = `${text.slice(0, at)}other${text.slice(at + 5)}`;
      await writeFile(path, extension === 'ndjson.gz' ? gzipSync(changed, { level: 0 }) : changed);
      const { code, stderr, result } = await importFile(path, '--resume');
      expect({ code, enqueued: result.enqueued }).toEqual({ code: 0, enqueued: COUNT });
      expect(stderr).toContain('is not the file that it was');
    },
  );

  it('keeps a checkpoint for its owner alone, without an id or a reading, and only when asked to', async () => {
    const path = join(sandbox.directory, 'a.csv');
    await writeFile(path, FORMS.csv(false));
    await importFile(path);
    await expect(checkpoints()).rejects.toThrow(/ENOENT/);
    await importFile(path, '--resume');
    const [file = '', ...others] = await checkpoints();
    expect(others).toEqual([]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const text = await readFile(file, 'utf8');
    expect(text).toContain(HEADER);
    expect(text).not.toMatch(/ana[",]|2024-01/);
  });

  it('is refused for standard input, and with a file that is no checkpoint', async () => {
    const piped = await sandbox.run(['import', '-', '--resume'], { input: ndjson(1) });
    expect(piped.code).toBe(2);
    expect(piped.stderr).toContain('standard input cannot be resumed');
    const path = join(sandbox.directory, 'a.ndjson');
    await writeFile(path, ndjson(1));
    for (const text of ['', '{}', '{"version":2,"files":{"x":{}}}', '{"version":1,"files":{}}']) {
      await writeFile(join(sandbox.directory, 'far.json'), text);
      const { code, stderr } = await importFile(path, '--checkpoint', 'far.json');
      expect(code).toBe(2);
      expect(stderr).toContain('is no checkpoint of an import');
    }
  });
});
