// A gateway: notifications of Bluetooth chest straps in, readings out, over HTTP in batches. The radio is what you have
// (noble, BlueZ over D-Bus, a phone); here a few notifications are recorded bytes, and a server is started for them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBatcher, createClient, isHrmError } from 'hrm-core/client';
import { judgeMeasurement, parseHeartRateMeasurement } from 'hrm-core/formats';
import { loadSettings } from 'hrm-core/settings';
import { serve } from 'hrm-server';

const directory = await mkdtemp(join(tmpdir(), 'hrm-gateway-'));
const flags = { port: '0', batchMaxAgeMs: '100', logLevel: 'silent' };
const places = {
  dataDir: join(directory, 'data'),
  queueDir: join(directory, 'queue'),
  keysFile: join(directory, 'keys'),
};
const service = await serve(loadSettings({ flags: { ...flags, ...places } }), { parts: ['api', 'consumer'] });

const client = createClient({ url: String(service.url), apiKey: process.env.HRM_API_KEY });
const batcher = createBatcher(client, { maxAgeMs: 200 });

/** When each came, and its bytes. */
const NOTIFICATIONS = [
  ['2024-01-15T10:00:00Z', [0x16, 72, 0x40, 0x03]], // contact, 72 bpm, one R-R interval of 812.5 ms
  ['2024-01-15T10:00:01Z', [0x0e, 75, 0x10, 0x00]], // contact, 75 bpm, 16 kJ
  ['2024-01-15T10:00:02Z', [0x04, 0]], // no contact: nothing was measured
  ['2024-01-15T10:00:03Z', [0x01, 0x4e, 0x00]], // 78 bpm in two bytes, contact not known
];

async function forward(timestamp, bytes) {
  const measurement = parseHeartRateMeasurement(Uint8Array.from(bytes));
  if (measurement === null) return 'damaged';
  const { heartRateBpm, rrIntervalsMs } = measurement;
  // Off the skin a strap sends zeros or the last value.
  const reason = judgeMeasurement(measurement);
  if (reason !== null) return reason.replace('_', ' ');
  try {
    await batcher.add({ userId: 'ana', deviceId: 'chest_strap', timestamp, heartRate: heartRateBpm });
    return `${heartRateBpm} bpm accepted${rrIntervalsMs.length > 0 ? `, R-R ${rrIntervalsMs.join(', ')} ms` : ''}`;
  } catch (error) {
    // Bad: dropped, and said. Not accepted, though the client has tried again: keep it, and add it later.
    return isHrmError(error) && error.kind === 'invalid' ? 'refused' : 'kept for later';
  }
}

console.log((await Promise.all(NOTIFICATIONS.map(([timestamp, bytes]) => forward(timestamp, bytes)))).join('\n'));
await batcher.close();

const day = { userId: 'ana', start: '2024-01-15T00:00:00Z', end: '2024-01-16T00:00:00Z' };
const rows = [];
while (rows.length === 0) for await (const row of client.query(day)) rows.push(row);
console.log(JSON.stringify(rows));
await service.close();
await rm(directory, { recursive: true });
