/** The bodies that the HTTP API takes and gives. */
import * as v from 'valibot';
import { SCOPES } from '../keys/api-key.js';
import { MAX_ENQUEUE_READINGS, MAX_FAULTS } from '../limits.js';
import { HEALTH_STATUSES } from '../ops/health-issues.js';
import { PROCESS_PARTS } from '../pure/processes/record.js';
import { UserSettingsSchema } from '../pure/user-settings.js';
import {
  DateSchema,
  DeviceIdSchema,
  TimestampSchema,
  UserIdSchema,
  WireReadingSchema,
  WireRowSchema,
  WireSeriesSchema,
} from './wire.js';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** One reading. */
export const ReadingBody = WireReadingSchema;

/** A batch: readings, or series of them, which may be 100,000 readings all together. */
export const BatchBody = v.union([
  v.pipe(v.array(WireReadingSchema), v.minLength(1), v.maxLength(MAX_ENQUEUE_READINGS)),
  v.pipe(v.array(WireSeriesSchema), v.minLength(1), v.maxLength(MAX_ENQUEUE_READINGS)),
  WireSeriesSchema,
]);

/** A reading was accepted. */
export const AcceptedAnswer = v.strictObject({ status: v.literal('accepted') });

/** A batch was accepted. */
export const BatchAcceptedAnswer = v.strictObject({ status: v.literal('accepted'), count });

const { timestamp: start, ...columns } = WireRowSchema.entries;

const fileError = v.strictObject({
  code: v.string(),
  message: v.string(),
  errors: v.optional(v.array(v.strictObject({ path: v.string(), message: v.string() }))),
});

/** What came of a file, and of each file in it where it is an archive. */
export const ImportAnswer = v.strictObject({
  dry_run: v.boolean(),
  /** Readings that are queued durably. */
  enqueued: count,
  files: v.array(
    v.strictObject({
      /** As it was named, and within an archive by its place there. */
      file: v.string(),
      outcome: v.picklist(['imported', 'damaged', 'passed_over', 'not_read', 'refused', 'unknown', 'failed']),
      enqueued: count,
      format: v.optional(v.string()),
      readings: v.optional(count),
      devices: v.optional(
        v.array(
          v.strictObject({
            user_id: v.optional(UserIdSchema),
            device_id: DeviceIdSchema,
            count,
            first: v.string(),
            last: v.string(),
          }),
        ),
      ),
      /** Values that became no reading, by reason. */
      dropped: v.optional(v.record(v.string(), count)),
      notes: v.optional(v.array(v.strictObject({ code: v.string(), message: v.string(), count }))),
      /** Places from which on nothing could be read, the first of them. */
      damages: v.optional(v.array(v.strictObject({ at: v.string(), message: v.string() }))),
      damage_count: v.optional(count),
      /** Rows of CSV and NDJSON that were passed over. */
      rejected: v.optional(count),
      reasons: v.optional(v.array(v.strictObject({ message: v.string(), count, examples: v.array(v.string()) }))),
      error: v.optional(fileError),
    }),
  ),
});

/** The rows of a question, with the columns that it chose. */
export const RowsAnswer = v.strictObject({
  user_id: UserIdSchema,
  data: v.array(v.strictObject({ timestamp: start, ...v.partial(v.object(columns)).entries })),
  count,
});

const check = v.string();

/** How the service is. */
export const HealthAnswer = v.strictObject({
  status: v.picklist(HEALTH_STATUSES),
  /** Each `healthy` or the reason. */
  checks: v.strictObject({ service: check, queue: check, storage: check }),
});

/** The process lives. */
export const LivenessAnswer = v.strictObject({ status: v.literal('alive') });

/** What the caller may do. */
export const SessionAnswer = v.strictObject({
  /** No key is needed here. */
  anonymous: v.boolean(),
  /** The key's; `null` when anonymous. */
  name: v.nullable(v.string()),
  scopes: v.array(v.picklist(SCOPES)),
  /** The only users that the key may speak of; `null`: all. */
  user_ids: v.nullable(v.array(UserIdSchema)),
});

const instant = v.pipe(v.string(), v.isoTimestamp());
const whole = v.pipe(v.number(), v.integer());
const bytes = v.nullable(v.pipe(v.number(), v.minValue(0)));

const waiting = {
  readings: whole,
  claimed_readings: whole,
  /** `null`: they could not be counted so far. */
  dead_letters: v.nullable(whole),
  /** `null`: none waits, or the queue cannot tell. */
  oldest_age_ms: v.nullable(count),
};

