/**
 * The formats of devices and of health exports, and what judges their values. It loads nothing of Node and runs in a browser, too.
 * @module
 */

export {
  type HeartRateMeasurement,
  judgeMeasurement,
  parseHeartRateMeasurement,
} from './bluetooth/heart-rate-measurement.js';
export { toDeviceId } from './device-id.js';
export {
  COLUMN_ROLES,
  DROP_REASONS,
  type DropReason,
  type FileFormat,
  type FormatContext,
  HEAD_BYTES,
  type LocalTime,
  type Piece,
  type RandomAccessFile,
} from './file-format.js';
export { FILE_FORMATS, recognizeFile } from './file-formats.js';
export type { DeviceAccount, FileAccount, FileNote } from './judge/account.js';
export type { JudgedReadings } from './judge/judge.js';
export { hasOwnRows, isForImport } from './own-rows.js';
export { readDroppedFile } from './read-dropped-file.js';
export { type HealthFileOptions, readHealthFile, unknownFileError } from './read-health-file.js';
export type { ArchiveFault, ArchiveFile } from './zip/read-archive.js';
