/** Whole files to a server, and what came of them. */
import { checkId, queryOf } from './options.js';
import type { ClientCallOptions } from './request.js';
import { badAnswerError, type Fields, toFields, toList, toNumber, toText } from './wire.js';

/** How long a file may take to be sent and imported, milliseconds, if nothing else is said. */
export const IMPORT_TIMEOUT_MS = 3_600_000;

/** How a server is to import a file. */
export interface ImportFileOptions extends ClientCallOptions {
  /** Whose readings they are, where the file does not say. */
  readonly userId: string;
  /** The account says it, and its ending may tell what the file is. */
  readonly fileName?: string | undefined;
  /** Where times were taken that have no zone in the file, such as `Europe/Madrid`; default: such a file is refused. */
  readonly timeZone?: string | undefined;
  /** When the readings count as received; default for devices' files: before everything that was posted. */
  readonly receivedAt?: 'now' | Date | undefined;
  /** Keep values that the device itself does not trust; default false. */
  readonly keepLowConfidence?: boolean | undefined;
  /** Pass over faulty rows of CSV and NDJSON; default false. */
  readonly skipInvalid?: boolean | undefined;
  /** Refuse a file with damage, or with values that cannot be right; default false. */
  readonly strict?: boolean | undefined;
  /** Judge everything, and keep nothing; default false. */
  readonly dryRun?: boolean | undefined;
  /** For all of it, whole milliseconds; default an hour. */
  readonly timeoutMs?: number | undefined;
}

/** What a server imported. */
export interface ImportedFiles {
  readonly dryRun: boolean;
  /** Readings that are queued durably. */
  readonly enqueued: number;
  /** The file, or those of an archive. */
  readonly files: readonly ImportedFile[];
}

/** What became of a file. */
export interface ImportedFile {
  /** As it was named, and within an archive by its place there. */
  readonly file: string;
  /** `imported`, `damaged`, `not_read`, `refused`, `unknown` or `failed`. */
  readonly outcome: string;
  readonly enqueued: number;
  /** Of a device's file or an export, `undefined` of others. */
  readonly format: string | undefined;
  readonly readings: number;
  readonly devices: readonly ImportedDevice[];
  /** Values that became no reading, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly notes: readonly { readonly code: string; readonly message: string; readonly count: number }[];
  /** Places from which on nothing could be read, the first of them. */
  readonly damages: readonly { readonly at: string; readonly message: string }[];
  /** Rows of CSV and NDJSON that were passed over. */
  readonly rejected: number;
  /** Why nothing, or no more, of it was imported; `null` where all was. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** What a file has of one device. */
export interface ImportedDevice {
  /** `undefined`: whoever it was imported for. */
  readonly userId: string | undefined;
  readonly deviceId: string;
  readonly count: number;
  /** ISO 8601 UTC. */
  readonly first: string;
  readonly last: string;
}

/** The call as a path. @throws HrmError kind `invalid`, code `invalid_query`, for a text that no URL could carry. */
export function importPath({
  userId,
  fileName,
  timeZone,
  receivedAt,
  keepLowConfidence,
  skipInvalid,
  strict,
  dryRun,
}: ImportFileOptions): string {
  checkId('userId', userId);
  if (fileName !== undefined) checkId('fileName', fileName);
  return `/imports?${queryOf({
    user_id: userId,
    file_name: fileName,
    time_zone: timeZone,
    received_at: receivedAt instanceof Date ? receivedAt.toISOString() : receivedAt,
    keep_low_confidence: keepLowConfidence,
    skip_invalid: skipInvalid,
    strict,
    dry_run: dryRun,
  })}`;
}

/** The account of an import. @throws HrmError code `bad_answer`. */
export function toImported(value: unknown): ImportedFiles {
  const { dry_run: dryRun, enqueued, files } = toFields(value);
  if (typeof dryRun !== 'boolean') throw badAnswerError();
  return { dryRun, enqueued: toNumber(enqueued), files: toList(files, toFile) };
}

function toFile(value: unknown): ImportedFile {
  const fields = toFields(value);
  const { file, outcome, enqueued, format, error } = fields;
  return {
    file: toText(file),
    outcome: toText(outcome),
    enqueued: toNumber(enqueued),
    format: format === undefined ? undefined : toText(format),
    readings: countOf(fields, 'readings'),
    devices: listOf(fields, 'devices', toDevice),
    dropped: Object.fromEntries(
      Object.entries(toFields(fields.dropped ?? {})).map(([name, count]) => [name, toNumber(count)]),
    ),
    notes: listOf(fields, 'notes', (note) => {
      const { code, message, count } = toFields(note);
      return { code: toText(code), message: toText(message), count: toNumber(count) };
    }),
    damages: listOf(fields, 'damages', (damage) => {
      const { at, message } = toFields(damage);
      return { at: toText(at), message: toText(message) };
    }),
    rejected: countOf(fields, 'rejected'),
    error: error === undefined ? null : toError(toFields(error)),
  };
}

function toDevice(value: unknown): ImportedDevice {
  const { user_id: userId, device_id: deviceId, count, first, last } = toFields(value);
  return {
    userId: userId === undefined ? undefined : toText(userId),
    deviceId: toText(deviceId),
    count: toNumber(count),
    first: toText(first),
    last: toText(last),
  };
}

function toError({ code, message }: Fields) {
  return { code: toText(code), message: toText(message) };
}

/** A count that is only there where there is something to count. */
function countOf(fields: Fields, name: string): number {
  return toNumber(fields[name] ?? 0);
}

/** A list that is only there where there is something to list. */
function listOf<Item>(fields: Fields, name: string, toItem: (item: unknown) => Item): readonly Item[] {
  return toList(fields[name] ?? [], toItem);
}
