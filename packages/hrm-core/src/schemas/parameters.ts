/**
 * The parameters of the calls that have any.
 */
import * as v from 'valibot';
import {
  DateSchema,
  DeviceIdSchema,
  FieldsSchema,
  IntervalSchema,
  LiveIdSchema,
  ResolveSchema,
  TimestampSchema,
  TimeZoneSchema,
  UserIdSchema,
} from './wire.js';

/** A parameter of a call. */
export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path' | 'header';
  readonly required: boolean;
  /** It may be given several times: the values come with blanks between them. */
  readonly repeats?: true;
  readonly schema: v.GenericSchema;
  readonly about: string;
}

const USER = { name: 'user_id', required: true, schema: UserIdSchema, about: 'Whose heart.' } as const;

/** Of the calls that name the user in their path. */
export const USER_PARAMETERS = [
  {
    ...USER,
    in: 'path',
    about:
      'Whose heart. Not of the users `.` and `..`: URLs drop such segments from a path. Their rows can be asked for.',
  },
] as const satisfies readonly Parameter[];

const DEVICE = { name: 'device_id', in: 'query', required: false, schema: DeviceIdSchema } as const;

/** Where a stream goes on. */
export const LAST_EVENT_ID = {
  name: 'Last-Event-ID',
  in: 'header',
  required: false,
  schema: v.union([LiveIdSchema, v.literal('')]),
  about: 'The id of the last event that was seen: what came after it comes first. An empty one is none.',
} as const satisfies Parameter;

function optional<Name extends string>(name: Name, schema: v.GenericSchema, about: string) {
  return { name, in: 'query', required: false, schema, about } as const;
}

const RESOLVE = optional(
  'resolve',
  ResolveSchema,
  '`reading`, the default: of readings at equal milliseconds that of the best device counts. `device`: in each minute only the best device that has a reading counts.',
);

const WHOLE = v.pipe(v.string(), v.regex(/^\d{1,4}$/));

/** Of a user's days. */
export const DAILY_PARAMETERS = [
  ...USER_PARAMETERS,
  { name: 'start', in: 'query', required: true, schema: DateSchema, about: 'The first day.' },
  {
    name: 'end',
    in: 'query',
    required: true,
    schema: DateSchema,
    about: 'The day to stop before; at most 3,600 later.',
  },
  optional('time_zone', TimeZoneSchema, 'Whose days these are; UTC by default.'),
  { ...DEVICE, about: "Only this device's readings count, and priorities do not." },
  RESOLVE,
  optional('max_heart_rate', WHOLE, 'The highest heart rate of the user, 100 to 250 bpm: zones are shares of it.'),
  optional('birth_year', WHOLE, 'In place of it: the maximum is 220 minus the age.'),
  optional('resting_rate', WHOLE, '20 to 99 bpm: zones are shares of the reserve between it and the maximum.'),
] as const satisfies readonly Parameter[];

/** Of an erasure. */
export const ERASE_PARAMETERS = [
  ...USER_PARAMETERS,
  { ...DEVICE, about: "Only this device's readings; all by default." },
  optional('start', TimestampSchema, 'Only readings measured from then on; from the first on by default.'),
  optional('end', TimestampSchema, 'Only readings measured before then; to the last by default.'),
] as const satisfies readonly Parameter[];

/** Of the status of one. */
export const ERASURE_PARAMETERS = [
  {
    name: 'id',
    in: 'path',
    required: true,
    schema: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
    about: 'As `Location` has it.',
  },
] as const satisfies readonly Parameter[];

/** Of the live view. */
export const LIVE_PARAMETERS = [
  { ...USER, in: 'query' },
  { ...DEVICE, about: "Only this device's readings; all by default." },
  LAST_EVENT_ID,
] as const satisfies readonly Parameter[];

const IF_NONE_MATCH = {
  name: 'If-None-Match',
  in: 'header',
  required: false,
  schema: v.string(),
  about: 'The ETag of an answer that is there already.',
} as const satisfies Parameter;

const RANGE_PARAMETERS = [
  { ...USER, in: 'query' },
  { name: 'start', in: 'query', required: true, schema: TimestampSchema, about: 'The first instant, not before 1970.' },
  {
    name: 'end',
    in: 'query',
    required: true,
    schema: TimestampSchema,
    about: 'The instant to stop before; at most 3,660 days after the first.',
  },
] as const satisfies readonly Parameter[];

