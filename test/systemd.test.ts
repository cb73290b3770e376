/** The example units are read by systemd itself, and say what they should. */
import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSettings, unknownVariables } from 'hrm-core/settings';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from './support/hrm.js';

const UNITS = fileURLToPath(new URL('../deploy/systemd/', import.meta.url));
const SERVICES = ['hrm-api.service', 'hrm-compacter.service', 'hrm-consumer@.service'];

/** Runs `systemd-analyze verify` over the units, changed first by `change`, as if they were installed. */
async function verify(change = (text: string) => text): Promise<string> {
  const root = await temporaryDirectory();
  const directory = join(root, 'etc/systemd/system');
  await mkdir(directory, { recursive: true });
  for (const file of await readdir(UNITS)) {
    if (file.endsWith('.env')) continue;
    await writeFile(join(directory, file), change(await readFile(join(UNITS, file), 'utf8')));
  }
  const names = SERVICES.map((name) => join(directory, name.replace('@.', '@1.')));
  names.push(join(directory, 'hrm.target'));
  await copyFile(join(directory, 'hrm-consumer@.service'), join(directory, 'hrm-consumer@1.service'));
  const { status, stderr, error } = spawnSync('systemd-analyze', ['verify', '--man=no', ...names], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, SYSTEMD_UNIT_PATH: `${directory}:` },
  });
  if (error) throw error;
  // Of units that are not ours it may complain as well.
  const ours = stderr.split('\n').filter((line) => line.includes('hrm'));
  return status === 0 || ours.length > 0 ? ours.join('\n') : stderr;
}

describe.runIf(process.platform === 'linux')('deploy/systemd', () => {
  it('is understood by systemd', async () => {
    expect(await verify()).toBe('');
  });

  it.each([
    ['a misspelt setting', 'TimeoutStopSec', 'TimeoutStopSecs'],
    ['a wrong value', 'Restart=on-failure', 'Restart=sometimes'],
    ['a program that is not there', '/usr/bin/env', '/usr/bin/nothing'],
    ['an unknown system call group', '@system-service', '@nothing'],
  ])('would be caught with %s', async (_, right, wrong) => {
    expect(await verify((text) => text.replace(right, wrong))).not.toBe('');
  });

  it.each(SERVICES)('%s has one part, the time that a stop takes, and no more rights than it needs', async (name) => {
    const lines = (await readFile(join(UNITS, name), 'utf8')).split('\n');
    const part = name.replace(/hrm-(.*?)@?\.service/, '$1');
    const wanted = [
      `ExecStart=/usr/bin/env hrm serve --only ${part}`,
      'After=network-online.target redis-server.service',
      'PartOf=hrm.target',
      'WantedBy=hrm.target',
      'Restart=on-failure',
      'TimeoutStopSec=60',
      'User=hrm',
      'ProtectSystem=strict',
      'StateDirectory=hrm',
      'NoNewPrivileges=true',
      'PrivateTmp=true',
      'CapabilityBoundingSet=',
      // What it may take of the machine, and that somebody sees when it stands still.
      expect.stringMatching(/^MemoryMax=[12]G$/),
      'TasksMax=256',
      'LimitCORE=0',
      'LogRateLimitBurst=10000',
      'WatchdogSec=120',
      'WatchdogSignal=SIGKILL',
      'NotifyAccess=all',
    ];
    expect(lines).toEqual(expect.arrayContaining(wanted));
  });

  it('has an example of settings that are settings', async () => {
    const text = await readFile(join(UNITS, 'hrm.env'), 'utf8');
    const pairs = [...text.matchAll(/^(?:# )?([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
    const env = Object.fromEntries(pairs);
    expect(Object.keys(env).length).toBeGreaterThan(3);
    expect(unknownVariables(env)).toEqual([]);
    expect(loadSettings({ env })).toMatchObject({ dataDir: '/var/lib/hrm/data', port: 8000 });
  });
});
