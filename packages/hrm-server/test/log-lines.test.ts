import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { invalidError } from '../src/api/problem.js';
import { prettyLine } from '../src/log/pretty.js';
import { logRefusal } from '../src/log/refusals.js';

/** A log, and its lines. */
function listeningLog(level = 'info') {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level }, { write: (line) => lines.push(JSON.parse(line)) });
  return { log, lines };
}

describe('lines about requests that failed', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('are 60 a minute and kind; then one says how many more there were', () => {
    const { log, lines } = listeningLog();
    for (let i = 0; i < 1_000; i += 1) logRefusal(log, 'info', invalidError('bad_target', 'no'), { i }, 'refused');
    for (let i = 0; i < 10; i += 1) logRefusal(log, 'info', invalidError('not_found', 'no'), { i }, 'refused');
    expect(lines).toHaveLength(70);
    expect(lines[0]).toMatchObject({ i: 0, kind: 'invalid', code: 'bad_target', msg: 'refused' });
    vi.advanceTimersByTime(60_000);
    expect(lines).toHaveLength(71);
    expect(lines.at(-1)).toMatchObject({ code: 'bad_target', count: 940, level: 30 });
    logRefusal(log, 'info', invalidError('bad_target', 'no'), {}, 'refused');
    expect(lines).toHaveLength(72);
    vi.advanceTimersByTime(600_000);
    expect(lines).toHaveLength(72);
  });

  it('are not counted below the level of the log', () => {
    const { log, lines } = listeningLog('warn');
    for (let i = 0; i < 100; i += 1) logRefusal(log, 'info', invalidError('bad_target', 'no'), {}, 'refused');
    vi.advanceTimersByTime(60_000);
    expect(lines).toEqual([]);
  });
});

describe('a line for people', () => {
  const time = new Date(2024, 0, 15, 9, 8, 7, 6).getTime();
  function pretty(fields: object, hasColors = false): string {
    return prettyLine(JSON.stringify({ level: 30, time, pid: 7, ...fields }), hasColors);
  }

  it('has the time, the level, the message and the rest', () => {
    const line = { parts: ['api'], dataDir: '/srv/my data', lagMs: 5, msg: 'starting' };
    expect(pretty(line)).toBe('09:08:07.006 INFO  starting  parts=["api"] dataDir="/srv/my data" lagMs=5 pid=7\n');
    expect(pretty({ level: 50, msg: 'x' }, true)).toBe('09:08:07.006 \u001b[31mERROR\u001b[0m x  pid=7\n');
  });

  it('shows the places of a defect a line each', () => {
    expect(pretty({ msg: 'x', stack: 'TypeError\n    at a.js:1:2' })).toBe(
      '09:08:07.006 INFO  x  pid=7\n    TypeError\n    at a.js:1:2\n',
    );
  });

  it('has nothing that a terminal would obey', () => {
    const line = pretty({ msg: 'a\u001b[2Jb\u009bc\nd', dataDir: '\u202e/x\u0007' });
    expect(line).toBe('09:08:07.006 INFO  a\\u{1b}[2Jb\\u{9b}c\\u{a}d  dataDir="\\u{202e}/x\\u0007" pid=7\n');
  });
});
