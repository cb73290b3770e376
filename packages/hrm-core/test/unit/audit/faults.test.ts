import { describe, expect, it } from 'vitest';
import {
  type AuditFile,
  type AuditPlace,
  openAuditPlace,
  openAuditWriter,
  verifyAudit,
} from '../../../src/audit/index.js';
import { eventOf, logPath, readPlainly, requestsIn } from '../../support/audit.js';

const ERRNOS = ['ENOSPC', 'EIO', 'EDQUOT', 'EACCES', 'EROFS', 'EMFILE', 'ESTALE', 'EINTR'] as const;

/** A place each of whose calls may fail: before it does anything, after it has, or in the middle of a write. */
function faulty(
  place: AuditPlace,
  fails: (call: string, number: number) => string | null,
): AuditPlace & { calls(): number } {
  let calls = 0;
  async function around<T>(call: string, work: () => Promise<T>): Promise<T> {
    calls += 1;
    const code = fails(call, calls);
    if (code === null) return await work();
    if (code.startsWith('late ')) await work();
    throw Object.assign(new Error(`${call} fails`), { code: code.replace('late ', '') });
  }
  const real = new WeakMap<AuditFile, AuditFile>();
  function wrap(file: AuditFile): AuditFile {
    const wrapped: AuditFile = {
      size: () => around('size', file.size),
      read: (at, bytes) => around('read', () => file.read(at, bytes)),
      async append(bytes) {
        calls += 1;
        const code = fails('append', calls);
        if (code === null) return await file.append(bytes);
        await file.append(code.startsWith('late ') ? bytes : bytes.subarray(0, Number(code.split(' ')[1] ?? 0)));
        if (!code.startsWith('short')) throw Object.assign(new Error('append fails'), { code: code.split(' ').at(-1) });
      },
      sync: () => around('sync', file.sync),
      close: () => file.close(),
    };
    real.set(wrapped, file);
    return wrapped;
  }
  return {
    calls: () => calls,
    async open() {
      const opened: AuditFile[] = [];
      try {
        return await around('open', async () => {
          opened.push(await place.open());
          return wrap(opened[0] as AuditFile);
        });
      } catch (error) {
        await opened[0]?.close();
        throw error;
      }
    },
    isCurrent: (file) => around('isCurrent', () => place.isCurrent(real.get(file) ?? file)),
    setAside: (suffix) => around('setAside', () => place.setAside(suffix)),
    readHead: () => around('readHead', place.readHead),
    writeHead: (text) => around('writeHead', () => place.writeHead(text)),
  };
}

/** A few events by a writer in two files, which is what the calls are counted of. */
async function work(
  place: AuditPlace,
): Promise<{ readonly done: string[]; readonly lost: number; readonly written: number }> {
  const writer = openAuditWriter({ place }, { maxBytes: 1_500, batchMs: 1 });
  const done: string[] = [];
  for (let i = 0; i < 5; i += 1) {
    writer.note(eventOf(2 * i));
    await writer.write(eventOf(2 * i + 1)).then(
      () => done.push(`r${2 * i + 1}`),
      () => undefined,
    );
  }
  const { lost, written } = await writer.close();
  return { done, lost, written };
}

const ALL = Array.from({ length: 10 }, (_, i) => `r${i}`).sort();

