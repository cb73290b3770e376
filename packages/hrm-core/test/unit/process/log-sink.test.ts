import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createLogSink, type LogOutput, type Sent } from '../../../src/process/log/sink.js';

/** An output whose sends end when the test says so. */
function manualOutput(linesASend = Number.POSITIVE_INFINITY) {
  const sends: { readonly text: string; end(sent: Sent): void }[] = [];
  const last: string[] = [];
  const output: LogOutput = {
    linesASend,
    send: (bytes, done) => sends.push({ text: bytes.toString(), end: done }),
    sendLast: (bytes) => last.push(bytes.toString()),
  };
  /** Ends the send in hand. @returns what it was to send. */
  function end(fault: string | null = null, sentBytes?: number): string | undefined {
    const send = sends.shift();
    send?.end({ fault, ...(sentBytes === undefined ? {} : { sentBytes }) });
    return send?.text;
  }
  return { output, end, pending: () => sends.length, last };
}

const lossLine = (lines: number) => `lost ${lines}\n`;

describe('a log sink', () => {
  it('sends one line at once, and what comes meanwhile together', () => {
    const { output, end, pending } = manualOutput();
    const sink = createLogSink(output, lossLine);
    for (const line of ['a\n', 'b\n', 'c\n']) sink.write(line);
    expect(pending()).toBe(1);
    expect([end(), end(), end()]).toEqual(['a\n', 'b\nc\n', undefined]);
    expect(sink.losses()).toEqual({ lines: 0, fault: null });
  });

  it('sends line by line where the output wants that', () => {
    const { output, end } = manualOutput(1);
    const sink = createLogSink(output, lossLine);
    for (const line of ['a\n', 'b\n', 'c\n']) sink.write(line);
    expect([end(), end(), end(), end()]).toEqual(['a\n', 'b\n', 'c\n', undefined]);
  });

  it('counts lines that fail, goes on, and tells of them with the next that is sent', () => {
    const { output, end } = manualOutput();
    const sink = createLogSink(output, lossLine);
    sink.write('a\n');
    end('ENOSPC');
    expect(sink.losses()).toEqual({ lines: 1, fault: 'ENOSPC' });
    sink.write('b\n');
    expect(end('ENOSPC')).toBe('lost 1\nb\n');
    sink.write('c\n');
    expect(end()).toBe('lost 2\nc\n');
    expect(sink.losses()).toEqual({ lines: 2, fault: null });
    sink.write('d\n');
    expect(end()).toBe('d\n');
  });

  it('does not spin where nothing can be sent', () => {
    const { output, end, pending } = manualOutput();
    const sink = createLogSink(output, lossLine);
    sink.write('a\n');
    end('EPIPE');
    expect(pending()).toBe(0);
  });

  it('tells of losses by itself when no line comes', async () => {
    const { output, end, pending } = manualOutput();
    const sink = createLogSink(output, lossLine);
    sink.write('a\n');
    end('ENOSPC');
    await expect.poll(pending).toBe(1);
    expect(end()).toBe('lost 1\n');
    expect(sink.losses()).toEqual({ lines: 1, fault: null });
  });

  it('holds no more than its bound while nobody takes anything', () => {
    const { output, end } = manualOutput();
    const sink = createLogSink(output, lossLine, 10);
    for (let i = 0; i < 10_000; i += 1) sink.write(`${i % 10}\n`);
    expect(sink.losses()).toEqual({ lines: 10_000 - 6, fault: 'blocked' });
    expect([end(), end(), end()]).toEqual(['0\n', 'lost 9994\n1\n2\n3\n4\n5\n', undefined]);
    expect(sink.losses()).toEqual({ lines: 9_994, fault: null });
  });

  it('ends a line that was cut, and counts only what was not sent', () => {
    const { output, end } = manualOutput();
    const sink = createLogSink(output, lossLine);
    for (const line of ['first\n', 'a\n', 'bcdef\n', 'g\n']) sink.write(line);
    end();
    expect(end('ENOSPC', 4)).toBe('a\nbcdef\ng\n');
    expect(sink.losses().lines).toBe(2);
    sink.write('h\n');
    expect(end()).toBe('\nlost 2\nh\n');
    sink.write('i\n');
    expect(end()).toBe('i\n');
  });

  it('is flushed when all is out, or the time is over', async () => {
    const { output, end } = manualOutput();
    const sink = createLogSink(output, lossLine);
    await sink.flush(100_000);
    sink.write('a\n');
    await sink.flush(10);
    const flushed = sink.flush(100_000);
    end();
    await flushed;
  });

  it('sends the rest at the end, but for a send that hangs', async () => {
    const { output, end, last } = manualOutput();
    const sink = createLogSink(output, lossLine);
    sink.write('a\n');
    sink.write('b\n');
    sink.end();
    expect(last).toEqual(['b\n']);
    end();
    sink.write('c\n');
    sink.write('d\n');
    await sleep(300);
    sink.end();
    expect(last).toEqual(['b\n']);
  });
});
