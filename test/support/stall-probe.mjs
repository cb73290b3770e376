/**
 * Loaded into a process under test before its program (`node --import`): writes down each piece of work that its event loop was
 * held up by. Measured is the processor time of the main thread between two turns of the loop, so that a busy machine, which
 * lets the process wait, makes no stall; where there is no such figure it is that of the whole process.
 *
 * A line is `<epoch ms> <ms of processor time>`, in the file that STALL_FILE names.
 */
import { appendFileSync, openSync, readSync } from 'node:fs';

/** What is not worth a line, milliseconds: Linux counts in steps of up to 4. */
const MIN_MS = 8;
const file = process.env.STALL_FILE;
const cpuMs = cpuClock();
let lastMs = cpuMs();

function cpuClock() {
  const place = Buffer.alloc(128);
  try {
    const schedstat = openSync('/proc/thread-self/schedstat', 'r');
    return () => Number.parseInt(place.toString('latin1', 0, readSync(schedstat, place, 0, 128, 0)), 10) / 1e6;
  } catch {
    return () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e3;
    };
  }
}

function look() {
  const nowMs = cpuMs();
  if (nowMs - lastMs >= MIN_MS) appendFileSync(file, `${Date.now()} ${(nowMs - lastMs).toFixed(1)}\n`);
  lastMs = cpuMs();
}

if (file !== undefined) setInterval(look, 1).unref();
