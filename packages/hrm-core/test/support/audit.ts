/** Logs for tests, and a reader of them that shares nothing with the one that is tested. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { AuditEvent } from '../../src/audit/index.js';
import { MEMORY_DIRECTORY } from './temporary-directory.js';

/** The path of a log in a directory that is gone when the test is over. */
export function logPath(): string {
  const directory = mkdtempSync(join(MEMORY_DIRECTORY, 'hrm-audit-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'audit.log');
}

/** An event that is told from others by its number. */
export function eventOf(number: number, more: Partial<AuditEvent> = {}): AuditEvent {
  return {
    action: 'read',
    call: 'query',
    outcome: 'done',
    key: 'abcdefghijkl',
    account: null,
    from: '127.0.0.1',
    users: [`user ${number}`],
    status: 200,
    request: `r${number}`,
    ...more,
  };
}

/** The files of a log with their bytes, but the small one. */
export function filesOf(path: string): { readonly name: string; readonly bytes: Buffer }[] {
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(basename(path)) && name !== `${basename(path)}.head`)
    .map((name) => ({ name, bytes: readFileSync(join(dirname(path), name)) }));
}

/** A line as it is read by whoever knows only that it is JSON. */
export type PlainLine = Readonly<Record<string, unknown>>;

/** All lines of a log that are JSON, file by file, and whether each `seen` is the hash of what stands before. */
export function readPlainly(path: string): readonly PlainLine[] {
  return filesOf(path).flatMap(({ bytes }) => {
    const lines: PlainLine[] = [];
    for (const text of bytes.toString('utf8').split('\n')) {
      // A line may stand behind the beginning of another one.
      const json = text.slice(Math.max(0, text.lastIndexOf('{"v":1,')));
      try {
        lines.push(JSON.parse(json));
      } catch {
        continue;
      }
      const { at, seen } = lines.at(-1) as { at?: number; seen?: string };
      if (at === undefined) continue;
      const hash = createHash('sha256').update(bytes.subarray(0, at)).digest('hex');
      if (hash !== seen) throw new Error(`a line says ${seen} of ${at} bytes, which are ${hash}`);
    }
    return lines;
  });
}

/** The ids of requests that a log tells of, sorted. */
export function requestsIn(path: string): string[] {
  return readPlainly(path)
    .flatMap(({ request }) => (typeof request === 'string' ? [request] : []))
    .sort();
}
