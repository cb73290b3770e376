import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeSandbox, type Sandbox } from './hrm.js';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox.remove());

const DAY_MS = 86_400_000;

/** A reading of each of some days ago. */
function linesOf(daysAgo: readonly number[], user = 'ana'): string {
  return daysAgo
    .map((days) =>
      JSON.stringify({
        user_id: user,
        device_id: 'watch',
        timestamp: new Date(Date.now() - days * DAY_MS).toISOString(),
        heart_rate: 70,
      }),
    )
    .join('\n');
}

async function daysStored(): Promise<number> {
  return JSON.parse((await sandbox.run(['stats', '--json'])).stdout).storage.days;
}

it('hrm stats says what would go, hrm compact deletes it, and a run without the setting goes by what was said', async () => {
  await sandbox.run(['import', '-'], { input: linesOf([0, 1, 2, 40, 50]) });
  await sandbox.run(['drain', '--all']);
  const env = { HRM_RETENTION_DAYS: '30' };
  const would = await sandbox.run(['stats', '--json'], { env });
  expect(JSON.parse(would.stdout).storage.expired).toMatchObject({ days: 30, dates: 2, files: 2 });
  expect((await sandbox.run(['stats'], { env })).stdout).toMatch(/kept +30 days; 2 files of 2 days go/);
  // To look changes nothing.
  expect(JSON.parse((await sandbox.run(['stats', '--json'])).stdout).storage.expired).toBeUndefined();
  expect(await daysStored()).toBe(5);
  const compacted = await sandbox.run(['compact', '--json', '--retention-days', '30']);
  expect(JSON.parse(compacted.stdout)).toMatchObject({ expired: { dates: 2, files: 2, held: 0 } });
  expect(await daysStored()).toBe(3);
  const doctor = JSON.parse((await sandbox.run(['doctor', '--json'], { env: { HRM_RETENTION_DAYS: '60' } })).stdout);
  expect(JSON.stringify(doctor)).toContain('retention_differs');
  expect(JSON.stringify(doctor)).toContain('for 30 days');
  const again = await sandbox.run(['compact']);
  expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/files expired +0/) });
});

it('imports count what is kept no longer, and consumers drop it', async () => {
  await sandbox.run(['import', '-'], { input: linesOf([0, 1]) });
  await sandbox.run(['drain', '--all']);
  const env = { HRM_RETENTION_DAYS: '30' };
  const imported = await sandbox.run(['import', '-', '--json'], { input: linesOf([0, 31, 32]), env });
  expect(JSON.parse(imported.stdout)).toMatchObject({ enqueued: 1, rejected: 0, expired: 2 });
  const file = join(sandbox.directory, 'export.csv');
  await writeFile(
    file,
    `timestamp,heart_rate\n${[0, 31].map((days) => `${new Date(Date.now() - days * DAY_MS).toISOString()},70`).join('\n')}\n`,
  );
  const paths = await sandbox.run(['import', file, '--user', 'ana', '--json'], { env });
  expect(JSON.parse(paths.stdout).files[0]).toMatchObject({ enqueued: 1 });
  expect(paths.stdout).toContain('"expired":1');
  // Without the setting an import does not know; a consumer that is told drops it.
  await sandbox.run(['import', '-'], { input: linesOf([0, 31]) });
  const drained = await sandbox.run(['drain', '--all', '--json'], { env });
  expect(JSON.parse(drained.stdout)).toMatchObject({ expired: 1, dead_lettered: 0, left: 0 });
});

it('days that only the clock here calls over stay, until a person says that it is right', async () => {
  await sandbox.run(['import', '-'], { input: linesOf([300, 400]) });
  await sandbox.run(['drain', '--all']);
  const env = { HRM_RETENTION_DAYS: '30' };
  const held = await sandbox.run(['compact'], { env });
  expect(held.stdout).toMatch(/dates expired by the clock here alone: see --trust-clock +2/);
  expect(await sandbox.run(['query', '--user', 'ana', '--last', '500d'])).toMatchObject({ code: 0 });
  const doctor = await sandbox.run(['doctor', '--json'], { env });
  expect(doctor.stdout).toContain('retention_held');
  const done = await sandbox.run(['compact', '--trust-clock', '--json'], { env });
  expect(JSON.parse(done.stdout).expired).toMatchObject({ dates: 2, held: 0 });
  expect(await sandbox.run(['compact'], { env: { HRM_RETENTION_DAYS: 'soon' } })).toMatchObject({ code: 2 });
});
