// A consumer in a process of its own: says what it has before it acknowledges it, as one does whose files are synced.
import { openDeadLetterDirectory, openSqsQueue } from 'hrm-core/sqs';

const [, , url, directory] = process.argv;
const queue = await openSqsQueue({
  url,
  deadLetters: openDeadLetterDirectory(directory),
  leaseMs: 2_000,
  waitSeconds: 1,
});
for (;;) {
  const isDue = await queue.wait({ readings: 20, ageMs: 50 }, { timeoutMs: 1_000 });
  const claim = isDue
    ? await queue.claim({ maxReadings: 40, maxBytes: 1e6, maxElements: 1_000, leaseMs: 2_000 })
    : null;
  if (claim === null) continue;
  const numbers = claim.elements.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()).timestamp_ms);
  await new Promise((said) => process.stdout.write(`${numbers.join()}\n`, said));
  await queue.ack(claim.token);
}
