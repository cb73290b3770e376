/** What a client sends and asks, and the rows of an answer. */
import * as v from 'valibot';
import { MAX_SERIES_INTERVAL_MS, MAX_SERIES_READINGS, MAX_TIME_ZONE_LENGTH, MAX_TIMESTAMP_LENGTH } from '../limits.js';
import { INTERVALS } from '../pure/answer/interval.js';
import { RESOLVES } from '../pure/answer/resolve.js';
import { LIVE_ID } from '../pure/live-cursor.js';
import { HeartRateSchema, IdSchema } from '../pure/reading/reading.js';

export { HeartRateSchema, IdSchema };

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** An instant with its offset; with `HRM_NAIVE_TIMESTAMPS=utc` the offset may be missing. */
export const TimestampSchema = v.pipe(
  v.string(),
  v.maxLength(MAX_TIMESTAMP_LENGTH),
  v.regex(TIMESTAMP),
  v.metadata({ format: 'date-time' }),
  v.examples(['2024-01-15T10:00:00Z']),
);

/** A date of the calendar. */
export const DateSchema = v.pipe(v.string(), v.isoDate(), v.examples(['2024-01-15']));

/** A user_id, with an example. */
export const UserIdSchema = v.pipe(IdSchema, v.examples(['ana']));

/** A device_id, with an example. */
export const DeviceIdSchema = v.pipe(IdSchema, v.examples(['watch']));

const RateSchema = v.pipe(HeartRateSchema, v.examples([72]));

/** A reading as a client sends it; other fields are ignored. */
export const WireReadingSchema = v.object({
  user_id: UserIdSchema,
  device_id: DeviceIdSchema,
  timestamp: TimestampSchema,
  heart_rate: RateSchema,
});

const seriesEntries = {
  user_id: UserIdSchema,
  device_id: DeviceIdSchema,
  heart_rates: v.pipe(v.array(RateSchema), v.minLength(1), v.maxLength(MAX_SERIES_READINGS)),
};

/** Epoch milliseconds, or as in a reading. */
const InstantSchema = v.union([TimestampSchema, v.pipe(v.number(), v.integer(), v.minValue(0))]);

/** Many readings of a user and a device as a client sends them; there are as many timestamps as heart rates. Other fields are ignored. */
export const WireSeriesSchema = v.union([
  v.object({
    ...seriesEntries,
    timestamps: v.pipe(v.array(InstantSchema), v.minLength(1), v.maxLength(MAX_SERIES_READINGS)),
  }),
  v.object({
    ...seriesEntries,
    start: InstantSchema,
    interval_ms: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_SERIES_INTERVAL_MS)),
  }),
]);

/** The id of an event of a live stream, as it was sent. */
export const LiveIdSchema = v.pipe(v.string(), v.regex(LIVE_ID));

/** The width of a row. */
export const IntervalSchema = v.picklist(INTERVALS);

/** How devices are resolved. */
export const ResolveSchema = v.picklist(RESOLVES);

/** A time zone, by its name in the IANA database or its offset. */
export const TimeZoneSchema = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(MAX_TIME_ZONE_LENGTH),
  v.examples(['Europe/Madrid', 'America/Argentina/Buenos_Aires', '+05:30']),
);

const FIELDS =
  /^(timestamp|end|heart_rate|min|max|count|device_ids)(,(timestamp|end|heart_rate|min|max|count|device_ids))*$/;

/** Columns of rows. */
export const FieldsSchema = v.pipe(v.string(), v.regex(FIELDS), v.examples(['heart_rate,count']));

/** A row of an answer. */
export const WireRowSchema = v.object({
  /** The start of the interval, UTC, or in the time zone that was asked for. */
  timestamp: TimestampSchema,
  /** The end of the interval, exclusive, where a time zone was asked for. */
  end: v.optional(TimestampSchema),
  /** The mean, rounded half-up to two decimals. */
  heart_rate: v.pipe(v.number(), v.minValue(30), v.maxValue(220), v.examples([75.5])),
  min: v.pipe(HeartRateSchema, v.examples([70])),
  max: v.pipe(HeartRateSchema, v.examples([81])),
  /** Surviving readings. */
  count: v.pipe(v.number(), v.integer(), v.minValue(1), v.examples([12])),
  /** Of those, in UTF-8 byte order. */
  device_ids: v.pipe(v.array(DeviceIdSchema), v.minLength(1)),
});
