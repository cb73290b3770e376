/**
 * The API from another machine: a typed client that needs nothing but `fetch`, and a batcher.
 * @module
 */

export { type Fault, HrmError, type HrmErrorKind, isHrmError } from '../errors.js';
export type { DailyInput, DayFigures, ZoneTime } from '../flow/read/daily.js';
export type { Device, DeviceReading, Latest } from '../flow/read/devices.js';
export type { ListedUser, UsersPage } from '../flow/read/users/list-users.js';
export { type FixedInterval, INTERVAL_MS, type Interval } from '../pure/answer/interval.js';
export type { Resolve } from '../pure/answer/resolve.js';
export type { Row } from '../pure/answer/row-table.js';
export type { ReadingInput, WireReading } from '../pure/reading/reading.js';
export type { Enqueueable, ReadingSeries, WireReadingSeries } from '../pure/reading/series.js';
export type { Instant } from '../pure/reading/timestamp.js';
export type { ReadingFormName } from '../pure/records/media-types.js';
export { dayAt, findZone, firstAt, offsetText, shownOffsetMs, UTC, type Zone } from '../pure/time/time-zone.js';
export type { UserSettings } from '../pure/user-settings.js';
export type { UsersInput } from '../pure/users-question.js';
export { bytesText } from '../words.js';
export { type Batcher, type BatcherOptions, createBatcher } from './batcher.js';
export { type Client, type ClientQuestion, createClient, type Session } from './client.js';
export type { ImportedDevice, ImportedFile, ImportedFiles, ImportFileOptions } from './imports.js';
export type { LiveEvent, LiveQuestion } from './live.js';
export type { ClientCallOptions, ClientOptions } from './request.js';
export type {
  ServerAlerts,
  ServerCompaction,
  ServerDeadLetters,
  ServerFiles,
  ServerHealth,
  ServerPeer,
  ServerPeers,
  ServerProcess,
  ServerQueue,
  ServerQueueMoment,
  ServerSpace,
  ServerSystem,
} from './system.js';
export { systemWhenCounted } from './system-when-counted.js';
