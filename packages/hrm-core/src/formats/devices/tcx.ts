/**
 * TCX: the trackpoints of activities, each with a time and a heart rate. Averages and maxima of laps are summaries.
 * @see Garmin's TrainingCenterDatabase v2, Trackpoint_t
 */
import { MAX_HELD_VALUES } from '../../limits.js';
import { toDeviceId } from '../device-id.js';
import type { FileFormat, FormatContext } from '../file-format.js';
import { createPieceGatherer, type PieceGatherer } from '../gather-pieces.js';
import { instantOf } from '../text/local-time.js';
import { readXml, type XmlHandler, xmlRootOf } from '../xml.js';
import { textToHeartRate } from './point-texts.js';

/** TCX, whatever program wrote it. */
export const tcxFormat: FileFormat = {
  name: 'tcx',
  title: 'Training Center XML (TCX)',
  recognizes: (head) => xmlRootOf(head) === 'TrainingCenterDatabase',
  async *read(bytes, context) {
    const gatherer = createPieceGatherer();
    const { handler, end } = createHandler(gatherer, context);
    yield* readXml(bytes, handler, gatherer.take);
    end();
    yield* gatherer.take();
  },
};

/** Elements whose text is wanted, by the element that they stand in. */
const WANTED: Readonly<Record<string, readonly string[]>> = {
  Trackpoint: ['Time', 'HeartRateBpm', 'Value'],
  Creator: ['Name', 'UnitId'],
};
const SUMMARIES = new Set(['AverageHeartRateBpm', 'MaximumHeartRateBpm', 'HeartRateBpm']);

function createHandler(gatherer: PieceGatherer, context: FormatContext) {
  const activity = holdActivity(gatherer);
  let inside: 'Trackpoint' | 'Creator' | null = null;
  let isRate = false;
  /** The element whose text is wanted; it counts once it is closed. */
  let wanted: string | null = null;
  let text = '';
  let texts: Record<string, string> = {};

  function endPoint(): void {
    const heartRate = textToHeartRate(texts.Value ?? texts.HeartRateBpm ?? '', gatherer);
    if (heartRate === null) return;
    const timeMs = instantOf(texts.Time ?? '', context);
    if (typeof timeMs === 'number') activity.add(timeMs, heartRate);
    else gatherer.drop(timeMs ?? 'no_time');
  }
  function leave(): void {
    if (inside === 'Trackpoint') endPoint();
    else if (inside === 'Creator') activity.name(texts.Name ?? '', texts.UnitId ?? '');
    inside = null;
    isRate = false;
  }

  const handler: XmlHandler = {
    open(name) {
      wanted = null;
      if (name === 'Trackpoint' || name === 'Creator') {
        // Where the one before was not closed.
        leave();
        inside = name;
        texts = {};
        return;
      }
      if (inside === null) {
        if (SUMMARIES.has(name)) gatherer.drop('summary');
        return;
      }
      if (name === 'HeartRateBpm') isRate = true;
      // A value of something else has that name, too. Of several the first counts.
      const isWanted = WANTED[inside]?.includes(name) === true && (name !== 'Value' || isRate);
      if (isWanted && texts[name] === undefined) wanted = name;
      text = '';
    },
    text(more) {
      if (wanted !== null) text += more;
    },
    close(name) {
      if (name === wanted) texts[name] = text.trim();
      wanted = null;
      if (name === 'HeartRateBpm') isRate = false;
      if (name === inside) leave();
      else if (name === 'Activity') activity.end();
    },
  };
  return {
    handler,
    end() {
      if (inside === 'Creator') leave();
      activity.end();
    },
  };
}

/** Holds the values of an activity: the device that made them stands behind them. */
function holdActivity(gatherer: PieceGatherer) {
  let timesMs: number[] = [];
  let heartRates: number[] = [];
  let deviceId = '';
  function end(): void {
    const id = toDeviceId(deviceId, 'tcx');
    for (const [i, timeMs] of timesMs.entries()) gatherer.add(id, timeMs, heartRates[i] as number);
    timesMs = [];
    heartRates = [];
    deviceId = '';
  }
  return {
    end,
    add(timeMs: number, heartRate: number): void {
      timesMs.push(timeMs);
      heartRates.push(heartRate);
      if (timesMs.length < MAX_HELD_VALUES) return;
      gatherer.note('device_unknown', 'an activity is so long that its device, named at its end, is not waited for');
      end();
    },
    /** @param unitId - 0 where the program has none. */
    name(name: string, unitId: string): void {
      deviceId = /[1-9]/.test(unitId) ? `${name} ${unitId}` : name;
    },
  };
}
