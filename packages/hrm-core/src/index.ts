/**
 * The Heart Rate Monitor System as a library: plain functions over ports, in the order of the data's path. Importing it
 * loads no driver; those are `hrm-core/embedded` and `hrm-core/directory`.
 * @module
 */

export {
  eraseUntilFinished,
  type FinishComponents,
  type FinishSettings,
  type FinishSummary,
  finishErasures,
  type LeftErasure,
} from './erasing.js';
export {
  errorCode,
  type Fault,
  type FaultyFile,
  faultsError,
  HrmError,
  type HrmErrorDetails,
  type HrmErrorKind,
  isHrmError,
  joinFaults,
} from './errors.js';
export {
  type CompactComponents,
  type CompactSettings,
  compact,
} from './flow/compact/compact.js';
export { compactAll } from './flow/compact/compact-all.js';
export type { CompactOptions, CompactSummary } from './flow/compact/compact-summary.js';
export {
  type CopyComponents,
  type CopyOptions,
  type CopyProgress,
  type CopySettings,
  type CopySummary,
  copyStore,
} from './flow/copy/copy-store.js';
export { DAMAGE_ADVICE, type DamageReport, type OnDamage } from './flow/damage/damage.js';
export { type DeadLetterComponents, purgeAll, redriveAll } from './flow/dead-letters/dead-letters.js';
export {
  type EraseComponents,
  type EraseInput,
  type EraseOptions,
  type EraseSummary,
  erase,
} from './flow/erase/erase.js';
export { type ErasureStatus, erasureStatus, openErasures } from './flow/erase/erasure-status.js';
export { type FindUserComponents, type FoundId, findUserId } from './flow/erase/find-user.js';
export {
  type ExpirySummary,
  type RemoveExpiredComponents,
  type RemoveExpiredSettings,
  removeExpired,
} from './flow/expire/remove-expired.js';
export { type DeadLetterOptions, deadLetterPages } from './flow/files/dead-letter-pages.js';
export type { WrittenPart } from './flow/files/store-parts.js';
export { createYielder, type Yielder } from './flow/files/yielder.js';
export { encodeAlert, encodeBeginning, encodeEvents, encodeHeartbeat } from './flow/live/event-stream.js';
export {
  type Watch,
  type WatchComponents,
  type WatchEvent,
  type WatchedReading,
  type WatchInput,
  type WatchOptions,
  watch,
} from './flow/live/watch.js';
export {
  type DailyInput,
  type DayFigures,
  daily,
  dailyAsUserSays,
  dailyOfWire,
  dailyToWire,
  daysOfRange,
  dayToWire,
  type WireDaily,
  type ZoneTime,
} from './flow/read/daily.js';
export type { QueryLook } from './flow/read/days.js';
export {
  type Device,
  type DeviceReading,
  type DevicesComponents,
  type DevicesOptions,
  devices,
  deviceToWire,
  type Latest,
  lastToWire,
  latest,
} from './flow/read/devices.js';
export {
  type ExportComponents,
  type ExportInput,
  type ExportOptions,
  exportReadings,
} from './flow/read/export-readings.js';
export { type ExpiredSize, measureExpired } from './flow/read/measure-expired.js';
export {
  type MeasureComponents,
  type MeasureOptions,
  measureStorage,
  type StorageSize,
  type StoredDay,
} from './flow/read/measure-storage.js';
export { type QueryComponents, type QueryOptions, query, queryDays, queryTables } from './flow/read/query.js';
export { queryLook, queryTag } from './flow/read/query-tag.js';
export { READING_FORMS, type ReadingForm } from './flow/read/reading-forms.js';
export { planSearch, type SearchPlan } from './flow/read/search-observations.js';
export {
  type UserDay,
  type UserDaysComponents,
  type UserDaysInput,
  userDays,
  userDaysToWire,
} from './flow/read/user-days.js';
export {
  type ListedUser,
  type ListUsersComponents,
  type ListUsersInput,
  listUsers,
  type UsersPage,
  usersToWire,
} from './flow/read/users/list-users.js';
export {
  readableSettings,
  removeUserSettings,
  settingsAnswer,
  setUserSettings,
  setWireUserSettings,
  type UserSettingsComponents,
  userPriority,
  userSettings,
} from './flow/read/users/user-settings.js';
export {
  type AheadComponents,
  type AheadOptions,
  type AheadSummary,
  findReceivedAhead,
} from './flow/verify/find-received-ahead.js';
export {
  type VerifyComponents,
  type VerifyFault,
  type VerifyOptions,
  type VerifySettings,
  type VerifySummary,
  verify,
} from './flow/verify/verify.js';
export { createDeviceBound, type DeviceBound, type DeviceCount } from './flow/write/device-bound.js';
export {
  type DrainComponents,
  type DrainOptions,
  type DrainSettings,
  type DrainSummary,
  drainBatch,
} from './flow/write/drain-batch.js';
export {
  type DrainBatchesOptions,
  type DrainBatchesSettings,
  type DrainTotal,
  drainBatches,
} from './flow/write/drain-batches.js';
export {
  type Accepted,
  type EnqueueComponents,
  type EnqueueOptions,
  enqueue,
  enqueueUntrusted,
} from './flow/write/enqueue.js';
export { type BatchHead, type EnqueueBytesOptions, enqueueBytes } from './flow/write/enqueue-bytes.js';
export { type EnqueueParquetOptions, enqueueParquet } from './flow/write/enqueue-parquet.js';
export { adoptStore, requireSameStore, type StoreComponents } from './flow/write/same-store.js';
export { type WriteComponents, writePart } from './flow/write/write-part.js';
export { MAX_ENQUEUE_READINGS, MAX_FAULTS, OWN_FILES } from './limits.js';
export {
  type CompacterEvent,
  type CompacterSettings,
  type ConsumerEvent,
  type ConsumerSettings,
  type LoopOptions,
  runCompacter,
  runConsumer,
} from './loops.js';
export {
  type CountComponents,
  countSystem,
  countsToWire,
  type QueuedCounts,
  queuedCounts,
  type StoredCounts,
  type SystemCounts,
} from './ops/counts.js';
export {
  type CheckName,
  codeOf,
  createHealth,
  type Health,
  type HealthComponents,
  type HealthReport,
  type HealthView,
  inWords,
  type LoopFailure,
  type LoopName,
  type LoopReporter,
} from './ops/health.js';
export {
  depthIssues,
  HEALTH_STATUSES,
  type HealthIssue,
  type HealthStatus,
  type QueueFigures,
  type QueueHealthSettings,
  quarantineIssues,
  spaceIssues,
  statusOfIssues,
  warningIssues,
} from './ops/health-issues.js';
export { isLastingFailure } from './ops/lasting-failure.js';
export { errorFields, fileFields, placeFields } from './ops/log-fields.js';
export {
  recordCompacter,
  recordConsumer,
  recordDamage,
  recordStorageFailure,
  recordWatchdog,
} from './ops/loop-health.js';
export { type MonitorOptions, monitorHealth } from './ops/monitor-health.js';
export { failuresOutcome, type RunOutcome, verifyOutcome } from './ops/outcome.js';
export { isDue, isOverdue, type WaitSettings } from './ops/overdue.js';
export {
  type EndedCompaction,
  type Presence,
  type PresenceInput,
  type SeenProcess,
  type SeenProcesses,
  startPresence,
} from './ops/presence.js';
export { type SettingIssue, settingIssues } from './ops/setting-issues.js';
export { type Room, spaceState } from './ops/space-state.js';
export { createSystemView, type SystemComponents, type SystemView } from './ops/system.js';
export type * from './ports/batch-observer.js';
export { type Clock, systemClock } from './ports/clock.js';
export type * from './ports/dead-letter-place.js';
export type { Erasures } from './ports/erasures.js';
export type { Feed, FeedEntry, FeedPage } from './ports/feed.js';
export type * from './ports/process-place.js';
export type * from './ports/queue.js';
export type { Random } from './ports/random.js';
export { diskSpace, type Space } from './ports/space.js';
export type * from './ports/storage.js';
export { INTERVALS, type Interval, maxRowsOf, widestInterval } from './pure/answer/interval.js';
export { type ListFrame, listPieces } from './pure/answer/list-pieces.js';
export { gridOf, type QuestionInput, rangeOf } from './pure/answer/question.js';
export { RESOLVES, type Resolve } from './pure/answer/resolve.js';
export { parseFields, ROW_FIELDS, type RowField } from './pure/answer/row-fields.js';
export { ROW_FORMS, type RowForm, type RowFormName, type RowsAsked } from './pure/answer/row-forms.js';
export { type Row, type RowTable, rowsOf } from './pure/answer/row-table.js';
export { tablesOfRows } from './pure/answer/tables-of-rows.js';
export { backoffMs } from './pure/backoff.js';
export { type ChartTerminal, chartSlots, drawChart } from './pure/chart/terminal-chart.js';
export type { Reading } from './pure/columns.js';
export type { Retention, RetentionInput, RetentionRecord } from './pure/erasure/retention.js';
export { capabilityStatement } from './pure/fhir/capabilities.js';
export { operationOutcome, type Refusal } from './pure/fhir/outcome.js';
export { type ObservationSearch, parseSearch, type SearchParameters, userOfPatient } from './pure/fhir/search.js';
export { type PageOptions, writeSearchset } from './pure/fhir/searchset.js';
export type { DevicePriority } from './pure/merge.js';
export { dashedDate } from './pure/partition.js';
export { elementText } from './pure/reading/element.js';
export { isSeries } from './pure/reading/is-series.js';
export type { QueuedReadings } from './pure/reading/queued-readings.js';
export type { ReadingInput, WireReading } from './pure/reading/reading.js';
export type { ReceivedAhead } from './pure/reading/received-ahead.js';
export type { BatchForm } from './pure/reading/scan-bytes.js';
export {
  areSeries,
  countSeries,
  type Enqueueable,
  type ReadingSeries,
  type WireReadingSeries,
} from './pure/reading/series.js';
export { formatInstant, type Instant, type NaiveTimestamps } from './pure/reading/timestamp.js';
export { READING_TYPES, type ReadingFormName } from './pure/records/media-types.js';
export { createRotation, type Rotation } from './pure/rotation.js';
export { type RangeWords, rangeOfWords } from './pure/time/range-words.js';
export { findZone, UTC, type Zone } from './pure/time/time-zone.js';
export { type UserSettings, userSettingsOfText } from './pure/user-settings.js';
export type { UsersInput } from './pure/users-question.js';
export { type RegularFile, readRegularFile } from './regular-file.js';
export { type ExpireComponents, type ExpireSummary, expire } from './retaining.js';
export { compactSummaryToWire, compactText } from './summaries/compact.js';
export { copySummaryToWire, copyText } from './summaries/copy.js';
export { countsText } from './summaries/counts.js';
export { failuresToWire, failureText, summaryText, type Visible } from './summaries/table.js';
export { verifySummaryToWire, verifyText } from './summaries/verify.js';
export { type SupervisedOptions, superviseCompacter, superviseConsumer } from './supervised-loops.js';
export { syncDirectory } from './sync-directory.js';
export { pause, within } from './waits.js';
export {
  type SignOfLife,
  superviseLoop,
  type WatchdogEvent,
  type WatchdogOptions,
  type WatchdogSettings,
  type WatchedLoop,
} from './watchdog.js';
export { ageText, bytesText, plural } from './words.js';
