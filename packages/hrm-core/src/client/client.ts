import { HrmError, isHrmError } from '../errors.js';
import type { Device, DeviceReading, Latest } from '../flow/devices.js';
import type { Interval } from '../pure/interval.js';
import type { Row } from '../pure/row-table.js';
import type { ReadingInput, WireReading } from '../reading.js';
import { linesOf } from './lines.js';
import { type LiveEvent, type LiveQuestion, watchLive } from './live.js';
import { type ClientCallOptions, type ClientOptions, type ClientRequest, createCaller } from './request.js';
import { type ServerSystem, toSystem } from './system.js';

/** A question over the wire. */
export interface ClientQuestion {
  readonly userId: string;
  /** Inclusive; ISO 8601 with an offset, or a Date. */
  readonly start: string | Date;
  /** Exclusive. */
  readonly end: string | Date;
  readonly deviceId?: string | undefined;
  /** Default `1m`. */
  readonly interval?: Interval | undefined;
}

/** What the server says of itself. */
export interface ServerHealth {
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  /** Each `healthy` or the reason. */
  readonly checks: Readonly<Record<string, string>>;
}

/** What the caller may do. */
export interface Session {
  readonly anonymous: boolean;
  readonly name: string | null;
  readonly scopes: readonly string[];
  /** `null`: of all users. */
  readonly userIds: readonly string[] | null;
}

/** The API, typed. Every call throws HrmError: its kind by the status, its code and faults the server's. */
export interface Client {
  /** Sends one reading or up to 10,000; resolves when the server has accepted all of them. */
  enqueue(
    readings: ReadingInput | WireReading | readonly (ReadingInput | WireReading)[],
    options?: ClientCallOptions,
  ): Promise<{ readonly accepted: number }>;
  /** Rows as they come. One that ends has all of them: an answer that is cut throws. */
  query(question: ClientQuestion, options?: ClientCallOptions): AsyncGenerator<Row, void, undefined>;
  devices(userId: string, options?: ClientCallOptions): Promise<readonly Device[]>;
  latest(userId: string, options?: ClientCallOptions): Promise<Latest>;
  /** Readings as they are accepted, for as long as it is listened to; it connects again, and goes on where it was. */
  live(question: LiveQuestion, options?: ClientCallOptions): AsyncGenerator<LiveEvent, void, undefined>;
  health(options?: ClientCallOptions): Promise<ServerHealth>;
  session(options?: ClientCallOptions): Promise<Session>;
  /** How the whole system is, in counts; for keys with the scope `admin`. */
  system(options?: ClientCallOptions): Promise<ServerSystem>;
}

/**
 * Creates a client of a server. It needs nothing but `fetch`: it runs in Node, in browsers and in workers.
 *
 * @throws HrmError kind `invalid`, code `invalid_url`.
 * @example
 * const client = createClient({ url: 'http://localhost:8000' });
 * await client.enqueue({ userId: 'ana', deviceId: 'watch', timestamp: new Date().toISOString(), heartRate: 72 });
 */
