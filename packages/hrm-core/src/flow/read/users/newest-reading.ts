import { DAY_MS } from '../../../limits.js';
import type { Partition, Snapshot, Storage } from '../../../ports/storage.js';
import type { Question } from '../../../pure/answer/question.js';
import { rankDevices } from '../../../pure/merge.js';
import { partitionDate } from '../../../pure/partition.js';
import { formatInstant } from '../../../pure/reading/timestamp.js';
import { sortUtf8Steps } from '../../../pure/utf8.js';
import { inTurns } from '../../../steps.js';
import { type DayOptions, daysOf, overPartitions, partitionsOf, type ReadContext } from '../days.js';
import { endsOfDay, spansOfDay } from '../device-ends.js';
import type { DeviceReading } from '../devices.js';

/**
 * The newest reading of a user in whole days; at the same millisecond of the device with the best priority. The last day is looked at by
 * itself: mostly that is all.
 * @returns `null`: there is none.
 */
export async function newestReading(
  storage: Storage,
  question: Question,
  options: DayOptions,
): Promise<(DeviceReading & { readonly deviceId: string }) | null> {
  async function look(day: readonly Partition[]) {
    return await overPartitions(storage, day, question, options, (context, snapshots) =>
      newestOfDay(context, snapshots, question),
    );
  }
  const lastDayMs = question.toMs - DAY_MS;
  const newest = await look(partitionsOf(question, partitionDate(lastDayMs)));
  if (newest !== null || question.fromMs >= lastDayMs) return newest;
  const before: (readonly Partition[])[] = [];
  for await (const day of daysOf(storage, { ...question, toMs: lastDayMs }, options)) before.push(day);
  for (const day of before.reverse()) {
    await options.yielder.yieldTurn();
    const found = await look(day);
    if (found !== null) return found;
  }
  return null;
}

async function newestOfDay(context: ReadContext, snapshots: readonly Snapshot[], question: Question) {
  const spans = await spansOfDay(context, snapshots, question);
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const span of spans.values()) lastMs = Math.max(lastMs, span.lastMs);
  const minutes = new Map([...spans.keys()].filter((id) => spans.get(id)?.lastMs === lastMs).map((id) => [id, lastMs]));
  const ends = await endsOfDay(context, snapshots, question, { minutes, end: 'last' });
  let newestMs = Number.NEGATIVE_INFINITY;
  for (const { timestampMs } of ends.values()) newestMs = Math.max(newestMs, timestampMs);
  const newest = [...ends.keys()].filter((id) => ends.get(id)?.timestampMs === newestMs);
  const devices = await inTurns(sortUtf8Steps(newest), context.yielder.yieldTurn);
  const [best = -1] = rankDevices(devices, question.priority);
  const deviceId = devices[best];
  const end = ends.get(deviceId ?? '');
  return deviceId === undefined || end === undefined
    ? null
    : { deviceId, timestamp: formatInstant(end.timestampMs), heartRate: end.heartRate };
}