/** Of the readings of a range. */
export const READINGS_PARAMETERS = [
  ...RANGE_PARAMETERS,
  { ...DEVICE, about: "Only this device's readings; all by default." },
  IF_NONE_MATCH,
] as const satisfies readonly Parameter[];

/** Of a query. */
export const QUERY_PARAMETERS = [
  ...RANGE_PARAMETERS,
  {
    ...DEVICE,
    about: "Only this device's readings count, and priorities do not.",
  },
  {
    name: 'interval',
    in: 'query',
    required: false,
    schema: IntervalSchema,
    about: 'The width of a row; 1m by default. A week begins on Monday.',
  },
  {
    name: 'time_zone',
    in: 'query',
    required: false,
    schema: TimeZoneSchema,
    about:
      'The time zone whose hours, days, weeks and months the rows are; UTC by default. Each row has its start and its `end` in this zone then. Of JSON, NDJSON and CSV.',
  },
  RESOLVE,
  {
    name: 'fields',
    in: 'query',
    required: false,
    schema: FieldsSchema,
    about:
      'The columns of the rows in JSON, NDJSON and CSV, with commas between them; all by default. `timestamp` is there always.',
  },
  IF_NONE_MATCH,
] as const satisfies readonly Parameter[];

const SEARCH_DATE = /^(eq|ge|gt|le|lt|sa|eb)?\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;

/** Of the list of users. */
export const USERS_PARAMETERS = [
  optional('search', UserIdSchema, 'Only users whose id has this text in it, in capitals or not.'),
  optional('after', UserIdSchema, 'Only users behind this id: `next` of the page before.'),
  optional(
    'limit',
    v.pipe(v.string(), v.regex(/^([1-9]\d{0,2}|1000)$/)),
    'Users of a page, 100 by default, 1,000 at most.',
  ),
  optional('since', DateSchema, 'The first UTC date to look at; by default the newest 31 dates that have something.'),
] as const satisfies readonly Parameter[];

/** Of a FHIR search. */
export const SEARCH_PARAMETERS = [
  {
    name: 'patient',
    in: 'query',
    required: true,
    schema: v.pipe(v.string(), v.minLength(1), v.examples(['ana'])),
    about: 'Whose heart: the user_id, with or without `Patient/` before it.',
  },
  {
    ...optional(
      'date',
      v.pipe(v.string(), v.regex(SEARCH_DATE)),
      'A prefix and a date of any precision: `ge2024-01-15`, `lt2024-02`. Without an offset it is UTC.',
    ),
    repeats: true,
  },
  optional('code', v.string(), 'Every Observation is `8867-4`; others are none.'),
  optional('category', v.string(), 'Every Observation is `vital-signs`; others are none.'),
  optional('device', DeviceIdSchema, "Only this device's readings count."),
  optional(
    '_count',
    v.pipe(v.string(), v.regex(/^[1-9]\d{0,8}$/)),
    'Observations of a page, 1,000 by default, 10,000 at most.',
  ),
  optional('_sort', v.literal('date'), 'They are by date in any case.'),
  optional('_format', v.picklist(['json', 'application/json', 'application/fhir+json']), 'JSON in any case.'),
  optional('_page', TimestampSchema, 'Where a page begins: of the `next` link of the one before.'),
  IF_NONE_MATCH,
] as const satisfies readonly Parameter[];

const FlagSchema = v.picklist(['true', 'false']);

/** Of an import. */
export const IMPORT_PARAMETERS = [
  { ...USER, in: 'query', about: 'Whose readings they are, where the file does not say.' },
  optional(
    'file_name',
    v.pipe(v.string(), v.minLength(1), v.maxLength(255), v.examples(['export.zip'])),
    'The name of the file: the account says it, and its ending may tell what the file is.',
  ),
  optional(
    'time_zone',
    TimeZoneSchema,
    'Where times were taken that have no zone in the file: a name or an offset. Without it such a file is refused.',
  ),
  optional(
    'received_at',
    v.union([v.literal('now'), TimestampSchema]),
    'When the readings count as received. By default those of devices count before everything that was posted, so that no correction is undone.',
  ),
  optional('keep_low_confidence', FlagSchema, 'Keep values that the device itself does not trust; false by default.'),
  optional('skip_invalid', FlagSchema, 'Pass over faulty rows of CSV and NDJSON, and count them; false by default.'),
  optional('strict', FlagSchema, 'Refuse a file with damage, or with values that cannot be right; false by default.'),
  optional('dry_run', FlagSchema, 'Judge everything, and keep nothing; false by default.'),
] as const satisfies readonly Parameter[];
