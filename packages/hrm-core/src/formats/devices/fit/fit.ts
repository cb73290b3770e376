/**
 * FIT, the files of Garmin, Wahoo, Coros, Suunto, Zwift and many apps. Its own reader, by the published protocol: Garmin's library has a licence
 * that this project cannot take, and those of npm lose chained files, straps or what stands before a cut.
 * @see https://developer.garmin.com/fit/protocol/
 */
import { evenPieces } from '../../bytes.js';
import type { FileFormat } from '../../file-format.js';
import { createPieceGatherer } from '../../gather-pieces.js';
import { createFitReader, isFitHeader } from './reader.js';

const PIECE_BYTES = 64 * 1024;

/** FIT: activities, monitoring, straps, health snapshots. */
export const fitFormat: FileFormat = {
  name: 'fit',
  title: 'FIT',
  recognizes: (head) => isFitHeader(head),
  async *read(bytes) {
    const gatherer = createPieceGatherer();
    const reader = createFitReader(gatherer);
    for await (const piece of evenPieces(bytes, PIECE_BYTES)) {
      reader.write(piece);
      yield* gatherer.take();
    }
    reader.end();
    yield* gatherer.take();
  },
};
