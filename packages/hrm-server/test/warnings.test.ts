import { pino } from 'pino';
import { expect, test } from 'vitest';
import { collectWarnings } from '../src/warnings.js';

test('warnings are logged when they begin or change, and the latest of each kind is kept, boundedly', () => {
  const lines: { level: number; code: string; msg: string }[] = [];
  const { onWarning, current } = collectWarnings(pino({}, { write: (line: string) => lines.push(JSON.parse(line)) }));
  onWarning({ code: 'a', message: 'first' });
  onWarning({ code: 'a', message: 'first' });
  onWarning({ code: 'b', message: 'other' });
  onWarning({ code: 'a', message: 'second' });
  expect(lines.map(({ level, code, msg }) => [level, code, msg])).toEqual([
    [40, 'a', 'first'],
    [40, 'b', 'other'],
    [40, 'a', 'second'],
  ]);
  expect([...current()]).toEqual([
    { code: 'a', message: 'second' },
    { code: 'b', message: 'other' },
  ]);
  for (let kind = 0; kind < 1_000; kind += 1) onWarning({ code: `c${kind}`, message: 'more' });
  expect([...current()]).toHaveLength(20);
});
