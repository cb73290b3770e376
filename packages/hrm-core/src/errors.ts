/**
 * What went wrong, for the caller's next step. Each kind maps to one HTTP status and one CLI exit code:
 * `invalid` the input is at fault · `conflict` another writer was first · `unavailable` try again later ·
 * `data` a stored file or element cannot be read, or readings cannot be stored for what they are · `closed` the component was closed or the call aborted ·
 * `internal` a defect in this software.
 */
export type HrmErrorKind = 'invalid' | 'conflict' | 'unavailable' | 'data' | 'closed' | 'internal';

/** One thing wrong with an input: where, and what is allowed. Never carries the value of a reading. */
export interface Fault {
  /** JSON Pointer (RFC 6901) into the input: `/3/heart_rate`; `''` is the whole input. */
  readonly path: string;
  /** What is wrong and what would be right, for people. */
  readonly message: string;
}

/** The stored file that an error is of, without whose it is. */
export interface FaultyFile {
  /** The UTC date of its partition, `YYYYMMDD`. */
  readonly date: string;
  /** Its name within the partition: another writer's may hold anything. */
  readonly name: string;
}

/** Everything {@link HrmError} carries besides its message. */
export interface HrmErrorDetails {
  readonly kind: HrmErrorKind;
  /** Stable, machine-readable, snake_case: `invalid_readings`, `queue_full`. Codes are API, messages are not. */
  readonly code: string;
  readonly cause?: unknown;
  /** Every fault found, at most {@link MAX_FAULTS} of them; empty unless the kind is `invalid`. */
  readonly faults?: readonly Fault[];
  /** How many faults there were in all; defaults to `faults.length`. */
  readonly faultCount?: number;
  /** The file at fault, where it is one. */
  readonly file?: FaultyFile | undefined;
  /** Milliseconds to wait before another try, where a server has said so. */
  readonly retryAfterMs?: number | undefined;
}

/** The one error type that this package throws on purpose. */
export class HrmError extends Error {
  readonly kind: HrmErrorKind;
  readonly code: string;
  readonly faults: readonly Fault[];
  readonly faultCount: number;
  /** The file at fault; `undefined` where it is none. */
  readonly file: FaultyFile | undefined;
  /** Milliseconds to wait before another try; `undefined` where no server has said so. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, details: HrmErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'HrmError';
    this.kind = details.kind;
    this.code = details.code;
    this.faults = details.faults ?? [];
    this.faultCount = details.faultCount ?? this.faults.length;
    this.file = details.file;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/**
 * Tells an {@link HrmError} from anything else, also across two copies of this package (ESM and CJS in one process).
 */
export function isHrmError(error: unknown): error is HrmError {
  return error instanceof Error && error.name === 'HrmError' && 'kind' in error && 'code' in error;
}

/** Faults in one line, for people: `start is missing; end must not be before it`. */
export function joinFaults(faults: readonly Fault[]): string {
  return faults.map(({ path, message }) => `${path.slice(1)} ${message}`.trim()).join('; ');
}

/**
 * The error of an input, kind `invalid`, whose message lists the faults.
 * @param what - what is wrong as a whole, before the list: "the query is not valid".
 */
export function faultsError(
  code: string,
  faults: readonly Fault[],
  { what, cause }: { readonly what?: string; readonly cause?: unknown } = {},
): HrmError {
  const listed = joinFaults(faults);
  return new HrmError(what === undefined ? listed : `${what}: ${listed}`, { kind: 'invalid', code, faults, cause });
}

/** The error of an input with one fault, kind `invalid`, that is told in full. @param path - of the fault; default the whole input. */
export function faultError(code: string, message: string, path = ''): HrmError {
  return new HrmError(message, { kind: 'invalid', code, faults: [{ path, message }] });
}

/** The code of an error, the system's (`ENOENT`) or ours, or `''`. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Whether a failure is of the storage or of the call, so that going on with another partition makes no sense. */
export function isTotal(error: unknown): boolean {
  return !isHrmError(error) || error.kind === 'closed' || error.code === 'storage_full';
}

/** Whether a file of a snapshot was replaced before it was read, by a storage that does not hold it open. */
export function isGone(error: unknown): boolean {
  return isHrmError(error) && error.code === 'file_gone';
}

/** The error of a file that is no longer there, or was never opened, since it was known. */
export function goneError(name: string): HrmError {
  const message = `${name} is not there any more, or was not opened: look again`;
  return new HrmError(message, { kind: 'conflict', code: 'file_gone' });
}

/**
 * Whether a failure says that readings themselves cannot be stored, now or ever, and nothing else does: kind `data`, code
 * `unstorable_readings`. By it alone readings become dead letters when they are written.
 */
export function isUnstorable(error: unknown): boolean {
  return isHrmError(error) && error.kind === 'data' && error.code === 'unstorable_readings';
}

/**
 * The error of a storage that is not the store that a queue's readings went to.
 * @param what - what is there instead, as the beginning of a sentence.
 * @param code - `storage_missing` where there is no store, `storage_replaced` where there is another.
 */
export function otherStoreError(what: string, code: 'storage_missing' | 'storage_replaced'): HrmError {
  return new HrmError(
    `${what}: mount the disk, or name the place (HRM_DATA_DIR, HRM_STORAGE_URL), of the store that the readings of this queue went to, or run hrm drain --adopt to go on with this one`,
    { kind: 'unavailable', code },
  );
}

/** What the target of a copy is that holds something else. */
export function otherTargetError(place: string): HrmError {
  const message = `${place} holds another store: name an empty place, or one where a copy of this store was begun`;
  return new HrmError(message, { kind: 'invalid', code: 'other_store' });
}

/**
 * The error of an aborted call.
 * @param what - the call that was aborted, in the form "claiming a batch".
 */
export function abortedError(what: string, cause?: unknown): HrmError {
  return new HrmError(`${what} was aborted`, { kind: 'closed', code: 'aborted', cause });
}

/**
 * Throws when `signal` has fired.
 * @throws HrmError kind `closed`, code `aborted`.
 */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw abortedError(what, signal.reason);
}
