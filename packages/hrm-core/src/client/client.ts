import type { EraseInput, EraseSummary } from '../flow/erase/erase.js';
import type { ErasureStatus } from '../flow/erase/erasure-status.js';
import type { DailyInput, DayFigures } from '../flow/read/daily.js';
import type { Device, Latest } from '../flow/read/devices.js';
import type { UsersPage } from '../flow/read/users/list-users.js';
import type { Interval } from '../pure/answer/interval.js';
import type { Resolve } from '../pure/answer/resolve.js';
import type { Row } from '../pure/answer/row-table.js';
import { isSeries } from '../pure/reading/is-series.js';
import type { Enqueueable } from '../pure/reading/series.js';
import type { Instant } from '../pure/reading/timestamp.js';
import { READING_TYPES, type ReadingFormName } from '../pure/records/media-types.js';
import type { UserSettings } from '../pure/user-settings.js';
import type { UsersInput } from '../pure/users-question.js';
import { wireName } from '../words.js';
import { IMPORT_TIMEOUT_MS, type ImportedFiles, type ImportFileOptions, importPath, toImported } from './imports.js';
import { bytesOf } from './lines.js';
import { type LiveEvent, type LiveQuestion, watchLive } from './live.js';
import { checkForm, checkId, checkNumber, instantText, queryOf, TIMER_RANGE, userSegment } from './options.js';
import { type ClientCallOptions, type ClientOptions, createCaller } from './request.js';
import { ROWS_TYPE, rowsOf } from './rows.js';
import { type ServerHealth, type ServerSystem, toHealth, toSystem } from './system.js';
import {
  badAnswerError,
  chooseColumns,
  serialise,
  toAccepted,
  toDays,
  toDevices,
  toErasure,
  toErasureStatus,
  toFields,
  toLatest,
  toList,
  toRow,
  toText,
  toUserSettings,
  toUsers,
} from './wire.js';

/** A question over the wire. */
export interface ClientQuestion<Column extends keyof Row = keyof Row> {
  readonly userId: string;
  /** Inclusive; ISO 8601 with an offset, a Date or epoch milliseconds. */
  readonly start: Instant;
  /** Exclusive. */
  readonly end: Instant;
  readonly deviceId?: string | undefined;
  /** Default `1m`. */
  readonly interval?: Interval | undefined;
  /** The time zone whose rows these are, such as `Europe/Madrid`; each has an `end` then. Default: UTC. */
  readonly timeZone?: string | undefined;
  /** As of a query: `device` has each minute of one device, the best that has readings in it. Default: `reading`. */
  readonly resolve?: Resolve | undefined;
  /** The columns of the rows; default all. `timestamp` is always among them. */
  readonly fields?: readonly Column[] | undefined;
}

/** What the caller may do. */
export interface Session {
  readonly anonymous: boolean;
  readonly name: string | null;
  readonly scopes: readonly string[];
  /** `null`: of all users. */
  readonly userIds: readonly string[] | null;
}

/**
 * The API, typed. Every call throws HrmError: its kind by the status, its code and faults the server's. Kind `invalid`, before
 * anything is sent, for what cannot be asked; kind `unavailable`, code `bad_answer`, for answers that are none of this system;
 * kind `closed`, code `aborted`, when its signal fires. `retryAfterMs` is what the server says of when to come back.
 */
