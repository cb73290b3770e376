import { openEmbeddedQueue } from 'hrm-core/embedded';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, type Sandbox } from './hrm.js';

const FUTURE = '{"device_id":"d","user_id":"u","timestamp_ms":1705312800000,"heart_rate":300}';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

/** Puts elements into the queue as a stranger would, and lets a drain refuse them. */
async function refuse(elements: readonly (string | Uint8Array)[]): Promise<void> {
  const queue = await openEmbeddedQueue({ directory: sandbox.queueDir });
  await queue.push(elements.map((element) => ({ bytes: Buffer.from(element), readings: 1 })));
  await queue.close();
  const { stdout } = await sandbox.run(['drain', '--all', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ dead_lettered: elements.length, left: 0 });
}

async function listed(): Promise<{ id: string; reason: string }[]> {
  const { items, count } = JSON.parse((await sandbox.run(['dlq', 'list', '--json'])).stdout);
  expect(items).toHaveLength(count);
  return items;
}

describe('hrm dlq', () => {
  it('lists ids, reasons, ages and attempts, and no values', async () => {
    expect((await sandbox.run(['dlq', 'list', '--json'])).stdout).toBe('{"items":[],"count":0}\n');
    await refuse(['junk-4711', FUTURE]);
    const { code, stdout, stderr } = await sandbox.run(['dlq', 'list', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { items, count } = JSON.parse(stdout);
    expect(count).toBe(2);
    expect(items[0]).toEqual({
      id: expect.any(String),
      reason: expect.stringMatching(/^not_json/),
      received_at: expect.stringMatching(/^20\d\d-.*Z$/),
      dead_at: expect.stringMatching(/^20\d\d-.*Z$/),
      age_ms: expect.any(Number),
      attempts: 1,
      byte_length: 9,
    });
    expect(items[1].reason).toMatch(/^invalid_reading: heart_rate /);
    const table = (await sandbox.run(['dlq', 'list'])).stdout;
    for (const text of [stdout, table]) expect(text).not.toMatch(/4711|:300|1705312800000/);
    expect(table.split('\n')).toHaveLength(5);
    expect(table).toContain(items[0].id);
    expect(table).toMatch(/2 dead letters\n$/);
  });

  it('shows one, as text or in base64, and says that it is health data', async () => {
    await refuse([`{"x":"\u001b[31m\u202e"`, Uint8Array.of(0xff, 0xfe, 0x00)]);
    const [text, binary] = await listed();
    const shown = await sandbox.run(['dlq', 'show', text?.id ?? '']);
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toContain('health data');
    expect(shown.stdout).toContain('{"x":"\\u{1b}[31m\\u{202e}"\n');
    expect(JSON.parse((await sandbox.run(['dlq', 'show', text?.id ?? '', '--json'])).stdout)).toMatchObject({
      id: text?.id,
      text: '{"x":"\u001b[31m\u202e"',
    });
    expect(JSON.parse((await sandbox.run(['dlq', 'show', binary?.id ?? '', '--json'])).stdout)).toMatchObject({
      base64: '//4A',
    });
    expect((await sandbox.run(['dlq', 'show', binary?.id ?? ''])).stdout).toMatch(/base64.*\n\/\/4A\n$/);
  });

  it('does not show what is not there', async () => {
    const { code, stderr } = await sandbox.run(['dlq', 'show', 'nothing', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(stderr).error.code).toBe('unknown_dead_letter');
  });

  it('redrives by id and all; what is still bad comes back', async () => {
    await refuse(['junk-1', 'junk-2', 'junk-3']);
    const ids = (await listed()).map(({ id }) => id);
    const one = await sandbox.run(['dlq', 'redrive', ids[1] ?? '', 'unknown', '--json']);
    expect(one).toMatchObject({ code: 0, stdout: '{"redriven":1,"missing":1}\n' });
    expect((await listed()).map(({ id }) => id)).toEqual([ids[0], ids[2]]);
    expect((await sandbox.run(['dlq', 'redrive', '--all'])).stdout).toBe('2 dead letters redriven\n');
    expect(await listed()).toEqual([]);
    expect(JSON.parse((await sandbox.run(['drain', '--all', '--json'])).stdout).dead_lettered).toBe(3);
    expect(await listed()).toHaveLength(3);
  });

  it('purges by id and all, across pages', async () => {
    await refuse(Array.from({ length: 450 }, (_, i) => `junk-${i}`));
    const ids = (await listed()).map(({ id }) => id);
    expect(new Set(ids).size).toBe(450);
    expect((await sandbox.run(['dlq', 'purge', ids[0] ?? '', ids[1] ?? ''])).stdout).toBe('2 dead letters purged\n');
    expect((await sandbox.run(['dlq', 'purge', '--all', '--json'])).stdout).toBe('{"purged":448,"missing":0}\n');
    expect(await listed()).toEqual([]);
  });

  it.each(['redrive', 'purge'])('%s does nothing without being told to what', async (verb) => {
    await refuse(['junk']);
    const [deadLetter] = await listed();
    for (const args of [[], [deadLetter?.id ?? '', '--all']]) {
      const { code, stdout, stderr } = await sandbox.run(['dlq', verb, ...args]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain('--all');
    }
    expect(await listed()).toHaveLength(1);
  });
});
