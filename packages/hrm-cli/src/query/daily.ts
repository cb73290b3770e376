import {
  type DayFigures,
  daily,
  dailyOfWire,
  dailyToWire,
  daysOfRange,
  dayToWire,
  rangeOf,
  readableSettings,
} from 'hrm-core';
import type { CommandOption, Invocation } from '../command.js';
import { visibleId } from '../output/output.js';
import { createTable, figures } from '../output/table.js';
import { answerOptions, type Source, whose } from './ask.js';

/** What days are judged by. */
export const DAILY_OPTIONS: readonly CommandOption[] = [
  { name: 'daily', about: 'Days in figures: resting rate, time in zones, gaps, trends. No medical advice.' },
  { name: 'max-heart-rate', value: 'BPM', about: 'With --daily: the highest heart rate; zones are shares of it.' },
  { name: 'birth-year', value: 'Y', about: 'With --daily, in place of it: the maximum is 220 minus the age.' },
  {
    name: 'resting-rate',
    value: 'BPM',
    about: 'With --daily: zones are shares of what is between it and the maximum.',
  },
];

/** A user's days in figures: those that the range has a part of. */
export async function* dailyPieces(source: Source, invocation: Invocation) {
  const { args, json, settings } = invocation;
  const user = args.value('user') ?? '';
  const own = await ('client' in source ? source.client.userSettings(user) : readableSettings(source, user));
  const asked = whose(invocation, own.timeZone);
  const { userId, timeZone, deviceId, resolve } = asked;
  const [max_heart_rate, birth_year, resting_rate] = ['max-heart-rate', 'birth-year', 'resting-rate'].map(args.value);
  const wire = { ...daysOfRange(rangeOf(asked), timeZone), time_zone: timeZone, device_id: deviceId, resolve };
  const input = dailyOfWire(userId, { ...wire, max_heart_rate, birth_year, resting_rate });
  const options = answerOptions(invocation);
  const days =
    'client' in source
      ? await source.client.daily(input, options)
      : await daily(source, { ...input, priority: settings.devicePriority }, options);
  if (json) yield `${JSON.stringify({ ...dailyToWire(input), days: days.map(dayToWire), count: days.length })}\n`;
  else yield tableOf(days, timeZone);
}

function tableOf(days: readonly DayFigures[], timeZone = 'UTC'): string {
  const heading = `day (${timeZone})`;
  const zones = ['below', 'z1', 'z2', 'z3', 'z4', 'z5'].map((zone) => figures(zone, 5));
  const table = createTable([
    { heading, width: Math.max(heading.length, 10) },
    ...[figures('resting', 7), figures('7 d', 6), figures('28 d', 6)],
    ...[figures('min', 3), figures('mean', 6), figures('max', 3), figures('minutes', 7), figures('gap', 5)],
    ...zones,
    { heading: 'quality', width: 7 },
    { heading: 'devices' },
  ]);
  const lines = days.map(({ date, restingRate, restingMean7, restingMean28, ...day }) =>
    table.line([
      date,
      ...[restingRate, restingMean7, restingMean28].map(shown),
      ...[day.min, day.mean.toFixed(2), day.max, day.minutes, day.longestGapMinutes],
      ...zones.map((_, zone) => day.zones?.[zone]?.minutes ?? '-'),
      day.quality,
      day.deviceIds.map(visibleId).join(', '),
    ]),
  );
  return table.head + lines.join('');
}

function shown(bpm: number | null): string {
  return bpm === null ? '-' : bpm.toFixed(2);
}
