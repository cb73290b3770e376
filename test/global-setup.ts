import { spawnSync } from 'node:child_process';
import { SETTINGS } from '../packages/hrm-core/src/settings.js';

type Probe = readonly [command: string, ...args: string[]];

/** A program that tests run and that no npm package brings. */
interface Tool {
  /** What to run, any one of them, and what it must print, to know that it is there. */
  readonly probes: readonly Probe[];
  readonly expected?: RegExp;
  readonly usedFor: string;
  readonly debianPackage: string;
  readonly brewFormula?: string;
  /** Tests that need it are for Linux alone. */
  readonly onlyLinux?: boolean;
}

const TOOLS: readonly Tool[] = [
  {
    probes: [['redis-server', '--version']],
    expected: /\bv=(?:[7-9]|\d\d+)\./,
    usedFor: 'redis-server 7 or newer: the Redis queue is tested on a real server',
    debianPackage: 'redis-server',
    brewFormula: 'redis',
  },
  ...['radosgw', 'ceph-mon', 'ceph-osd', 'ceph'].map((command) => ({
    probes: [[command, '--version'] as const],
    usedFor: `${command}: the S3 storage is tested on a real server`,
    debianPackage: command === 'ceph' ? 'ceph-common' : command,
    onlyLinux: true,
  })),
  {
    probes: [['openssl', 'version']],
    usedFor: 'openssl: tests of TLS make a certificate',
    debianPackage: 'openssl',
    brewFormula: 'openssl',
  },
  {
    probes: [['strace', '-V']],
    usedFor: 'strace: tests of durability watch system calls',
    debianPackage: 'strace',
    onlyLinux: true,
  },
  {
    probes: [
      ['docker', 'compose', 'version'],
      ['docker-compose', '--version'],
    ],
    usedFor: 'docker compose, or docker-compose 1.27 or newer: the compose file is read by the real tool',
    debianPackage: 'docker-compose',
    brewFormula: 'docker-compose',
  },
  {
    probes: [['systemd-analyze', '--version']],
    usedFor: 'systemd-analyze: the units are read by the real tool',
    debianPackage: 'systemd',
    onlyLinux: true,
  },
  {
    probes: [['faketime', '--version']],
    usedFor: 'faketime: tests let the clocks of processes jump',
    debianPackage: 'faketime',
    onlyLinux: true,
  },
  {
    probes: [['/usr/bin/chromium', '--version']],
    usedFor: 'chromium: the pages are tried in a real browser',
    debianPackage: 'chromium',
    onlyLinux: true,
  },
  {
    probes: [['promtool', '--version']],
    usedFor: 'promtool: the alert rules are checked and tried by the real tool',
    debianPackage: 'prometheus',
    brewFormula: 'prometheus',
  },
];

/** Takes the machine's own settings from the tests, and gives it the programs that they need. */
export function setup(): void {
  forgetSettings();
  provideTools();
}

/** Settings of whoever runs the tests count for no test. The workers inherit what is left: `HRM_SEED` and its like. */
function forgetSettings(): void {
  for (const { variable } of SETTINGS) delete process.env[variable];
  for (const name of Object.keys(process.env)) if (name.startsWith('OTEL_')) delete process.env[name];
}

/**
 * Gives the machine what the tests need or, where it may not, says which commands would. The tests that need it then
 * fail; in CI the whole run does, at once.
 */
function provideTools(): void {
  const missing = TOOLS.filter((tool) => !(tool.onlyLinux && process.platform !== 'linux') && !isThere(tool));
  if (missing.length === 0) return;
  install(missing);
  const still = missing.filter((tool) => !isThere(tool));
  if (still.length === 0) return;
  const packages = still.map(({ debianPackage }) => debianPackage).join(' ');
  const formulas = still.flatMap(({ brewFormula }) => brewFormula ?? []).join(' ');
  const lines = [
    'Missing on this machine, and not to be installed without you:',
    ...still.map(({ usedFor }) => `  - ${usedFor}`),
    `Debian, Ubuntu: sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages}`,
    `macOS: brew install ${formulas}`,
  ];
  if (process.env.CI) throw new Error(lines.join('\n'));
  console.warn(`\n*** ${lines.join('\n')}\n*** Tests that need them will fail. ***\n`);
}

function isThere({ probes, expected = /./ }: Tool): boolean {
  return probes.some(([command, ...args]) => {
    const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
    return status === 0 && expected.test(stdout);
  });
}

function install(tools: readonly Tool[]): void {
  const packages = tools.map(({ debianPackage }) => debianPackage);
  const formulas = tools.flatMap(({ brewFormula }) => brewFormula ?? []);
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (succeeds('apt-get', '--version')) {
    // A server that starts itself would take Redis' port, and nobody here asked for one.
    const apt = [...asRoot, 'env', 'DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', 'apt-get'];
    if (run(...apt, 'update')) run(...apt, 'install', '-y', '--no-install-recommends', ...packages);
  } else if (succeeds('brew', '--version') && formulas.length > 0) run('brew', 'install', ...formulas);
}

function succeeds(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** Runs it for all to see what it complains about; its successes are many lines and nobody's business. */
function run(...words: string[]): boolean {
  const [command = '', ...args] = words;
  return spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
}