/** How the whole system is. */
export const SystemAnswer = v.strictObject({
  health: HealthAnswer,
  /** `null`: there is none in this process, or it cannot be asked. */
  queue: v.nullable(
    v.strictObject({
      ...waiting,
      high_water: v.pipe(v.number(), v.integer()),
    }),
  ),
  /** `null`: not counted yet; ask again. */
  files: v.nullable(
    v.strictObject({
      files: count,
      bytes: count,
      partitions: count,
      compacted_files: count,
      shared_parts: count,
      most_files_of_a_day: count,
      without_rollup: count,
      users: count,
      days: count,
      first_date: v.nullable(v.string()),
      last_date: v.nullable(v.string()),
      counted_at: instant,
    }),
  ),
  /** The last two hours of the queue as the process that answers saw it, oldest first. */
  queue_history: v.array(v.strictObject({ at: instant, ...waiting })),
  /** Why the oldest dead letters are dead; `null`: there are none, or they were not counted yet. */
  dead_letters: v.nullable(
    v.strictObject({
      counted: count,
      reasons: v.array(v.strictObject({ code: v.string(), count, oldest_at: instant, newest_at: instant })),
      counted_at: instant,
    }),
  ),
  /** Processes that work on the store; `null`: not looked yet, or it cannot be. */
  processes: v.nullable(
    v.strictObject({
      processes: v.array(
        v.strictObject({
          parts: v.array(v.picklist(PROCESS_PARTS)),
          version: v.string(),
          host: v.string(),
          pid: count,
          /** `gone`: it has not been heard of for two minutes. */
          state: v.picklist(['running', 'stopped', 'gone']),
          started_at: instant,
          last_seen_at: instant,
          /** Whether it is the one that answers. */
          answers: v.boolean(),
        }),
      ),
      left_off: count,
      looked_at: instant,
    }),
  ),
  /** `null`: not counted yet. */
  alerts: v.nullable(v.strictObject({ open: count, untold: count, failed: count, counted_at: instant })),
  /** The last run of a compacter, whichever process ran it; `null`: none is known of. */
  compaction: v.nullable(
    v.strictObject({
      partitions: count,
      left: count,
      compacted: count,
      merged: count,
      readings: count,
      swept: count,
      failures: count,
      host: v.string(),
      pid: count,
      ended_at: instant,
    }),
  ),
  space: v.array(v.strictObject({ place: v.picklist(['queue', 'storage']), free_bytes: bytes, total_bytes: bytes })),
  process: v.strictObject({
    version: v.string(),
    parts: v.array(v.picklist(['api', 'consumer', 'compacter'])),
    started_at: instant,
  }),
});

const { timestamp, heart_rate } = WireReadingSchema.entries;
const reading = v.strictObject({ timestamp, heart_rate });
const deviceReading = v.strictObject({ device_id: DeviceIdSchema, ...reading.entries });

/** A user's devices. */
export const DevicesAnswer = v.strictObject({
  user_id: UserIdSchema,
  devices: v.array(v.strictObject({ device_id: DeviceIdSchema, first: reading, last: reading })),
  count,
});

/** The last readings of a user. */
export const LatestAnswer = v.strictObject({
  user_id: UserIdSchema,
  latest: v.nullable(deviceReading),
  devices: v.array(deviceReading),
  count,
});

const erasureId = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));

/** An erasure that is in force. */
export const EraseAnswer = v.strictObject({
  id: erasureId,
  /** Readings that were accepted until then are erased. */
  until: TimestampSchema,
});

/** How far an erasure is. */
export const ErasureAnswer = v.strictObject({
  id: erasureId,
  state: v.picklist(['in_force', 'finished']),
  /** What was done; `null` until it is finished. */
  report: v.nullable(v.looseObject({ id: erasureId })),
});

/** A page of the users that have readings. */
export const UsersAnswer = v.strictObject({
  users: v.array(v.strictObject({ user_id: UserIdSchema, latest: deviceReading })),
  count,
  /** `after` of the next page; `null`: there is none. */
  next: v.nullable(UserIdSchema),
  /** The first UTC date that was looked at; `null`: there is none. */
  since: v.nullable(DateSchema),
});

const rate = v.pipe(v.number(), v.minValue(0));

/** A user's days in figures. */
export const DailyAnswer = v.strictObject({
  user_id: UserIdSchema,
  time_zone: v.string(),
  days: v.array(
    v.strictObject({
      date: v.string(),
      start: TimestampSchema,
      end: TimestampSchema,
      min: rate,
      max: rate,
      mean: rate,
      /** Readings. */
      count,
      /** With readings. */
      minutes: count,
      resting_rate: v.nullable(rate),
      resting_mean_7: v.nullable(rate),
      resting_mean_28: v.nullable(rate),
      longest_gap_minutes: count,
      /** Below the first zone, and the five zones; `null` where neither a maximum nor a year of birth is given. */
      zones: v.nullable(v.array(v.strictObject({ from_bpm: rate, minutes: count }))),
      quality: v.picklist(['good', 'partial', 'sparse']),
      device_ids: v.array(DeviceIdSchema),
    }),
  ),
  count,
});

/** What a user has said. */
export const UserSettingsAnswer = v.strictObject({ user_id: UserIdSchema, settings: UserSettingsSchema });

/** A refusal, or a failure. @see RFC 9457 */
export const ProblemAnswer = v.strictObject({
  type: v.literal('about:blank'),
  /** The status in words. */
  title: v.string(),
  status: v.pipe(v.number(), v.integer(), v.minValue(400), v.maxValue(599)),
  /** For people: what is wrong and what to do; never the value of a reading. */
  detail: v.string(),
  /** Stable, for programs. */
  code: v.string(),
  /** What is wrong with the input, the first of them; paths are JSON Pointers. */
  errors: v.optional(
    v.pipe(v.array(v.strictObject({ path: v.string(), message: v.string() })), v.maxLength(MAX_FAULTS)),
  ),
  /** How many things are wrong in all. */
  error_count: v.optional(count),
  /** Of an import that ended early: readings that are queued durably all the same. */
  enqueued: v.optional(count),
});
