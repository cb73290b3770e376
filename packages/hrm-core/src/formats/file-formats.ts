import { gpxFormat } from './devices/gpx.js';
import { tcxFormat } from './devices/tcx.js';
import type { FileFormat } from './file-format.js';

/** The formats of devices and of health exports: one line each. The first that knows itself reads the file. */
export const FILE_FORMATS: readonly FileFormat[] = [tcxFormat, gpxFormat];

/** The format of what begins so; `undefined` where none knows it. @param head - `HEAD_BYTES` bytes, or all. */
export function recognizeFile(head: Uint8Array, fileName: string): FileFormat | undefined {
  return FILE_FORMATS.find((format) => format.recognizes(head, fileName));
}
