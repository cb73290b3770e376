/** A heart-rate device over Web Bluetooth: chosen by the person, listened to, and connected again when it was out of reach. */
import { type HeartRateMeasurement, parseHeartRateMeasurement } from 'hrm-core/formats';
import { untilOnline } from '../send.js';

/** The service Heart Rate and its characteristic Heart Rate Measurement. @see Bluetooth SIG, Assigned Numbers, 3.4 and 3.8 */
const HEART_RATE_SERVICE = 0x180d;
const HEART_RATE_MEASUREMENT = 0x2a37;

/** Between two tries to connect again, ms. */
const RECONNECT_MS = 3_000;

/** Of Web Bluetooth what is used here. @see https://webbluetoothcg.github.io/web-bluetooth/ */
export interface Bluetooth {
  getAvailability?(): Promise<boolean>;
  requestDevice(options: { readonly filters: readonly { readonly services: readonly number[] }[] }): Promise<Strap>;
}

/** A device that was chosen. */
export interface Strap extends EventTarget {
  readonly name?: string | undefined;
  readonly gatt?: StrapServer | undefined;
}

interface StrapServer {
  connect(): Promise<StrapServer>;
  disconnect(): void;
  getPrimaryService(service: number): Promise<{ getCharacteristic(characteristic: number): Promise<Characteristic> }>;
}

interface Characteristic extends EventTarget {
  readonly value?: DataView | undefined;
  startNotifications(): Promise<unknown>;
}

/** What a strap tells. */
export interface StrapEvents {
  /** @param measurement - `null` where the message is damaged. */
  onMeasurement(measurement: HeartRateMeasurement | null): void;
  onConnected(): void;
  /** It is tried again by itself. */
  onLost(): void;
}

/** The browser's Bluetooth; `null` where it has none, or gives it to secure pages alone. */
export function findBluetooth(): Bluetooth | null {
  return (navigator as { readonly bluetooth?: Bluetooth }).bluetooth ?? null;
}

/** Lets the person choose a device. @returns `null` where nothing was chosen. @throws DOMException */
export async function chooseStrap(bluetooth: Bluetooth): Promise<Strap | null> {
  try {
    return await bluetooth.requestDevice({ filters: [{ services: [HEART_RATE_SERVICE] }] });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'NotFoundError') return null;
    throw error;
  }
}

/**
 * Listens until the signal fires.
 * @throws DOMException where the first connection fails; what breaks later is tried again.
 */
export async function listen(strap: Strap, events: StrapEvents, signal: AbortSignal): Promise<void> {
  let wasConnected = false;
  try {
    while (!signal.aborted) {
      try {
        await listenOnce(strap, events, signal);
        wasConnected = true;
      } catch (error) {
        if (!wasConnected) throw error;
      }
      if (signal.aborted) return;
      events.onLost();
      await untilOnline(RECONNECT_MS, signal);
    }
  } finally {
    strap.gatt?.disconnect();
  }
}

/** Connects, and listens until the device is out of reach or the signal fires. */
async function listenOnce(strap: Strap, events: StrapEvents, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const ended = new Promise<void>((resolve) => {
    strap.addEventListener('gattserverdisconnected', () => resolve(), { signal: over.signal });
    signal.addEventListener('abort', () => resolve(), { signal: over.signal });
  });
  try {
    const server = await strap.gatt?.connect();
    const service = await server?.getPrimaryService(HEART_RATE_SERVICE);
    const characteristic = await service?.getCharacteristic(HEART_RATE_MEASUREMENT);
    if (characteristic === undefined) throw new DOMException('the device has no such characteristic', 'NotFoundError');
    characteristic.addEventListener(
      'characteristicvaluechanged',
      () => {
        if (characteristic.value !== undefined) events.onMeasurement(parseHeartRateMeasurement(characteristic.value));
      },
      { signal: over.signal },
    );
    await characteristic.startNotifications();
    events.onConnected();
    if (!signal.aborted) await ended;
  } finally {
    over.abort();
  }
}
