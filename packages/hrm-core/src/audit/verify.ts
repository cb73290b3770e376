/**
 * Whether a log is whole: that nothing in it was changed, put in or taken out, as far as what stands in it can show.
 *
 * Each write says what was in the file before it, each new file what was in the one before, and the small file how far the log had come. All these
 * are claims. Whoever may write the log may make all of it anew, claims too: a claim that was kept elsewhere shows that.
 */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { faultError } from '../errors.js';
import { MAX_FAULTS } from '../limits.js';
import { openAuditPlace } from './audit-place.js';
import { type AuditClaim, type AuditLine, isAuditEvent, parseAuditLine } from './event.js';
import {
  type AuditLogFile,
  auditBytes,
  auditLines,
  findAuditFiles,
  type RawLine,
  requireLogPath,
  unreadable,
} from './files.js';
import { claimOfWord, claimWord, parseHead } from './head.js';

/**
 * What is wrong. `changed`: bytes are not what a later line says. `missing`, `repeated`: by the numbers of a writer. `unreadable_line`: it is
 * no line, and nobody says that it was there. `cut`: the file is shorter than somebody has seen it. `file_missing`: between others.
 * `head_missing`: the small file is gone.
 */
export type AuditFaultCode =
  | 'changed'
  | 'missing'
  | 'repeated'
  | 'unreadable_line'
  | 'cut'
  | 'file_missing'
  | 'head_missing';

/** Something that is wrong with a log. */
export interface AuditFault {
  readonly code: AuditFaultCode;
  /** The name of the file. */
  readonly file: string;
  /** Bytes before the place. */
  readonly at: number;
}

/** What was found. */
export interface AuditVerification {
  readonly isWhole: boolean;
  readonly files: number;
  readonly events: number;
  /** Events that the log says were lost. */
  readonly lost: number;
  /** Pieces of lines whose writers were killed, or had no room; each is seen by a later line, or is the end. */
  readonly torn: number;
  /** Processes that have not said that they ended: they run, or were killed. */
  readonly unended: number;
  /** Where the log has come to, as one word: kept elsewhere it shows later that nothing before it was changed. `null`: it is empty. */
  readonly head: string | null;
  /** Whether it begins after files that are not there any more. */
  readonly isContinued: boolean;
  /** The first {@link MAX_FAULTS}. */
  readonly faults: readonly AuditFault[];
  readonly faultCount: number;
}

function claimOf(head: string): AuditClaim {
  const claim = claimOfWord(head);
  if (claim !== null) return claim;
  throw faultError('audit_head', 'the head is none: give the word that hrm audit verify has printed', '/head');
}

/** A claim, and whose it is: where the fault is told of. */
interface Pending extends AuditClaim {
  readonly by: Pick<AuditFault, 'file' | 'at'>;
}

interface Findings {
  readonly faults: AuditFault[];
  faultCount: number;
  /** By file. */
  readonly claims: Map<string, Pending[]>;
  /** Ends of pieces that are no line, by file: a claim must go beyond. */
  readonly pieces: Map<string, Pick<AuditFault, 'file' | 'at'>[]>;
  /** What lines say of files before theirs, by file. */
  readonly before: Map<string, AuditClaim>;
  /** The last number of each writer that has not ended. */
  readonly writers: Map<string, number>;
  isContinued: boolean;
  events: number;
  lost: number;
  torn: number;
}

/** How it is asked. */
export interface VerifyAuditOptions {
  /** Heads that were told before, and kept elsewhere. */
  readonly heads?: readonly string[] | undefined;
}

/**
 * Verifies a log, which may be written meanwhile.
 * @throws HrmError kind `unavailable`, code `audit_unreadable`; kind `invalid`, code `audit_head`, for a head that is none, and `audit_none` without a path.
 */
export async function verifyAudit(path: string, { heads = [] }: VerifyAuditOptions = {}): Promise<AuditVerification> {
  const claims = heads.map(claimOf);
  requireLogPath(path);
  const place = openAuditPlace(path);
  // Before the files: what comes later is no less.
  const headText = await place.readHead().catch((error) => {
    throw unreadable(path, error);
  });
  const files = await findAuditFiles(path);
  const found: Findings = {
    faults: [],
    faultCount: 0,
    claims: new Map(),
    pieces: new Map(),
    before: new Map(),
    writers: new Map(),
    isContinued: (files[0]?.before ?? '') !== '',
    events: 0,
    lost: 0,
    torn: 0,
  };
  const name = basename(path);
  const head = parseHead(headText);
  const own = { file: name, at: 0 };
  if (head === null && files.length > 0) fault(found, 'head_missing', own);
  for (const claim of [...(head === null ? [] : [head]), ...claims]) addClaim(found, claim, own);
  try {
    for (const file of files) await readLines(file, found);
    const last = await proveAll(files, found);
    for (const missing of missingFiles(files, found, [...claims, ...(head === null ? [] : [head])]))
      fault(found, 'file_missing', { file: missing, at: 0 });
    const { faults, faultCount, events, lost, torn, writers, isContinued } = found;
    const counts = { files: files.length, events, lost, torn, unended: writers.size };
    return {
      isWhole: faultCount === 0,
      ...counts,
      head: last === null ? null : claimWord(last),
      isContinued,
      faults,
      faultCount,
    };
  } catch (error) {
    throw unreadable(path, error);
  }
}

