/**
 * GPX: the points of tracks, each with a time and, in one of many dialects, a heart rate.
 * @see https://www.topografix.com/GPX/1/1/ and Garmin's TrackPointExtension v1 and v2
 */
import { toDeviceId } from '../device-id.js';
import type { FileFormat, FormatContext } from '../file-format.js';
import { createPieceGatherer, type PieceGatherer } from '../gather-pieces.js';
import { instantOf } from '../text/local-time.js';
import { readXml, type XmlHandler, xmlRootOf } from '../xml.js';
import { textToHeartRate } from './point-texts.js';

/** GPX, whatever program wrote it. */
export const gpxFormat: FileFormat = {
  name: 'gpx',
  title: 'GPX track',
  recognizes: (head) => xmlRootOf(head) === 'gpx',
  async *read(bytes, context) {
    const gatherer = createPieceGatherer();
    yield* readXml(bytes, createHandler(gatherer, context), gatherer.take);
  },
};

const POINTS = new Set(['trkpt', 'wpt', 'rtept']);
/** `gpxtpx:hr`, `ns3:hr`, `gpxdata:hr`; Amazfit writes both into each point. */
const HEART_RATES = new Set(['hr', 'heartrate', 'HeartRateBpm']);

/** The creator of tracks that this system wrote: each names its device, which of other programs' is not told so. */
const OWN_CREATOR = 'hrm';

function createHandler(gatherer: PieceGatherer, context: FormatContext): XmlHandler {
  let deviceId = 'gpx';
  let isOwn = false;
  let isInPoint = false;
  let isInExtensions = false;
  /** The element whose text is wanted; it counts once it is closed. */
  let wanted: string | null = null;
  let text = '';
  let time = '';
  let rate = '';

  function endPoint(): void {
    isInPoint = false;
    isInExtensions = false;
    const heartRate = textToHeartRate(rate, gatherer);
    if (heartRate === null) return;
    const timeMs = instantOf(time, context);
    if (typeof timeMs === 'number') gatherer.add(deviceId, timeMs, heartRate);
    else gatherer.drop(timeMs ?? 'no_time');
  }

  return {
    open(name, attributes) {
      if (name === 'gpx') {
        deviceId = toDeviceId(attributes.get('creator') ?? '', 'gpx');
        isOwn = deviceId === OWN_CREATOR;
      } else if (POINTS.has(name)) {
        // Where the tag before was not closed.
        if (isInPoint) endPoint();
        isInPoint = true;
        [time, rate] = ['', ''];
      } else if (name === 'extensions') isInExtensions = true;
      wanted = name === 'src' && isOwn && !isInPoint ? name : null;
      if (HEART_RATES.has(name)) {
        if (isInPoint) wanted = name;
        else gatherer.drop('summary');
      } else if (name === 'time' && isInPoint && !isInExtensions) wanted = name;
      text = '';
    },
    text(more) {
      if (wanted !== null) text += more;
    },
    close(name) {
      // The first of several counts.
      if (name === wanted && name === 'src') deviceId = toDeviceId(text, 'gpx');
      else if (name === wanted && name === 'time') time ||= text.trim();
      else if (name === wanted) rate ||= text.trim();
      wanted = null;
      if (name === 'extensions') isInExtensions = false;
      else if (POINTS.has(name) && isInPoint) endPoint();
    },
  };
}
