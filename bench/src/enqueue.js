/** The SDK's enqueue of 1,000 readings: against the bytes appended to a file and synced, and against lmdb alone. */
import { fdatasyncSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { enqueue } from 'hrm-core';
import { openEmbeddedQueue } from 'hrm-core/embedded';
import { open } from 'lmdb';
import { interleave, perSecond, runFigure, timeMs } from './support/figure.js';
import { makeReadings, toElement, toWire } from './support/readings.js';

const READINGS = 1_000;
const CALLS = 50;
const AT_ONCE = 10;

await runFigure('enqueue', async (bench) => {
  const directory = await bench.directory('enqueue');
  const readings = makeReadings({ userId: 'user-1000001', deviceId: 'garmin-forerunner-255', count: READINGS });
  const wire = readings.map(toWire);
  const bytes = Buffer.from(JSON.stringify(readings.map(toElement)));
  const queue = await openEmbeddedQueue({ directory: path.join(directory, 'queue') });
  const lmdb = open({
    path: path.join(directory, 'bare.lmdb'),
    noSubdir: true,
    overlappingSync: false,
    encoding: 'binary',
  });
  const file = openSync(path.join(directory, 'bare.log'), 'a');
  let key = 0;
  const calls = bench.quick ? CALLS / 2 : CALLS;

  /** @param {(at: number) => unknown} commit does `AT_ONCE` calls' work, or one call's */
  const rate = async (commit, perCommit = 1) => {
    const took = await timeMs(async () => {
      for (let call = 0; call < calls; call += perCommit) await commit(call);
    });
    return perSecond(took, calls * READINGS);
  };
  function append(copies = 1) {
    for (let copy = 0; copy < copies; copy += 1) writeSync(file, bytes);
    fdatasyncSync(file);
  }
  function put(copies = 1) {
    lmdb.transactionSync(() => {
      for (let copy = 0; copy < copies; copy += 1) lmdb.put(key++, bytes);
    });
  }

  const one = 'enqueue, one call after the other';
  const ten = `enqueue, ${AT_ONCE} calls at once`;
  const log = 'append the same bytes + fdatasync';
  const logTen = `append ${AT_ONCE} times the bytes + one fdatasync`;
  const tree = 'lmdb alone, a transaction a call';
  const treeTen = `lmdb alone, ${AT_ONCE} puts a transaction`;
  const samples = await interleave(
    {
      [one]: () => rate(() => enqueue({ queue }, wire)),
      [log]: () => rate(() => append()),
      [tree]: () => rate(() => put()),
      [ten]: () => rate(() => Promise.all(Array.from({ length: AT_ONCE }, () => enqueue({ queue }, wire))), AT_ONCE),
      [logTen]: () => rate(() => append(AT_ONCE), AT_ONCE),
      [treeTen]: () => rate(() => put(AT_ONCE), AT_ONCE),
    },
    bench.quick ? 3 : 7,
  );
  await queue.close();
  await lmdb.close();
  for (const limit of [log, tree]) bench.compare(samples, one, limit, 'readings/s');
  for (const limit of [logTen, treeTen]) bench.compare(samples, ten, limit, 'readings/s');
});
