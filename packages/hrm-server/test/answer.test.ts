import { expect, test } from 'vitest';
import { streamPieces } from '../src/routes/answer.js';
import { gate, until } from './support.js';

test('a stream that is cancelled in the middle of a step stops its source and reports no error', async () => {
  const { opened, open } = gate();
  let hasBegun = false;
  let hasEnded = false;
  async function* pieces(): AsyncGenerator<Uint8Array, void> {
    try {
      yield Buffer.from('first');
      hasBegun = true;
      await opened;
      yield Buffer.from('second');
      yield Buffer.from('third');
    } finally {
      hasEnded = true;
    }
  }
  const errors: unknown[] = [];
  const reader = streamPieces(pieces(), {
    makeWith: (make) => make(),
    onError: (error) => errors.push(error),
  }).getReader();
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('first');
  const second = reader.read();
  await until(() => hasBegun, 'the step has begun');
  const cancelled = reader.cancel();
  open();
  expect((await second).done).toBe(true);
  await cancelled;
  expect(hasEnded).toBe(true);
  expect(errors).toEqual([]);
});
