// One process on a queue under test: `node queue-worker.mjs ROLE DIRECTORY LOG NAME`, ROLE producer, consumer or both.
// Every line of the log is written by one write(2), which a SIGKILL does not take back:
//   S id readings  about to be pushed      A id  the push resolved
//   D id startNs   delivered by a claim that began at startNs      K id endNs  acknowledged, known at endNs
import { openSync, writeSync } from 'node:fs';
import { openEmbeddedQueue } from 'hrm-core/embedded';

const [role, directory, logPath, name] = process.argv.slice(2);
const PUSHERS = 4;
const LIMITS = { maxReadings: 500, maxBytes: 200_000, maxElements: 200, leaseMs: 250 };
const log = openSync(logPath, 'a');
const queue = await openEmbeddedQueue({ directory });
writeSync(1, 'ready\n');
let pushes = 0;

function write(lines) {
  writeSync(log, lines.map((line) => `${line}\n`).join(''));
}

function makeElement(id, readings) {
  // Now and then larger than a page: lmdb keeps such values elsewhere.
  const padding = Math.random() < 0.05 ? 20_000 : Math.floor(Math.random() * 300);
  return { bytes: Buffer.from(`${id} ${readings} ${'x'.repeat(padding)}`), readings };
}

async function produce() {
  for (;;) {
    pushes += 1;
    const push = pushes;
    const elements = Array.from({ length: 1 + Math.floor(Math.random() * 3) }, (_, index) => ({
      id: `${name}-${push}-${index}`,
      readings: 1 + Math.floor(Math.random() * 5),
    }));
    write(elements.map(({ id, readings }) => `S ${id} ${readings}`));
    await queue.push(elements.map(({ id, readings }) => makeElement(id, readings)));
    write(elements.map(({ id }) => `A ${id}`));
  }
}

async function consume() {
  for (;;) {
    await queue.wait({ readings: 100, ageMs: 20 }, { timeoutMs: 1_000 });
    const startNs = process.hrtime.bigint();
    const claim = await queue.claim(LIMITS);
    if (claim === null) continue;
    const ids = claim.elements.map(({ bytes }) => Buffer.from(bytes).toString().split(' ', 1)[0]);
    write(ids.map((id) => `D ${id} ${startNs}`));
    if (Math.random() < 0.05) {
      await queue.release(claim.token);
      continue;
    }
    const [first] = claim.elements;
    const letters = Math.random() < 0.1 ? [{ reason: 'test', ...first }] : [];
    if ((await queue.ack(claim.token, { deadLetters: letters })) === 'acked') {
      const endNs = process.hrtime.bigint();
      write(ids.map((id) => `K ${id} ${endNs}`));
    }
  }
}

const tasks = [];
if (role !== 'consumer') tasks.push(...Array.from({ length: PUSHERS }, produce));
if (role !== 'producer') tasks.push(consume());
await Promise.all(tasks);
