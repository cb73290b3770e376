/** The last readings that are stored, with their seconds: what was accepted before the page was opened. */
import { isHrmError } from 'hrm-core/client';
import { openClient } from '../api.js';
import type { LiveReading } from '../live-rows.js';
import { loadDevices, loadLatest } from '../load.js';

/** The newest reading, and all since a moment. @throws HrmError as the client's calls. */
async function loadStored(userId: string, fromMs: number, signal: AbortSignal): Promise<readonly LiveReading[]> {
  const [latest, devices] = await Promise.all([loadLatest(userId, signal), loadDevices(userId, signal)]);
  const found: LiveReading[] = latest === null ? [] : [latest];
  if (latest === null || Date.parse(latest.timestamp) < fromMs) return found;
  for (const deviceId of devices ?? []) {
    for (const { timestamp, heartRate } of await readAll(userId, deviceId, fromMs, signal))
      found.push({ deviceId, timestamp, heartRate });
  }
  return found;
}

/** Of one device: what the ids are is known then, and the last two columns of a record are all that is read. */
async function readAll(userId: string, deviceId: string, fromMs: number, signal: AbortSignal) {
  const decoder = new TextDecoder();
  let text = '';
  // A clock may be ahead.
  const question = { userId, deviceId, start: fromMs, end: Date.now() + 60_000 };
  for await (const bytes of openClient().exportReadings(question, 'csv', { signal }))
    text += decoder.decode(bytes, { stream: true });
  return text.split(/\r?\n/).flatMap((record) => {
    const [timestamp = '', heartRate = ''] = record.split(',').slice(-2);
    return Number.isNaN(Date.parse(timestamp)) ? [] : [{ timestamp, heartRate: Number(heartRate) }];
  });
}

/** The same, and nothing where it cannot be told now: it is asked for again. */
export async function tryStored(userId: string, fromMs: number, signal: AbortSignal): Promise<readonly LiveReading[]> {
  try {
    return await loadStored(userId, fromMs, signal);
  } catch (error) {
    if (!isHrmError(error)) throw error;
    return [];
  }
}