describe('where a call of the system fails', () => {
  it('once, each in turn, no event is lost, and none is told twice', async () => {
    const counted = faulty(openAuditPlace(logPath()), () => null);
    await work(counted);
    for (let number = 1; number <= counted.calls(); number += 1) {
      for (const late of ['', 'late ']) {
        const path = logPath();
        const errno = ERRNOS[number % ERRNOS.length];
        let failed = '';
        const place = faulty(openAuditPlace(path), (call, at) => {
          if (at !== number) return null;
          failed = call;
          return `${late}${errno}`;
        });
        const { done, lost, written } = await work(place);
        const told = `${failed} ${late}${errno}, call ${number}`;
        const there = requestsIn(path);
        expect(there, told).toEqual(ALL);
        expect(new Set(there).size, told).toBe(there.length);
        expect(
          done.every((id) => there.includes(id)),
          told,
        ).toBe(true);
        // What was not synced counts as lost, since nobody knows.
        expect(lost === 0 || failed === 'sync', told).toBe(true);
        expect(written + lost, told).toBe(10);
        expect(await verifyAudit(path), told).toMatchObject({ isWhole: true, lost });
      }
    }
  });

  it('for a while, what waits is written when it can be again', async () => {
    for (const errno of ERRNOS) {
      const path = logPath();
      const faults: (string | null)[] = [];
      let isFull = false;
      const place = faulty(openAuditPlace(path), (call) => (isFull && call === 'append' ? `torn 100 ${errno}` : null));
      const writer = openAuditWriter(
        { place, onFault: (code) => faults.push(code) },
        { maxBytes: 1_000_000, batchMs: 1 },
      );
      await writer.write(eventOf(0));
      isFull = true;
      for (let i = 1; i < 4; i += 1)
        await expect(writer.write(eventOf(i))).rejects.toMatchObject({
          kind: 'unavailable',
          code: 'audit_unavailable',
        });
      expect(writer.state()).toMatchObject({ lost: 0, fault: errno });
      isFull = false;
      await writer.write(eventOf(4));
      expect(await writer.close()).toEqual({ written: 5, lost: 0, fault: null });
      expect(faults).toEqual([errno, null]);
      expect(requestsIn(path)).toEqual(['r0', 'r1', 'r2', 'r3', 'r4']);
      expect(await verifyAudit(path)).toMatchObject({ isWhole: true, torn: 3 });
    }
  });

  it('in the middle of a write, lines that are whole are there once', async () => {
    for (let bytes = 0; bytes < 1_300; bytes += 91) {
      const path = logPath();
      let left = 1;
      const place = faulty(openAuditPlace(path), (call) => (call === 'append' && left-- > 0 ? `short ${bytes}` : null));
      const writer = openAuditWriter({ place }, { maxBytes: 1_000_000, batchMs: 1 });
      for (let i = 0; i < 3; i += 1) writer.note(eventOf(i));
      await writer.close();
      expect(requestsIn(path)).toEqual(['r0', 'r1', 'r2']);
      expect(await verifyAudit(path)).toMatchObject({ isWhole: true, events: 3 });
    }
  });

  it('for good, events are counted, within a bound of memory', async () => {
    const path = logPath();
    const place = faulty(openAuditPlace(path), (call) => (call === 'append' ? 'ENOSPC' : null));
    const writer = openAuditWriter({ place }, { maxBytes: 1_000_000, batchMs: 1 });
    const users = Array.from({ length: 1_000 }, (_, i) => `${'u'.repeat(100)}${i}`);
    for (let i = 0; i < 200; i += 1) writer.note(eventOf(i, { users }));
    const { lost, written } = await writer.close();
    expect([lost, written]).toEqual([200, 0]);
    expect(readPlainly(path)).toEqual([]);
  });

  it('says how many were lost, once that can be said', async () => {
    const path = logPath();
    let isFull = true;
    const place = faulty(openAuditPlace(path), (call) => (isFull && call === 'append' ? 'ENOSPC' : null));
    const writer = openAuditWriter({ place }, { maxBytes: 100_000_000, batchMs: 1 });
    const users = Array.from({ length: 1_000 }, (_, i) => `${'u'.repeat(100)}${i}`);
    for (let i = 0; i < 200; i += 1) writer.note(eventOf(i, { users }));
    const { lost } = writer.state();
    expect(lost).toBeGreaterThan(50);
    isFull = false;
    await writer.close();
    expect(await verifyAudit(path)).toMatchObject({ isWhole: true, events: 200 - lost, lost });
  });
});
