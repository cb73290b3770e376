/**
 * What the formats of devices and of health exports have in common. A format turns bytes into pieces: values of devices as the file has
 * them, and what it found besides. It judges nothing: `judge/judge.ts` does that for all formats alike.
 *
 * Nothing here, and nothing that a format loads, is of Node: a page in a browser reads files by the same code.
 */

/** Why a value of a file became no reading. The names are API. */
export const DROP_REASONS = [
  /** The device had none: a field that says "invalid", null, an empty text. */
  'absent',
  /** 0: the sensor did not touch the skin. */
  'no_contact',
  /** 1 to 29 bpm. */
  'too_low',
  /** Over 220 bpm. */
  'too_high',
  /** The device says that it does not trust the value. */
  'low_confidence',
  /** None, or one of a clock that was never set (before 2000), or one that no clock showed, since it was set forward. */
  'no_time',
  /** Its time has no zone, where others of the file have one, and none was given. */
  'no_zone',
  /** Further back than the setting of the oldest reading allows. */
  'too_old',
  'expired',
  /** Further ahead of the clock than readings may be. */
  'in_future',
  /** The file has that device and millisecond before. */
  'duplicate',
  /** It cannot be read, or the file breaks off there. */
  'damaged',
  /** Beyond a bound of this software, which a note names. */
  'too_large',
  /** An average, a maximum, a resting heart rate: not what was measured at one time. */
  'summary',
] as const;

/** One of {@link DROP_REASONS}. */
export type DropReason = (typeof DROP_REASONS)[number];

/** Values of one device in the order of the file: arrays of one length. Fractions are allowed, NaN is not. */
export interface ValuePiece {
  readonly kind: 'values';
  /** Where the file itself says whose they are. */
  readonly userId?: string | undefined;
  /** Stable between exports; see `toDeviceId`. */
  readonly deviceId: string;
  /** Epoch milliseconds UTC. */
  readonly timesMs: readonly number[];
  /** bpm. */
  readonly heartRates: readonly number[];
}

/** Values that only the format can tell to be none: `absent`, `low_confidence`, `no_time`, `no_zone`, `too_large`, `summary`, `damaged`. */
interface DroppedPiece {
  readonly kind: 'dropped';
  readonly reason: DropReason;
  /** >= 1. */
  readonly count: number;
}

/**
 * A place from which on nothing can be read. The generator ends behind it where nothing more can be: what came before stays. A format that finds its way
 * again, such as the next file of a chain, goes on.
 */
export interface DamagePiece {
  readonly kind: 'damage';
  /** `byte 4711`, `line 61`, `activities/17.fit: byte 12`. */
  readonly at: string;
  /** What is wrong, without a value of the file. */
  readonly message: string;
}

/** What somebody should know of the file. */
interface NotePiece {
  readonly kind: 'note';
  /** Stable, snake_case: `crc_mismatch`, `no_series`. */
  readonly code: string;
  /** For people, without a value of the file. Few different ones: they are counted by it. */
  readonly message: string;
}

/** What a format yields. */
export type Piece = ValuePiece | DroppedPiece | DamagePiece | NotePiece;

/** A wall clock's time, where a file has no zone: of the proleptic Gregorian calendar, the month from 1 on. */
export interface LocalTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond?: number | undefined;
}

/** Why a wall clock's time is no instant: `no_zone` none was given; `no_time` no clock of the zone showed it. */
export type NoInstant = Extract<DropReason, 'no_zone' | 'no_time'>;

/** A file any part of which can be read, for formats whose bytes do not lie in the order in which they are needed. */
export interface RandomAccessFile {
  readonly byteLength: number;
  /** Bytes `from <= at < to`; fewer where the file ends before. */
  slice(from: number, to: number): Promise<Uint8Array>;
}

/** What a column of a table may be of. */
export const COLUMN_ROLES = ['timestamp', 'date', 'time', 'heart_rate', 'device_id', 'user_id'] as const;

/** One of {@link COLUMN_ROLES}. */
export type ColumnRole = (typeof COLUMN_ROLES)[number];

/** What a format may ask for besides bytes. */
export interface FormatContext {
  /** As it was named; within an archive with its folders: `apple_health_export/export.xml`. */
  readonly fileName: string;
  /** Values that the device does not trust are wanted, too. */
  readonly keepLowConfidence: boolean;
  /**
   * The instant of a wall clock's time in the zone that was given with the file, epoch milliseconds. Nothing is assumed where none was given.
   * @param series - whose times follow each other, such as a device's: of an hour that a clock shows twice the first counts, until they go
   *   back; where they go backwards in the file it is the other way round. Default: all times of the file.
   */
  toEpochMs(local: LocalTime, series?: string): number | NoInstant;
  /** The names of columns of a table by what they are of, where somebody says: `{ heart_rate: 'Puls' }`. */
  readonly columns?: Readonly<Partial<Record<ColumnRole, string>>> | undefined;
  /** The file itself; `undefined` where it is a stream. */
  readonly file?: RandomAccessFile | undefined;
}

/** One format. To add one: a file that exports one of these, and its line in the table of `file-formats.ts`. */
export interface FileFormat {
  /** As accounts and options spell it; never changes: `fit`, `apple-health`. */
  readonly name: string;
  /** For people: `Apple Health export`. */
  readonly title: string;
  /**
   * Whether an input that begins so is of this format. By content; a name only decides where contents are alike.
   * @param head - {@link HEAD_BYTES} bytes, or all.
   */
  recognizes(head: Uint8Array, fileName: string): boolean;
  /**
   * Reads an input to its end or to its damage; it never throws for what the bytes are.
   * @param bytes - gunzipped, in pieces of any size.
   */
  read(bytes: AsyncIterable<Uint8Array>, context: FormatContext): AsyncGenerator<Piece>;
}

/** Bytes of a beginning by which formats know themselves: preambles and DTDs are long. */
export const HEAD_BYTES = 8_192;
