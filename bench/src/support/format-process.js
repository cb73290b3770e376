/** Reads a file once, `format-process.js read PATH` or only its text, `format-process.js decode PATH`, and tells the parent what that took. */
import { createReadStream, readFileSync } from 'node:fs';
import { readHealthFile } from 'hrm-core/formats';
import { timeMs } from './figure.js';

const [what, path = ''] = process.argv.slice(2);

/** @returns {Promise<number>} readings */
async function read() {
  const pieces = readHealthFile(createReadStream(path), { fileName: path, nowMs: Date.now(), timeZone: 'UTC' });
  for (;;) {
    const next = await pieces.next();
    if (next.done === true) return next.value?.readings ?? 0;
  }
}

/** @returns {Promise<number>} characters */
async function decode() {
  const decoder = new TextDecoder();
  let length = 0;
  for await (const piece of createReadStream(path)) length += decoder.decode(piece, { stream: true }).length;
  return length;
}

let count = 0;
const { value, cpu } = await timeMs(async () => {
  count = await (what === 'read' ? read() : decode());
});
// `maxRSS` begins with that of the process that started this one.
const [, peakKiB = '0'] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
process.send?.({ count, ms: value, cpu, peakMiB: Number(peakKiB) / 1_024 });
