/**
 * The file that a writer is at: the one at the path, until somebody gives it another name; then what came last into it is read, and the next
 * one says so.
 */
import type { AuditPlace } from './audit-place.js';
import type { AuditClaim } from './event.js';
import { type FollowedFile, followAuditFile } from './follow.js';
import { headText, parseHead } from './head.js';

/** The file of a writer. Every method throws what the place throws. */
export interface LogFile {
  /** The file at the path, read to its end. */
  current(): Promise<FollowedFile>;
  /** Gives it another name; the next {@link LogFile.current} is another file. */
  setAside(nowMs: number): Promise<void>;
  /** What the next line has to say of a file before, or of this one as it was before somebody cut it; `undefined`: nothing. */
  previous(): AuditClaim | undefined;
  /** A line of the writer is in it. */
  written(): void;
  /** Says beside the log how far it has come. */
  noteHead(): Promise<void>;
  close(): Promise<void>;
}

/** Who hears of files. */
export interface LogFileListener {
  /** What was written last into a file that is left is read; `null`: it cannot be. */
  onLeft(file: FollowedFile | null): void;
}

/** Creates it; nothing is opened yet. @param writer - whose lines are looked for. */
export function createLogFile(place: AuditPlace, writer: string, { onLeft }: LogFileListener): LogFile {
  let open: FollowedFile | null = null;
  let before: AuditClaim | null = null;
  let isNewHere = true;
  let asides = 0;

  async function leave(file: FollowedFile): Promise<void> {
    try {
      await file.readOn();
      onLeft(file);
    } catch {
      // A file server has forgotten it, or its disk is gone.
      onLeft(null);
    }
    before = file.claim();
    open = null;
    await file.file.close().catch(() => undefined);
  }

  async function begin(): Promise<FollowedFile> {
    const file = followAuditFile(await place.open(), writer);
    open = file;
    isNewHere = true;
    before ??= parseHead(await place.readHead());
    // Without it nobody could tell a log that was taken away from one that never was.
    if (before === null) await place.writeHead(headText(file.claim()));
    return file;
  }

  return {
    async current() {
      if (open !== null && !(await place.isCurrent(open.file))) await leave(open);
      const file = open ?? (await begin());
      const known = file.claim();
      if (await file.readOn()) {
        before = known;
        isNewHere = true;
      }
      return file;
    },
    async setAside(nowMs) {
      const stamp = new Date(nowMs).toISOString().replace(/[-:]/g, '');
      asides += 1;
      // Two that do so at once must not write over each other's.
      await place.setAside(`${stamp}-${writer}-${asides}`);
    },
    previous() {
      if (!isNewHere || open === null || before === null || before.file === '') return undefined;
      const { file, at } = open.claim();
      return before.file === file && before.at <= at ? undefined : before;
    },
    written() {
      isNewHere = false;
    },
    async noteHead() {
      if (open !== null) await place.writeHead(headText(open.claim()));
    },
    async close() {
      await open?.file.close();
      open = null;
    },
  };
}