export interface Client {
  /**
   * Sends one reading or up to 10,000, or one or more series of up to 100,000 together; resolves when the server has accepted all of them.
   * @throws HrmError kind `invalid`, code `invalid_readings`, with the faults, also for readings that JSON cannot say.
   */
  enqueue(readings: Enqueueable, options?: ClientCallOptions): Promise<{ readonly accepted: number }>;
  /**
   * Sends a Parquet file of up to 100,000 readings and 16 MiB, with the columns `timestamp_ms`, `heart_rate`, `device_id` and `user_id`.
   * @throws HrmError as {@link Client.enqueue}; code `invalid_parquet` for what is no such file.
   */
  enqueueParquet(file: Uint8Array, options?: ClientCallOptions): Promise<{ readonly accepted: number }>;
  /**
   * Sends a file of a device, an export or an archive, which the server reads. A stream is sent once, everything else again where that helps:
   * importing a file again is harmless. Browsers send no streams.
   * @throws HrmError kind `invalid`, code `not_imported` or `time_zone_needed`, where nothing of it could be imported.
   */
  importFile(file: Blob | Uint8Array | ReadableStream<Uint8Array>, options: ImportFileOptions): Promise<ImportedFiles>;
  /** Rows as they come. One that ends has all of them: an answer that is cut throws. */
  query<Column extends keyof Row = keyof Row>(
    question: ClientQuestion<Column>,
    options?: ClientCallOptions,
  ): AsyncGenerator<Pick<Row, Column | 'timestamp'>, void, undefined>;
  /**
   * The stored readings themselves, in a form for other systems, as bytes as they come. Of the connection alone it is known whether all
   * came: over HTTP/1.0 a cut looks like an end.
   */
  exportReadings(
    question: Pick<ClientQuestion, 'userId' | 'start' | 'end' | 'deviceId'>,
    form: ReadingFormName,
    options?: ClientCallOptions,
  ): AsyncGenerator<Uint8Array, void, undefined>;
  /** A page of the users that have readings; those that the key may speak of. `next` of it is `after` of the next. */
  users(input?: UsersInput, options?: ClientCallOptions): Promise<UsersPage>;
  /** @throws HrmError kind `invalid`, code `invalid_query`, also for the users `.` and `..`, which no path of a URL can carry. */
  devices(userId: string, options?: ClientCallOptions): Promise<readonly Device[]>;
  /** @throws HrmError as {@link Client.devices}. */
  latest(userId: string, options?: ClientCallOptions): Promise<Latest>;
  /**
   * Erases readings of a user: all, or those of a device or a range. Once it resolves no answer of the server has one that was accepted before.
   * @throws HrmError as {@link Client.devices}; code `invalid_erasure`.
   */
  erase(input: EraseInput, options?: ClientCallOptions): Promise<EraseSummary>;
  /** How far an erasure is. @throws HrmError kind `invalid`, code `not_found`, where there is none of this id. */
  erasure(id: string, options?: ClientCallOptions): Promise<ErasureStatus>;
  /** A user's days in figures, as the user's settings and the server's priorities have them. @throws HrmError as {@link Client.devices}. */
  daily(question: Omit<DailyInput, 'priority'>, options?: ClientCallOptions): Promise<readonly DayFigures[]>;
  /** What a user has said; `{}`: nothing. @throws HrmError as {@link Client.devices}. */
  userSettings(userId: string, options?: ClientCallOptions): Promise<UserSettings>;
  /**
   * Says all that a user wants, in place of what was said before; `{}` forgets it.
   * @throws HrmError kind `invalid`, code `invalid_user_settings`, with every fault; as {@link Client.devices}.
   */
  setUserSettings(userId: string, settings: UserSettings, options?: ClientCallOptions): Promise<UserSettings>;
  /**
   * Readings as they are accepted, for as long as it is listened to, and how the connection is. When it is lost, it is tried again as
   * often as `retries` says, and what was accepted meanwhile is told then. `retries: Infinity` never gives up.
   */
  live(question: LiveQuestion, options?: ClientCallOptions): AsyncGenerator<LiveEvent, void, undefined>;
  health(options?: ClientCallOptions): Promise<ServerHealth>;
  session(options?: ClientCallOptions): Promise<Session>;
  /** How the whole system is, in counts; for keys with the scope `admin`. */
  system(options?: ClientCallOptions): Promise<ServerSystem>;
}

/**
 * Creates a client of a server. It needs nothing but `fetch`: it runs in Node, in browsers and in workers.
 *
 * @throws HrmError kind `invalid`, code `invalid_url`, `invalid_api_key` or `invalid_options`.
 * @example
 * const client = createClient({ url: 'http://localhost:8000' });
 * await client.enqueue({ userId: 'ana', deviceId: 'watch', timestamp: new Date().toISOString(), heartRate: 72 });
 */