function fault(found: Findings, code: AuditFaultCode, { file, at }: Pick<AuditFault, 'file' | 'at'>): void {
  found.faultCount += 1;
  if (found.faults.length < MAX_FAULTS) found.faults.push({ code, file, at });
}

function addClaim(found: Findings, { file, at, seen }: AuditClaim, by: Pending['by']): void {
  // Of an empty file there is nothing to say.
  if (file === '') return;
  const those = found.claims.get(file) ?? [];
  those.push({ file, at, seen, by });
  found.claims.set(file, those);
}

/** Reads the lines of a file: what they claim is proved later. */
async function readLines({ path, id }: AuditLogFile, found: Findings): Promise<void> {
  const file = basename(path);
  for await (const raw of auditLines(path)) {
    if (raw.bytes.length === 0) continue;
    const { line, torn } = parseAuditLine(Buffer.from(raw.bytes).toString('utf8'));
    const place = { file, at: raw.at };
    if (torn > 0) notePiece(found, { id, raw, place, isWhole: line !== null });
    if (line === null) continue;
    if (line.at !== undefined && line.seen !== undefined)
      addClaim(found, { file: line.at === 0 ? '' : id, at: line.at, seen: line.seen }, place);
    if (line.previous !== undefined) {
      addClaim(found, line.previous, place);
      found.before.set(line.previous.file, line.previous);
    }
    countLine(found, line, place);
  }
}

function notePiece(
  found: Findings,
  {
    id,
    raw,
    place,
    isWhole,
  }: { readonly id: string; readonly raw: RawLine; readonly place: Pending['by']; readonly isWhole: boolean },
): void {
  found.torn += 1;
  // The end of a file may be torn, since its writer was killed a moment ago. What the small file says is before it.
  if (isWhole || !raw.isEnded) return;
  const those = found.pieces.get(id) ?? [];
  those.push({ file: place.file, at: raw.at + raw.bytes.length });
  found.pieces.set(id, those);
}

function countLine(found: Findings, line: AuditLine, place: Pending['by']): void {
  const { writer, seq } = line;
  const last = found.writers.get(writer);
  // Of a writer whose first lines are in files that are gone, the numbers begin anywhere.
  if (last === undefined ? seq !== 1 && !found.isContinued : seq > last + 1) fault(found, 'missing', place);
  if (last !== undefined && seq <= last) fault(found, 'repeated', place);
  found.writers.set(writer, Math.max(seq, last ?? 0));
  if (isAuditEvent(line)) found.events += 1;
  else if (line.action === 'closed') found.writers.delete(writer);
  else if (line.action === 'lost') found.lost += line.count;
}

/** Proves all claims, file by file. @returns how far the last one has come. */
async function proveAll(files: readonly AuditLogFile[], found: Findings): Promise<AuditClaim | null> {
  let last: AuditClaim | null = null;
  for (const file of files) last = await prove(file, found);
  return last;
}

/**
 * Beginnings of the ids of files that are missing. That the oldest were deleted is no fault: each log has an end. Those that somebody asks for must be
 * there, and those that are not older than all that are.
 */
function missingFiles(
  files: readonly AuditLogFile[],
  { before }: Findings,
  asked: readonly AuditClaim[],
): readonly string[] {
  const ids = new Set(['', ...files.map(({ id }) => id)]);
  const oldest = files[0]?.time ?? '';
  const between = [...before.values()].filter(({ began = '' }) => began >= oldest);
  return [...new Set([...between, ...asked].map(({ file }) => file))]
    .filter((id) => !ids.has(id))
    .map((id) => id.slice(0, 8));
}

async function prove({ path, id }: AuditLogFile, found: Findings): Promise<AuditClaim> {
  const claims = (found.claims.get(id) ?? []).sort((a, b) => a.at - b.at);
  const hash = createHash('sha256');
  let at = 0;
  let next = 0;
  let proved = 0;
  for await (const chunk of auditBytes(path)) {
    let from = 0;
    for (let claim = claims[next]; claim !== undefined && claim.at <= at + chunk.length; claim = claims[next]) {
      hash.update(chunk.subarray(from, claim.at - at));
      from = claim.at - at;
      if (hash.copy().digest('hex') === claim.seen) proved = claim.at;
      else fault(found, 'changed', claim.by);
      next += 1;
    }
    hash.update(chunk.subarray(from));
    at += chunk.length;
  }
  for (const claim of claims.slice(next)) fault(found, 'cut', claim.by);
  for (const piece of found.pieces.get(id) ?? []) if (piece.at > proved) fault(found, 'unreadable_line', piece);
  return { file: id, at, seen: hash.digest('hex') };
}
