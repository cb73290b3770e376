/**
 * Damaged files of every writer, by thousands: none holds up the process, none ends a call by a fault of ours, none takes its memory.
 * What is damaged is told, and what is ours is right or told.
 */
import { spawn } from 'node:child_process';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { setPriority, tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { bundle } from '../support/bundle.js';
import { writeBases } from '../support/fuzz-bases.js';
import { testSeed } from '../support/random.js';
import { MEMORY_DIRECTORY, withDirectory } from '../support/temporary-directory.js';

const FILES = Number(process.env.HRM_FUZZ_FILES ?? 2_000);
/** A process takes as long to become fast as a thousand files take then. */
const PROCESSES = FILES > 5_000 ? 2 : 1;

/** CPU seconds that a process may take for one file, of which it does not know itself. */
const MAX_HANG_CPU_S = 30;

interface Report {
  readonly failure?: string;
  readonly outcomes?: Record<string, number>;
  readonly most?: Record<string, number>;
}

/** CPU seconds that a process has taken; `null` where the system does not tell. */
async function cpuSeconds(pid: number): Promise<number | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return null;
  const [user, system] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12, 14);
  return (Number(user) + Number(system)) / 100;
}

/** Runs a process over some files, and ends it where it is at one of them for too long. */
async function fuzz(program: string, bases: string, place: string, seed: number, [from, to]: [number, number]) {
  await mkdir(place);
  const heap = ['--max-old-space-size=128', '--max-semi-space-size=8'];
  // V8's own threads would compile and collect for a third of the CPU time more; the other cores have other tests.
  const args = [...heap, '--single-threaded', program, bases, place, seed, from, to].map(String);
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  // For its minutes the other tests go first.
  if (child.pid !== undefined) setPriority(child.pid, 10);
  const progressOf = () => readFile(path.join(place, 'progress'), 'utf8').catch(() => '');
  let output = '';
  let isHung = false;
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  let last = { progress: '', cpu: 0 };
  const watchdog = setInterval(async () => {
    const [progress, cpu] = [await progressOf(), await cpuSeconds(child.pid ?? 0)];
    if (cpu === null) return;
    if (progress !== last.progress) last = { progress, cpu };
    else if (cpu - last.cpu > MAX_HANG_CPU_S) {
      isHung = true;
      child.kill('SIGKILL');
    }
  }, 500);
  await new Promise((resolve) => child.on('close', resolve));
  clearInterval(watchdog);
  const report: Report = isHung ? { failure: 'it did not end' } : parseReport(output);
  if (report.failure === undefined) return report;
  const kept = path.join(tmpdir(), `hrm-fuzz-${seed}-${from}.parquet`);
  await copyFile(path.join(place, 'current.parquet'), kept);
  return { ...report, failure: `${await progressOf()}: ${report.failure}; the file is kept: ${kept}` };
}

function parseReport(output: string): Report {
  try {
    return JSON.parse(output);
  } catch {
    return { failure: `the process ended: ${output.slice(-2_000)}` };
  }
}

it(`${FILES} damaged files hold up nobody and are told, HRM_FUZZ_FILES=${FILES}`, { timeout: 3_600_000 }, async () => {
  const seed = testSeed();
  await withDirectory(async (root) => {
    const bases = path.join(root, 'bases');
    await mkdir(bases);
    await writeBases(bases);
    const program = await bundle(path.join(import.meta.dirname, '../support/fuzz-files.ts'), root);
    const share = Math.ceil(FILES / PROCESSES);
    const reports = await Promise.all(
      Array.from({ length: PROCESSES }, (_, p) => {
        return fuzz(program, bases, path.join(root, `process-${p}`), seed, [p * share, (p + 1) * share]);
      }),
    );
    console.log(JSON.stringify(reports));
    expect(reports.flatMap(({ failure }) => failure ?? [])).toEqual([]);
    // It proves nothing where nothing is read, or nothing is damaged.
    for (const { outcomes } of reports) {
      expect(outcomes).toMatchObject({ read: expect.any(Number), file_damaged: expect.any(Number) });
    }
  }, MEMORY_DIRECTORY);
});
