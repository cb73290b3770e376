/** What the import of an upload and its thread say to each other. */
import type { FileHandle } from 'node:fs/promises';
import { type Fault, HrmError, type HrmErrorKind } from '../../errors.js';
import type { ImportFilesOptions } from '../files/import-options.js';

/** How the file of an upload is imported. */
export interface UploadRules
  extends Pick<
    ImportFilesOptions,
    | 'user'
    | 'timeZone'
    | 'keepLowConfidence'
    | 'receivedMs'
    | 'strict'
    | 'dryRun'
    | 'skipInvalid'
    | 'naiveTimestamps'
    | 'maxFutureMs'
    | 'maxPastMs'
    | 'spoolDirectory'
    | 'maxSpoolBytes'
    | 'retention'
  > {
  /** As the file is named to people; its ending may tell what it is. */
  readonly fileName: string;
}

/** The first message to the thread: the file is its own from then on. */
export interface Order {
  readonly handle: FileHandle;
  readonly rules: UploadRules;
}

/** What the thread asks for. */
export type Ask =
  | {
      readonly type: 'enqueue';
      readonly id: number;
      readonly items: readonly unknown[];
      readonly receivedMs: number | undefined;
    }
  /** Whether whoever sends the file may send readings of these. */
  | { readonly type: 'users'; readonly id: number; readonly userIds: readonly unknown[] }
  | { readonly type: 'depth'; readonly id: number };

/** What it gets: a value, or why there is none. */
export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: PlainError };

/** What the thread says. */
export type Saying =
  | Ask
  /** The account as JSON; where no file could be imported, why. */
  | { readonly type: 'done'; readonly account: Uint8Array<ArrayBuffer>; readonly failure: PlainError | null }
  | { readonly type: 'failed'; readonly error: PlainError };

/** An HrmError that leaves its thread. */
export interface PlainError {
  readonly kind: HrmErrorKind;
  readonly code: string;
  readonly message: string;
  readonly faults: readonly Fault[];
  readonly faultCount: number;
}

/** Without what only its own thread may know. */
export function toPlainError({ kind, code, message, faults, faultCount }: HrmError): PlainError {
  return { kind, code, message, faults: [...faults], faultCount };
}

/** The error in the other thread. */
export function fromPlainError({ message, ...details }: PlainError): HrmError {
  return new HrmError(message, details);
}
