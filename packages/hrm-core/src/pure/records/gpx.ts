/**
 * GPX 1.1 with heart rates as Garmin's TrackPointExtension has them, a track a device. Each point must have a position. None is known, so it is
 * 0, 0, and the document says so.
 * @see https://www.topografix.com/GPX/1/1/
 */
import { formatInstant } from '../reading/timestamp.js';
import { inPieces, type RecordForm } from './form.js';
import { READING_TYPES } from './media-types.js';
import { deviceRuns } from './table.js';
import { xmlText } from './xml-text.js';

/** What a document of several devices names as its creator; each track names its device. */
const GPX_CREATOR = 'hrm';

const EXTENSION = 'http://www.garmin.com/xmlschemas/TrackPointExtension/v1';

/** Tracks without positions. */
export const gpxTracks: RecordForm<'gpx'> = {
  name: 'gpx',
  title: 'GPX tracks',
  mediaType: READING_TYPES.gpx,
  extension: 'gpx',
  hasIntervals: false,
  hasIds: false,
  begin: ({ deviceId }) => ({
    head:
      '<?xml version="1.0" encoding="UTF-8"?>\n' +
      `<gpx version="1.1" creator="${xmlText(deviceId ?? GPX_CREATOR)}" xmlns="http://www.topografix.com/GPX/1/1" xmlns:gpxtpx="${EXTENSION}">\n` +
      '<metadata><desc>Heart rates without positions: each is written as 0, 0, since GPX has no point without one.</desc></metadata>\n',
    *table(records) {
      const { startMs, heartRate } = records;
      for (const { from, to, deviceId: device } of deviceRuns(records)) {
        const name = xmlText(device);
        yield `<trk><name>${name}</name><src>${name}</src><trkseg>\n`;
        yield* inPieces(from, to, (row) => {
          const rate = `<gpxtpx:TrackPointExtension><gpxtpx:hr>${heartRate[row]}</gpxtpx:hr></gpxtpx:TrackPointExtension>`;
          return `<trkpt lat="0" lon="0"><time>${formatInstant(startMs[row] as number)}</time><extensions>${rate}</extensions></trkpt>\n`;
        });
        yield '</trkseg></trk>\n';
      }
    },
    end: () => '</gpx>\n',
  }),
};