export function createClient(options: ClientOptions): Client {
  const call = createCaller(options);

  return {
    async enqueue(readings, { signal } = {}) {
      if (!isList(readings)) {
        const [body] = serialise([readings], () => '');
        if (isSeries(readings)) return toAccepted(await call.json({ path: BATCH_PATH, body, signal }), true);
        return toAccepted(await call.json({ path: '/metrics/heart-rate', body, signal }), false);
      }
      const body = `[${serialise(readings, (i) => `/${i}`).join(',')}]`;
      return toAccepted(await call.json({ path: BATCH_PATH, body, signal }), true);
    },
    async enqueueParquet(file, { signal } = {}) {
      // What a page shares with others cannot be sent.
      const body = new Uint8Array(file);
      return toAccepted(await call.json({ path: BATCH_PATH, body, headers: PARQUET, signal }), true);
    },
    async importFile(file, importOptions) {
      const { signal, timeoutMs = IMPORT_TIMEOUT_MS } = importOptions;
      checkNumber('timeoutMs', timeoutMs, TIMER_RANGE);
      // As with Parquet.
      const body = file instanceof Uint8Array ? new Uint8Array(file) : file;
      return toImported(await call.json({ path: importPath(importOptions), body, headers: BYTES, signal, timeoutMs }));
    },
    query(question, { signal } = {}) {
      const columns = question.fields === undefined ? { names: undefined, toRow } : chooseColumns(question.fields);
      const begin = async () => {
        const parameters = parametersOf(question, columns.names);
        return call.begin({ path: `/metrics/heart-rate?${parameters}`, signal, headers: { Accept: ROWS_TYPE } });
      };
      return rowsOf(begin, columns.toRow, { ...options, signal });
    },
    async *exportReadings({ userId, start, end, deviceId }, form, { signal } = {}) {
      checkForm(form);
      const path = `/metrics/heart-rate/readings?${parametersOf({ userId, start, end, deviceId }, undefined)}`;
      const { response, end: leave } = await call.begin({ path, signal, headers: { Accept: READING_TYPES[form] } });
      try {
        yield* bytesOf(response, { ...options, signal });
      } finally {
        leave();
      }
    },
    async users(input = {}, { signal } = {}) {
      return toUsers(await call.json({ path: `/users?${usersParameters(input)}`, signal }));
    },
    async devices(userId, { signal } = {}) {
      return toDevices(await call.json({ path: `/users/${userSegment(userId)}/devices`, signal }));
    },
    async latest(userId, { signal } = {}) {
      return toLatest(await call.json({ path: `/users/${userSegment(userId)}/latest`, signal }));
    },
    async daily({ userId, ...asked }, { signal } = {}) {
      const query = queryOf(Object.fromEntries(Object.entries(asked).map(([name, value]) => [wireName(name), value])));
      return toDays(await call.json({ path: `/users/${userSegment(userId)}/days?${query}`, signal }));
    },
    async userSettings(userId, { signal } = {}) {
      return toUserSettings(await call.json({ path: settingsPath(userId), signal }));
    },
    async setUserSettings(userId, settings, { signal } = {}) {
      const said = Object.entries(settings).map(([name, value]) => [wireName(name), value]);
      const body = JSON.stringify(Object.fromEntries(said));
      return toUserSettings(await call.json({ path: settingsPath(userId), method: 'PUT', body, signal }));
    },
    async erase({ userId, deviceId, start, end }, { signal } = {}) {
      const range = {
        start: start === undefined ? start : instantText('start', start),
        end: end === undefined ? end : instantText('end', end),
      };
      const query = queryOf({ device_id: deviceId, ...range });
      const path = `/users/${userSegment(userId)}/readings?${query}`;
      return toErasure(await call.json({ path, method: 'DELETE', signal }));
    },
    async erasure(id, { signal } = {}) {
      checkId('id', id);
      return toErasureStatus(await call.json({ path: `/erasures/${encodeURIComponent(id)}`, signal }));
    },
    live: (question, callOptions = {}) => watchLive(call, options, question, callOptions),
    async health({ signal } = {}) {
      // Unhealthy is an answer, and no reason to ask again.
      return toHealth(await call.json({ path: '/health', signal, accepts: [503] }));
    },
    async session({ signal } = {}) {
      return toSession(await call.json({ path: '/session', signal }));
    },
    async system({ signal } = {}) {
      return toSystem(await call.json({ path: '/system', signal }));
    },
  };
}

const BATCH_PATH = '/metrics/heart-rate/batch';
const BYTES = { 'Content-Type': 'application/octet-stream' } as const;
const PARQUET = { 'Content-Type': 'application/vnd.apache.parquet' } as const;

/** `Array.isArray` does not see through a readonly array. */
function isList(readings: Enqueueable): readings is Extract<Enqueueable, readonly unknown[]> {
  return Array.isArray(readings);
}

function settingsPath(userId: string): string {
  return `/users/${userSegment(userId)}/settings`;
}

function parametersOf(
  { userId, start, end, deviceId, interval, timeZone, resolve }: ClientQuestion,
  fields: string | undefined,
): URLSearchParams {
  checkId('userId', userId);
  if (deviceId !== undefined) checkId('deviceId', deviceId);
  return queryOf({
    user_id: userId,
    start: instantText('start', start),
    end: instantText('end', end),
    device_id: deviceId,
    interval,
    time_zone: timeZone,
    resolve,
    fields,
  });
}

/** What is no value of a parameter the server says. */
function usersParameters(input: UsersInput): URLSearchParams {
  const { search, after, limit, since } = input;
  const query = queryOf({ search, after, limit, since });
  for (const [name, value] of query) checkId(name, value);
  return query;
}

function toSession(value: unknown): Session {
  const { anonymous, name, scopes, user_ids: userIds } = toFields(value);
  if (typeof anonymous !== 'boolean') throw badAnswerError();
  return {
    anonymous,
    name: name === null ? null : toText(name),
    scopes: toList(scopes, toText),
    userIds: userIds === null ? null : toList(userIds, toText),
  };
}
