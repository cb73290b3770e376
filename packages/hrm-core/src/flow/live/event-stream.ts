/**
 * What a watch tells, as server-sent events: what `client/live.ts` reads.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
import type { DevicePriority } from '../../pure/merge.js';
import { formatInstant } from '../../pure/reading/timestamp.js';
import type { WatchEvent } from './watch.js';

/**
 * The beginning of a stream. @param position - where it stands, so that whoever is new can come back before the first event; `null`: they
 * know, since they came with the id of their last one. @param retryMs - after which whoever lost the stream should come back.
 */
export function encodeBeginning(position: string | null, retryMs: number): Uint8Array {
  return Buffer.from(`retry: ${retryMs}\n${position === null ? '' : `id: ${position}\n`}\n`);
}

/**
 * That the stream lives, with the position: who comes back after a quiet hour is not told of a gap in what others sent. It reads
 * differently each time, whether others sent something or not.
 */
export function encodeHeartbeat(position: string): Uint8Array {
  return Buffer.from(`: heartbeat\nid: ${position}\n\n`);
}

/** What is told of an alert. It has no id: it is no place in the feed, and is told again to whoever comes back. */
export function encodeAlert(message: object | null): Uint8Array {
  return Buffer.from(message === null ? '' : `event: alert\ndata: ${JSON.stringify(message)}\n\n`);
}

/** By events that came together, for as long as a stream has still to send them: all streams of a user send the same bytes. */
const encodedRuns = new WeakMap<readonly WatchEvent[], Uint8Array>();

/**
 * Events that came together. @param priority - a reading of a device that has a rank comes with it, so that whoever makes rows of readings
 * knows which of two devices counts at the same millisecond; of one process always the same.
 */
export function encodeEvents(events: readonly WatchEvent[], priority: DevicePriority): Uint8Array {
  const known = encodedRuns.get(events);
  if (known !== undefined) return known;
  const bytes = Buffer.from(events.map((event) => formatEvent(event, priority)).join(''));
  encodedRuns.set(events, bytes);
  return bytes;
}

function formatEvent(event: WatchEvent, priority: DevicePriority): string {
  if (event.type === 'gap') return `id: ${event.id}\nevent: gap\ndata: {}\n\n`;
  const { deviceId, timestampMs, heartRate } = event.reading;
  const timestamp = formatInstant(timestampMs);
  const rank = Object.hasOwn(priority, deviceId) ? priority[deviceId] : undefined;
  const data = JSON.stringify({ device_id: deviceId, timestamp, heart_rate: heartRate, rank });
  return `id: ${event.id}\nevent: reading\ndata: ${data}\n\n`;
}
