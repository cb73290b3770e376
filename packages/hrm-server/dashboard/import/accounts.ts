/** What came of files, together and one by one. */
import type { ImportedFile } from 'hrm-core/client';
import { type DeviceAccount, FILE_FORMATS, type FileAccount } from 'hrm-core/formats';
import type { Finding } from './messages.js';

/** What one file comes to. */
export type FileOutcome = Extract<Finding, { readonly type: 'account' | 'unknown' | 'for_server' | 'failed' }>;

/** What all files come to. */
export interface Total {
  readonly readings: number;
  readonly devices: readonly DeviceAccount[];
  /** Values that became no reading, by reason. */
  readonly dropped: ReadonlyMap<string, number>;
  /** Files that no format knows, in archives too. */
  readonly unknown: number;
  /** Whether a file needs a time zone. */
  readonly needsTimeZone: boolean;
}

/** Sums outcomes up. A reading that is in two files counts twice, and is stored once. */
export function sumUp(outcomes: readonly FileOutcome[]): Total {
  const devices = new Map<string, DeviceAccount>();
  const dropped = new Map<string, number>();
  let readings = 0;
  const accounts = outcomes.flatMap((outcome) => (outcome.type === 'account' ? [outcome.account] : []));
  for (const account of accounts) {
    readings += account.readings;
    for (const device of account.devices) addDevice(devices, device);
    for (const [reason, count] of droppedOf(account)) dropped.set(reason, (dropped.get(reason) ?? 0) + count);
  }
  return {
    readings,
    devices: [...devices.values()],
    dropped,
    unknown: outcomes.filter(({ type }) => type === 'unknown').length,
    needsTimeZone: outcomes.some((outcome) => outcome.type === 'failed' && outcome.code === 'time_zone_needed'),
  };
}

/** Reasons with their counts, in the order of the API. */
export function droppedOf({ dropped }: FileAccount): readonly (readonly [string, number])[] {
  return Object.entries(dropped);
}

function addDevice(devices: Map<string, DeviceAccount>, device: DeviceAccount): void {
  const key = `${device.userId ?? ''}\n${device.deviceId}`;
  const { count, firstMs, lastMs } = devices.get(key) ?? { count: 0, firstMs: device.firstMs, lastMs: device.lastMs };
  devices.set(key, {
    ...device,
    count: count + device.count,
    firstMs: Math.min(firstMs, device.firstMs),
    lastMs: Math.max(lastMs, device.lastMs),
  });
}

/** What a server says of a file, as if it had been read here. */
export function toOutcome(one: ImportedFile): FileOutcome {
  const { file: name, outcome, format, readings, devices, error, notes, damages } = one;
  if (outcome === 'unknown') return { type: 'unknown', name };
  if (error !== null && readings === 0) return { type: 'failed', name, ...error };
  const account: FileAccount = {
    format: format ?? '',
    readings,
    devices: devices.map(({ first, last, ...device }) => ({
      ...device,
      firstMs: Date.parse(first),
      lastMs: Date.parse(last),
    })),
    dropped: one.dropped,
    notes,
    damages: error === null ? damages : [...damages, { at: name, message: error.message }],
    damageCount: damages.length,
  };
  const title = FILE_FORMATS.find(({ name: known }) => known === format)?.title ?? format ?? '';
  return { type: 'account', name, title, account };
}
