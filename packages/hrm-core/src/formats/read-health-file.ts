import { faultError, isHrmError } from '../errors.js';
import { MAX_TIMES_WITHOUT_ZONE } from '../limits.js';
import { type FormatContext, HEAD_BYTES, type RandomAccessFile } from './file-format.js';
import { recognizeFile } from './file-formats.js';
import type { FileAccount } from './judge/account.js';
import { createJudge, type JudgedReadings, type JudgeRules } from './judge/judge.js';
import { createTimeZone, timeZoneNeededError } from './judge/time-zone.js';
import { readHead } from './read-head.js';

/** How a file is read. */
export interface HealthFileOptions extends JudgeRules {
  /** As it was named. */
  readonly fileName: string;
  /** Of times that have none: `Europe/Madrid`, `+02:00`; default: such a file is refused. */
  readonly timeZone?: string | undefined;
  /** Keep values that the device does not trust; default false. */
  readonly keepLowConfidence?: boolean | undefined;
  /** The file itself, where it is no stream. */
  readonly file?: RandomAccessFile | undefined;
  /** The columns of a table, by what they are of. */
  readonly columns?: FormatContext['columns'];
}

/**
 * Reads a file of a device or a health export, whatever its format: some readings at a time, in bounded memory. Damage ends the file, not
 * the account.
 * @param bytes - gunzipped, in pieces of any size.
 * @returns the account of the file, when it is read; `null` where no format knows it, and then nothing was yielded.
 * @throws HrmError kind `invalid`, code `time_zone_needed` or `invalid_time_zone`; and what reading the bytes throws, except kind `invalid`,
 *   code `invalid_input`, which is damage.
 */
export async function* readHealthFile(
  bytes: AsyncIterable<Uint8Array>,
  { fileName, timeZone, keepLowConfidence = false, file, columns, ...rules }: HealthFileOptions,
): AsyncGenerator<JudgedReadings, FileAccount | null> {
  const zone = createTimeZone(timeZone);
  let damage: string | null = null;
  const { head, whole } = await readHead(
    untilDamage(bytes, (message) => {
      damage = message;
    }),
    HEAD_BYTES,
  );
  const format = recognizeFile(head, fileName, columns);
  if (format === undefined) return null;
  const judge = createJudge(format.name, rules);
  let isEmpty = true;
  const context: FormatContext = { fileName, keepLowConfidence, toEpochMs: zone.toEpochMs, file, columns };
  for await (const piece of format.read(whole, context)) {
    const readings = judge.take(piece);
    if (readings !== null) {
      isEmpty = false;
      yield readings;
    }
    if (zone.missingCount() > MAX_TIMES_WITHOUT_ZONE) refuseWithoutZone();
  }
  if (damage !== null) judge.take({ kind: 'damage', at: 'end', message: damage });
  if (zone.missingCount() > 0) refuseWithoutZone();
  return judge.account(zone.notes());

  /** A single time may lack its zone; where no other has one, the zone is missing. */
  function refuseWithoutZone(): void {
    if (isEmpty) throw timeZoneNeededError();
  }
}

/** Bytes up to where they cannot be read any more, as if they ended there: a format makes of them what it can. */
async function* untilDamage(
  bytes: AsyncIterable<Uint8Array>,
  onDamage: (message: string) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    if (!isHrmError(error) || error.code !== 'invalid_input') throw error;
    onDamage(error.faults[0]?.message ?? error.message);
  }
}

/** The error of a file that no format knows, with what it looks like. @param head - its first bytes. */
export function unknownFileError(fileName: string, head: Uint8Array, byteLength: number | undefined) {
  return faultError('unknown_format', `${fileName}: ${unknownFormatText(head, byteLength)}`, fileName);
}

/** What a file looks like that no format knows. Nothing of a text is repeated: it may be somebody's name. */
export function unknownFormatText(head: Uint8Array, byteLength: number | undefined): string {
  return `no known format (${byteLength === undefined ? 'a stream' : `${byteLength} bytes`}, ${looksOf(head)})`;
}

/** Bytes by which formats that are no text are usually known. */
const MAGIC_BYTES = 4;

/** What kind of bytes a file begins with. */
function looksOf(head: Uint8Array): string {
  if (head.length === 0) return 'empty';
  const isWide = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
  if (isWide) return 'text in UTF-16';
  if (isText(head)) return 'text';
  const magic = [...head.subarray(0, MAGIC_BYTES)].map((byte) => byte.toString(16).padStart(2, '0'));
  return `binary, begins with ${magic.join(' ')}`;
}

/** In UTF-8, or in an older encoding of a language whose letters are mostly those of ASCII. */
function isText(head: Uint8Array): boolean {
  if (!head.every((byte) => byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0c || byte === 0x0d))
    return false;
  if (head.filter((byte) => byte < 0x80).length * 2 >= head.length) return true;
  try {
    // The last character may be cut.
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}
