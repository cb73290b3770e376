/** Alerts by real processes: one that is killed between judging and telling, two that judge at once, and what a person does with them. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Receiver, startReceiver } from '../../hrm-core/test/support/webhook-receiver.js';
import { makeSandbox, type Sandbox } from './hrm.js';

const MINUTE_MS = 60_000;

let sandbox: Sandbox;
let receiver: Receiver;
let env: Record<string, string>;
beforeEach(async () => {
  sandbox = await makeSandbox();
  receiver = await startReceiver();
  const rules = { version: 1, rules: [{ name: 'fast', kind: 'above', bpm: 100, minutes: 3, gap_minutes: 60 }] };
  await writeFile(join(sandbox.directory, 'alerts.json'), JSON.stringify(rules));
  env = {
    HRM_ALERTS_FILE: 'alerts.json',
    HRM_ALERTS_WEBHOOK_URL: receiver.url,
    HRM_ALERTS_WEBHOOK_SECRET: receiver.secret,
    HRM_BATCH_MAX_AGE_MS: '50',
    HRM_LOG_LEVEL: 'info',
  };
});
afterEach(async () => {
  await sandbox.remove();
  await receiver.close();
});

/** Readings of the last minutes, the newest some minutes old. */
function readingsOf(user: string, rates: readonly number[]): string {
  const startMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - (rates.length + 2) * MINUTE_MS;
  const readings = rates.map((rate, i) => {
    const timestamp = new Date(startMs + i * MINUTE_MS).toISOString();
    return { user_id: user, device_id: 'watch', timestamp, heart_rate: rate };
  });
  return JSON.stringify(readings);
}

async function post(url: string, body: string): Promise<void> {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(`${url}/metrics/heart-rate/batch`, { method: 'POST', headers, body });
  expect(answer.status).toBe(202);
}

const typesOf = (user: string) =>
  receiver.received.filter(({ body }) => body.data.user_id === user).map(({ body }) => body.type);

it('an alert whose consumer is killed before it is told is told by the next one, under the same id', async () => {
  receiver.behave('hang');
  const first = sandbox.start(['serve', '--port', '0'], env);
  await post(await first.firstLine(), readingsOf('ana', [70, 120, 121, 122]));
  await expect.poll(() => receiver.received.length).toBeGreaterThan(0);
  first.child.kill('SIGKILL');
  await first.finished;
  receiver.behave(204);
  const second = sandbox.start(['serve', '--port', '0'], env);
  await expect.poll(() => receiver.received.filter(({ answered }) => answered === 204).length).toBeGreaterThan(0);
  await expect
    .poll(async () => JSON.parse((await sandbox.run(['alerts', 'list', '--json'])).stdout))
    .toMatchObject({
      items: [{ rule: 'fast', user_id: 'ana', end: null, bpm: 122, telling: 'done' }],
      count: 1,
    });
  expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
  expect(receiver.refused).toEqual([]);
  second.child.kill('SIGTERM');
  const { stderr } = await second.finished;
  expect(stderr).toContain('an alert was told');
  expect(stderr).not.toMatch(/\bana\b|hooks|whsec/);
});

it('two consumers open each alert once, and tell each', async () => {
  const api = sandbox.start(['serve', '--only', 'api', '--port', '0'], env);
  const consumers = [0, 1].map(() =>
    sandbox.start(['serve', '--only', 'consumer'], { ...env, HRM_BATCH_MAX_READINGS: '2' }),
  );
  const url = await api.firstLine();
  const users = Array.from({ length: 12 }, (_, i) => `user-${i}`);
  await Promise.all(users.map((user) => post(url, readingsOf(user, [70, 120, 121, 122, 123, 90]))));
  for (const user of users)
    await expect.poll(() => [...new Set(typesOf(user))].sort()).toEqual(['alert.ended', 'alert.opened']);
  const { items } = JSON.parse((await sandbox.run(['alerts', 'list', '--json'])).stdout);
  expect(items.map(({ user_id }: { user_id: string }) => user_id).sort()).toEqual([...users].sort());
  const ids = new Set(receiver.received.map(({ id }) => id));
  expect(ids.size).toBe(2 * users.length);
  for (const { child } of [api, ...consumers]) child.kill('SIGTERM');
  const logs = await Promise.all(consumers.map(async ({ finished }) => (await finished).stderr));
  const opened = logs.join('').match(/an alert opened/g) ?? [];
  expect(opened).toHaveLength(users.length);
});

describe('hrm alerts', () => {
  it('test judges the rules and tries the webhook', async () => {
    expect(await sandbox.run(['alerts', 'test'], { env })).toMatchObject({
      code: 0,
      stdout: '1 rule; the webhook took the message\n',
    });
    expect(receiver.received).toMatchObject([{ body: { type: 'alert.test' } }]);
    receiver.behave(500);
    const failed = await sandbox.run(['alerts', 'test'], { env });
    expect(failed).toMatchObject({ code: 3, stderr: expect.stringContaining('it answered 500') });
    expect(failed.stderr).not.toContain(receiver.url);
    await writeFile(
      join(sandbox.directory, 'alerts.json'),
      '{"version":1,"rules":[{"name":"a","kind":"above","bpm":999,"minutes":3}]}',
    );
    expect(await sandbox.run(['alerts', 'test'], { env })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('rules/0/bpm must be a whole number from 30 to 220'),
    });
    expect(await sandbox.run(['alerts', 'test'])).toMatchObject({ code: 2 });
  });

  it('list and retry say that there is nothing', async () => {
    await sandbox.run(['drain']);
    expect((await sandbox.run(['alerts', 'list'])).stdout).toBe('0 alerts\n');
    expect((await sandbox.run(['alerts', 'retry', '--json'])).stdout).toBe('{"retried":0}\n');
  });

  it('serve does not start with rules that are wrong, nor with a webhook that is not signed', async () => {
    await writeFile(join(sandbox.directory, 'alerts.json'), '{}');
    const wrong = sandbox.start(['serve', '--port', '0'], env);
    await once(wrong.child, 'close');
    expect(await wrong.finished).toMatchObject({ code: 2, stderr: expect.stringContaining('rules is missing') });
    const unsigned = await sandbox.run(['alerts', 'test'], { env: { ...env, HRM_ALERTS_WEBHOOK_SECRET: '' } });
    expect(unsigned).toMatchObject({ code: 2, stderr: expect.stringContaining('HRM_ALERTS_WEBHOOK_SECRET') });
  });
});
