/**
 * Files of readings: read in any format, gzipped or not, and enqueued with patience. Importing it loads no driver.
 * @module
 */

export type { ReadingRow } from '../formats/format.js';
export { FORMATS, type Format } from '../formats/formats.js';
export { readReadings } from '../formats/read-rows.js';
export { type Checkpoint, checkpointPath, openCheckpoint } from './checkpoint.js';
export type { ImportTarget } from './destination.js';
export { faultLines } from './fault-lines.js';
export { type FinishedFiles, openFinishedFiles } from './finished-files.js';
export { type FileResult, type ImportFilesOptions, importFiles, needImportFiles } from './import-files.js';
export { type ImportOptions, type ImportProgress, type ImportSummary, importReadings } from './import-readings.js';
export { closeInputs, type Input, type InputSurroundings, openInputs } from './inputs.js';
export type { Reason } from './reasons.js';
export { type ImportFile, listFiles } from './walk-files.js';
