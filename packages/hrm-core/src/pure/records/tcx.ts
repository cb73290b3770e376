/**
 * TCX: an activity a device and day, or a part of one. What its schema demands and nobody measured, distance and calories, is 0.
 * @see Garmin's TrainingCenterDatabase v2, Activity_t
 */
import { formatInstant } from '../reading/timestamp.js';
import { inPieces, type RecordForm } from './form.js';
import { READING_TYPES } from './media-types.js';
import { deviceRuns } from './table.js';
import { xmlText } from './xml-text.js';

/** Activities. */
export const tcxActivities: RecordForm<'tcx'> = {
  name: 'tcx',
  title: 'TCX activities',
  mediaType: READING_TYPES.tcx,
  extension: 'tcx',
  hasIntervals: false,
  hasIds: false,
  begin: () => ({
    head:
      '<?xml version="1.0" encoding="UTF-8"?>\n' +
      '<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n' +
      '<Activities>\n',
    *table(records) {
      const { startMs, heartRate } = records;
      for (const { from, to, deviceId } of deviceRuns(records)) {
        const firstMs = startMs[from] as number;
        const seconds = ((startMs[to - 1] as number) - firstMs) / 1_000;
        yield `<Activity Sport="Other"><Id>${formatInstant(firstMs)}</Id><Lap StartTime="${formatInstant(firstMs)}">` +
          `<TotalTimeSeconds>${seconds}</TotalTimeSeconds><DistanceMeters>0</DistanceMeters><Calories>0</Calories>` +
          '<Intensity>Active</Intensity><TriggerMethod>Manual</TriggerMethod><Track>\n';
        yield* inPieces(from, to, (row) => {
          const rate = `<HeartRateBpm><Value>${heartRate[row]}</Value></HeartRateBpm>`;
          return `<Trackpoint><Time>${formatInstant(startMs[row] as number)}</Time>${rate}</Trackpoint>\n`;
        });
        yield `</Track></Lap><Creator xsi:type="Device_t"><Name>${xmlText(deviceId)}</Name>${NO_VERSION}</Creator></Activity>\n`;
      }
    },
    end: () => '</Activities>\n</TrainingCenterDatabase>\n',
  }),
};

/** What the schema demands of a device besides its name. */
const NO_VERSION =
  '<UnitId>0</UnitId><ProductID>0</ProductID><Version><VersionMajor>0</VersionMajor><VersionMinor>0</VersionMinor></Version>';
