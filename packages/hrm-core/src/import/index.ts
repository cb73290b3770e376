/**
 * Files of readings: read in any format, gzipped or not, and enqueued with patience. Importing it loads no driver.
 * @module
 */

export type { ReadingRow } from '../formats/format.js';
export { FORMATS, type Format } from '../formats/formats.js';
export { readReadings } from '../formats/read-rows.js';
export { type Checkpoint, checkpointPath, openCheckpoint } from './checkpoint.js';
export { type ImportTarget, NOWHERE } from './destination.js';
export { faultLines } from './fault-lines.js';
export { type FileError, type FileOutcome, type FileResult, failedFiles, haveDamage } from './files/file-result.js';
export { type FinishedFiles, openFinishedFiles } from './files/finished-files.js';
export { importFiles } from './files/import-files.js';
export {
  checkImportOptions,
  type ImportFilesOptions,
  importFingerprint,
  parseColumns,
  parseReceivedAt,
} from './files/import-options.js';
export { type Inspection, inspectPaths } from './files/inspect-paths.js';
export { type ImportFile, listFiles } from './files/list-files.js';
export { type ImportAccount, toImportAccount } from './files/report.js';
export { failureLines, importFailure, reportText } from './files/report-text.js';
export { type ImportOptions, type ImportProgress, type ImportSummary, importReadings } from './import-readings.js';
export { closeInputs, type Input, type InputSurroundings, openInputs } from './inputs.js';
export type { Reason } from './reasons.js';
export { enqueuedText, type UploadError } from './upload/import-upload.js';
export { createUploads, type UploadSettings } from './upload/uploads.js';