export function createClient(options: ClientOptions): Client {
  const call = createCaller(options);

  async function json<Body>(
    path: string,
    { signal }: ClientCallOptions = {},
    more: Pick<ClientRequest, 'body' | 'accepts'> = {},
  ): Promise<Body> {
    const { response, end } = await call({ path, signal, ...more });
    try {
      return (await response.json()) as Body;
    } catch (cause) {
      throw notJsonError(cause);
    } finally {
      end();
    }
  }

  return {
    async enqueue(readings, callOptions) {
      if (!Array.isArray(readings)) {
        await json('/metrics/heart-rate', callOptions, { body: toWire(readings as ReadingInput | WireReading) });
        return { accepted: 1 };
      }
      const body = (readings as readonly (ReadingInput | WireReading)[]).map(toWire);
      const { count } = await json<{ count: number }>('/metrics/heart-rate/batch', callOptions, { body });
      return { accepted: count };
    },
    async *query(question, { signal } = {}) {
      const path = `/metrics/heart-rate?${parametersOf(question)}`;
      const headers = { Accept: 'application/x-ndjson' };
      const { response, end } = await call({ path, signal, headers });
      try {
        for await (const line of linesOf(response, { ...options, signal })) yield rowOf(JSON.parse(line));
      } catch (error) {
        throw isHrmError(error) ? error : notJsonError(error);
      } finally {
        end();
      }
    },
    async devices(userId, callOptions) {
      const path = `/users/${encodeURIComponent(userId)}/devices`;
      const { devices } = await json<{ readonly devices: readonly WireDevice[] }>(path, callOptions);
      return devices.map(({ device_id: deviceId, first, last }) => ({ deviceId, first: at(first), last: at(last) }));
    },
    async latest(userId, callOptions) {
      const path = `/users/${encodeURIComponent(userId)}/latest`;
      const { latest, devices } = await json<WireLatest>(path, callOptions);
      return { latest: latest === null ? null : lastOf(latest), devices: devices.map(lastOf) };
    },
    live: (question, callOptions = {}) => watchLive(call, options, question, callOptions),
    async health(callOptions) {
      // Unhealthy is an answer, and no reason to ask again.
      return await json('/health', callOptions, { accepts: [503] });
    },
    async session(callOptions) {
      type Wire = Omit<Session, 'userIds'> & { readonly user_ids: Session['userIds'] };
      const { anonymous, name, scopes, user_ids: userIds } = await json<Wire>('/session', callOptions);
      return { anonymous, name, scopes, userIds };
    },
    async system(callOptions) {
      return toSystem(await json<unknown>('/system', callOptions));
    },
  };
}

interface WireAt {
  readonly timestamp: string;
  readonly heart_rate: number;
}

type WireLast = WireAt & { readonly device_id: string };

interface WireDevice {
  readonly device_id: string;
  readonly first: WireAt;
  readonly last: WireAt;
}

interface WireLatest {
  readonly latest: WireLast | null;
  readonly devices: readonly WireLast[];
}

function at({ timestamp, heart_rate: heartRate }: WireAt): DeviceReading {
  return { timestamp, heartRate };
}

function lastOf(last: WireLast): DeviceReading & { readonly deviceId: string } {
  return { deviceId: last.device_id, ...at(last) };
}

/** Whatever else is in it stays away. */
function toWire(reading: ReadingInput | WireReading): WireReading {
  // What is no reading at all the server says.
  if (typeof reading !== 'object' || reading === null) return reading;
  if ('user_id' in reading) {
    const { user_id, device_id, timestamp, heart_rate } = reading;
    return { user_id, device_id, timestamp, heart_rate };
  }
  const { userId, deviceId, timestamp, heartRate } = reading;
  return { user_id: userId, device_id: deviceId, timestamp, heart_rate: heartRate };
}

function parametersOf({ userId, start, end, deviceId, interval }: ClientQuestion): URLSearchParams {
  const text = (instant: string | Date) => (typeof instant === 'string' ? instant : instant.toISOString());
  return new URLSearchParams({
    user_id: userId,
    start: text(start),
    end: text(end),
    ...(deviceId === undefined ? {} : { device_id: deviceId }),
    ...(interval === undefined ? {} : { interval }),
  });
}

function rowOf(wire: WireAt & { min: number; max: number; count: number; device_ids: readonly string[] }): Row {
  const { timestamp, heart_rate: heartRate, min, max, count, device_ids: deviceIds } = wire;
  return { timestamp, heartRate, min, max, count, deviceIds };
}

function notJsonError(cause: unknown): HrmError {
  const message = 'what came is not an answer of this system: is the url that of its server?';
  return new HrmError(message, { kind: 'unavailable', code: 'bad_answer', cause });
}
