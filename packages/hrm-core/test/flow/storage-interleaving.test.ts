/**
 * A snapshot in the middle of compactions, at every place where the system may put it: each step of the compacters
 * happens between two calls of the reader, or within a listing, of which POSIX only promises the names that neither
 * came nor went meanwhile.
 */
import assert from 'node:assert/strict';
import { existsSync, linkSync, mkdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { openDirectoryStorage } from '../../src/drivers/storage/directory/directory.js';
import {
  type DirectoryEntry,
  type DirectoryFileSystem,
  type OpenDirectory,
  realFileSystem,
} from '../../src/drivers/storage/directory/files.js';
import { promptFileSystem } from '../support/prompt-file-system.js';
import { randomFrom, testSeed } from '../support/random.js';
import { storedReadings } from '../support/readings.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';

const partition = { date: '20240115', directory: 'ana' };
const histories = 1_500;

type Step =
  | readonly ['rename', from: string, to: string]
  | readonly ['write', name: string, readings: readonly number[]]
  | readonly ['unlink', name: string];

interface Scenario {
  readonly name: string;
  readonly before: Readonly<Record<string, readonly number[]>>;
  readonly steps: readonly Step[];
}

const scenarios: readonly Scenario[] = [
  {
    name: 'two compactions and a publish between them',
    before: { 'compacted.parquet': [1, 2], 'part-a.parquet': [3], 'part-b.parquet': [4] },
    steps: [
      ['rename', 'compacted.parquet', 'part-old-1.parquet'],
      ['write', 'compacted.parquet', [1, 2, 3, 4]],
      ['unlink', 'part-a.parquet'],
      ['unlink', 'part-b.parquet'],
      ['unlink', 'part-old-1.parquet'],
      ['write', 'part-c.parquet', [5]],
      ['rename', 'compacted.parquet', 'part-old-2.parquet'],
      ['write', 'compacted.parquet', [1, 2, 3, 4, 5]],
      ['unlink', 'part-c.parquet'],
      ['unlink', 'part-old-2.parquet'],
    ],
  },
  {
    // Two slow compacters: one moves away what is not its own, one links what it made before reading 3 was there.
    name: 'a compaction after two conflicts',
    before: { 'compacted.parquet': [1, 2, 3] },
    steps: [
      ['rename', 'compacted.parquet', 'part-old-1.parquet'],
      ['write', 'compacted.parquet', [1, 2]],
      ['rename', 'compacted.parquet', 'part-old-2.parquet'],
      ['write', 'compacted.parquet', [1, 2, 3]],
      ['unlink', 'part-old-1.parquet'],
      ['unlink', 'part-old-2.parquet'],
    ],
  },
  {
    // No compacted file at first; the first one is moved away by the second compaction.
    name: 'the first two compactions',
    before: { 'part-a.parquet': [1], 'part-b.parquet': [2], 'part-c.parquet': [3] },
    steps: [
      ['write', 'compacted.parquet', [1, 2]],
      ['unlink', 'part-a.parquet'],
      ['unlink', 'part-b.parquet'],
      ['rename', 'compacted.parquet', 'part-old-1.parquet'],
      ['write', 'compacted.parquet', [1, 2, 3]],
      ['unlink', 'part-c.parquet'],
      ['unlink', 'part-old-1.parquet'],
    ],
  },
];

/** The compacters' side of one history. */
interface Compacters {
  /** Does some of the next steps, or none. */
  act(): void;
  /** The reader begins an attempt. */
  onAttempt(): void;
  random(): number;
}

function compactersOf(
  root: string,
  { steps }: Scenario,
  { seed, isLarge }: { seed: number; isLarge: boolean },
): Compacters {
  const path = join(root, partition.date, partition.directory);
  const random = randomFrom(seed);
  const remaining = [...steps];
  // The one interleaving that is left to the grace period, but for large directories: see snapshot.ts.
  let isInGrace = false;

  function step([verb, name, argument]: Step): void {
    if (verb === 'unlink') unlinkSync(join(path, name));
    else if (verb === 'rename') renameSync(join(path, name), join(path, argument));
    else {
      const made = join(root, 'made');
      writeFileSync(made, JSON.stringify(argument));
      linkSync(made, join(path, name));
      unlinkSync(made);
    }
  }

  return {
    random,
    act() {
      for (let next = remaining[0]; next && random() < 0.35; next = remaining[0]) {
        if (isInGrace && next[0] === 'unlink') return;
        remaining.shift();
        step(next);
      }
    },
    onAttempt() {
      isInGrace = !isLarge && !existsSync(join(path, 'compacted.parquet'));
    },
  };
}

/**
 * The real file system, with the compacters acting before some calls and within some listings.
 * @param isLarge - directories seem to be so large that they are listed in pieces.
 */
function interleaved(current: () => Compacters | null, isLarge: boolean): DirectoryFileSystem {
  return {
    ...promptFileSystem,
    openSync(path, flags) {
      current()?.act();
      if (path.endsWith('compacted.parquet')) current()?.onAttempt();
      return realFileSystem.openSync(path, flags);
    },
    lstatSync(path, options) {
      current()?.act();
      const status = realFileSystem.lstatSync(path, options);
      if (isLarge && status?.isDirectory()) Object.assign(status, { size: 2n ** 30n });
      return status;
    },
    readdirSync(path) {
      current()?.act();
      const first = realFileSystem.readdirSync(path);
      current()?.act();
      const second = realFileSystem.readdirSync(path);
      // Each name is found, or not, at one of two moments.
      const names = [...new Set([...first, ...second])];
      return names.filter((name) => ((current()?.random() ?? 0) < 0.5 ? first : second).includes(name));
    },
    opendir(path, _, callback) {
      current()?.act();
      callback(null, listSlowly(path, current));
    },
  };
}

/** Names that stay are given; one that goes meanwhile, or comes, may be. The compacters act before each. */
function listSlowly(path: string, current: () => Compacters | null): OpenDirectory {
  const left = realFileSystem.readdirSync(path);
  const given = new Set(left);
  const isLucky = () => (current()?.random() ?? 0) < 0.5;
  return {
    read(callback) {
      for (;;) {
        current()?.act();
        if (left.length === 0)
          left.push(...realFileSystem.readdirSync(path).filter((name) => !given.has(name) && isLucky()));
        const name = left.shift();
        if (name === undefined) {
          setImmediate(callback, null, null);
          return;
        }
        given.add(name);
        if (!existsSync(join(path, name)) && isLucky()) continue;
        setImmediate(callback, null, { name, isDirectory: () => false, isFile: () => true } as DirectoryEntry);
        return;
      }
    },
    close: (callback) => void setImmediate(callback, null),
  };
}

const cases = scenarios.flatMap((scenario) => [false, true].map((isLarge) => ({ ...scenario, isLarge })));

test.each(cases)(
  `a snapshot during $name sees every stored reading, in ${histories} interleavings, of a large directory: $isLarge`,
  ({ isLarge, ...scenario }) =>
    withDirectory(async (root) => {
      const seed = testSeed();
      const path = join(root, partition.date, partition.directory);
      let compacters: Compacters | null = null;
      const storage = await openDirectoryStorage({
        directory: root,
        fileSystem: interleaved(() => compacters, isLarge),
      });
      for (let history = 0; history < histories; history++) {
        rmSync(path, { recursive: true, force: true });
        mkdirSync(path, { recursive: true });
        for (const [name, readings] of Object.entries(scenario.before)) {
          writeFileSync(join(path, name), JSON.stringify(readings));
        }
        compacters = compactersOf(root, scenario, { seed: seed + history, isLarge });
        const readings = await storedReadings(storage, partition);
        for (const reading of Object.values(scenario.before).flat()) {
          assert.ok(readings.has(reading), `reading ${reading} is missing, history ${history} of HRM_SEED=${seed}`);
        }
      }
      await storage.close();
    }, MEMORY_DIRECTORY),
);
