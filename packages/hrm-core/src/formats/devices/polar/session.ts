/**
 * Polar Flow: a session of its export. Times are a wall clock's, and the offset from UTC stands beside them in minutes, often behind them: values
 * are held until it is known.
 */
import { MINUTE_MS } from '../../../limits.js';
import { toDeviceId } from '../../device-id.js';
import type { FormatContext } from '../../file-format.js';
import type { Gatherer } from '../../text/gather.js';
import { belowRoot, jsonFormat, member, textOf } from '../../text/json-format.js';
import type { JsonChoice } from '../../text/json-values.js';
import { offsetInstant, wallMsOf, zonedMs } from '../../text/local-time.js';
import { toNumber } from '../../text/numbers.js';

const FALLBACK = 'polar';

/** Samples of a session that are held for its offset: three days of seconds. */
const MAX_HELD = 262_144;

/** Either spelling: an exercise has the first, a session the second. */
const OFFSETS = ['timezoneOffset', 'timeZoneOffset'];

/** Samples of an exercise. */
interface Exercise {
  offsetMinutes: number | null;
  readonly times: unknown[];
  readonly rates: (number | null)[];
}

/** A session, as far as it was read. */
interface Session {
  offsetMinutes: number | null;
  deviceId: string;
  model: string;
  held: number;
  /** The last one is being read. */
  exercises: Exercise[];
}

function createSession(): Session {
  return { offsetMinutes: null, deviceId: '', model: '', held: 0, exercises: [createExercise()] };
}

function createExercise(): Exercise {
  return { offsetMinutes: null, times: [], rates: [] };
}

/** `training-session-….json`. */
export const polarSession = jsonFormat({
  name: 'polar-session',
  title: 'Polar Flow, session',
  recognizes: (head) =>
    head.includes('"exportVersion"') && (head.includes('"exercises"') || head.includes('"startTime"')),
  select: (path) => choose(belowRoot(path)),
  createReader(gather, context) {
    let session = createSession();
    function finish(isWhole: boolean): void {
      for (const exercise of session.exercises) tell(exercise, session, isWhole, gather, context);
      session = createSession();
    }
    return {
      value: (path, value) => take(session, belowRoot(path), value, gather),
      left(path) {
        const inner = belowRoot(path);
        if (inner.length === 2 && inner[0] === 'exercises') session.exercises.push(createExercise());
        if (inner.length === 0) finish(true);
      },
      // What is cut has its offset behind the cut.
      end: () => finish(false),
    };
  },
});

function take(session: Session, path: readonly string[], value: unknown, gather: Gatherer): void {
  const exercise = session.exercises.at(-1);
  const name = path.at(-1) ?? '';
  if (exercise === undefined) return;
  if (name === 'deviceId') session.deviceId = textOf(value) ?? '';
  else if (name === 'modelName') session.model = textOf(value) ?? '';
  // The first holds: damage behind it must not move what was read before.
  else if (OFFSETS.includes(name)) (path.length === 1 ? session : exercise).offsetMinutes ??= toNumber(value);
  else if (session.held >= MAX_HELD)
    gather.tooLarge(`a session has more than ${MAX_HELD} values before the time zone that they are of`);
  else {
    session.held += 1;
    exercise.times.push(member(value, 'dateTime'));
    exercise.rates.push(toNumber(member(value, 'value')));
  }
}

function tell(
  { offsetMinutes, times, rates }: Exercise,
  session: Session,
  isWhole: boolean,
  gather: Gatherer,
  context: FormatContext,
): void {
  const offset = offsetMinutes ?? session.offsetMinutes;
  const deviceId = toDeviceId(`${session.model} ${session.deviceId}`, FALLBACK);
  times.forEach((time, i) => {
    const rate = rates[i] ?? null;
    const wallMs = wallMsOf(time);
    if (wallMs === null) gather.value(deviceId, offsetInstant(time), rate);
    else if (offset !== null) gather.value(deviceId, wallMs - offset * MINUTE_MS, rate);
    else gather.value(deviceId, isWhole && rate !== null ? zonedMs(wallMs, context) : null, rate);
  });
}

function choose(path: readonly string[]): JsonChoice {
  const [first, second, within, kind] = path;
  if (first === undefined) return 'enter';
  if (OFFSETS.includes(first) || first === 'deviceId') return 'take';
  if (first === 'product') return second === undefined ? 'enter' : second === 'modelName' ? 'take' : 'skip';
  if (first !== 'exercises') return 'skip';
  if (second === undefined || within === undefined) return 'enter';
  if (OFFSETS.includes(within)) return 'take';
  if (within !== 'samples' || (kind !== undefined && kind !== 'heartRate')) return 'skip';
  return path.length < 5 ? 'enter' : 'take';
}
