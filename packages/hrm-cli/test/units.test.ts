import { describe, expect, it } from 'vitest';
import { visibleId } from '../src/output/output.js';
import { rateText, startProgress } from '../src/output/progress.js';

describe('an id on a terminal', () => {
  it.each([
    ['watch-1.b_c', 'watch-1.b_c'],
    ['Ана😀', 'Ана😀'],
    ['a b', '"a b"'],
    ['a,b', '"a,b"'],
    ['"', '"\\""'],
    ['\\u{202e}', '"\\\\u{202e}"'],
    ['a\u202eb', '"a\\u{202e}b"'],
    ['a\u200bb', '"a\\u{200b}b"'],
    ['\u{e0041}', '"\\u{e0041}"'],
    ['a\u2028b', '"a\\u{2028}b"'],
  ])('%j is shown as %s', (id, shown) => {
    expect(visibleId(id)).toBe(shown);
  });
});

describe('progress', () => {
  function record(isTTY: boolean, enabled: boolean, total: number | undefined) {
    const written: string[] = [];
    let nowMs = 0;
    const stream = { isTTY, write: (text: unknown) => written.push(String(text)) > 0 };
    const progress = startProgress({ label: 'import', total, stream, enabled, nowMs: () => nowMs });
    return { written, progress, wait: (ms: number) => (nowMs += ms) };
  }

  it('shows a bar, the share and a note, ten times a second at most, and wipes it', () => {
    const { written, progress, wait } = record(true, true, 200);
    progress.update(50, 'fifty');
    progress.update(60);
    wait(100);
    progress.update(400);
    progress.end();
    expect(written).toEqual([
      `\r\u001b[2Kimport [${'#'.repeat(6)}${'-'.repeat(18)}]  25 %  fifty`,
      `\r\u001b[2Kimport [${'#'.repeat(24)}] 100 %`,
      '\r\u001b[2K',
    ]);
  });

  it('counts where the total is unknown', () => {
    const { written, progress } = record(true, true, undefined);
    progress.update(1_234_567);
    expect(written).toEqual(['\r\u001b[2Kimport 1,234,567']);
  });

  it.each([
    [false, true],
    [true, false],
  ])('is silent off a terminal and with --json (TTY %s, enabled %s)', (isTTY, enabled) => {
    const { written, progress } = record(isTTY, enabled, 10);
    progress.update(5);
    progress.end();
    expect(written).toEqual([]);
  });

  it('tells a rate', () => {
    expect(rateText(3_000, 2_000)).toBe('1,500 a second');
    expect(rateText(3_000, 0)).toBe('0 a second');
  });
});
