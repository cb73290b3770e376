/**
 * The parameters of the calls that have any.
 */
import {
  DeviceIdSchema,
  FieldsSchema,
  IntervalSchema,
  LiveIdSchema,
  TimestampSchema,
  UserIdSchema,
} from 'hrm-core/schemas';
import * as v from 'valibot';

/** A parameter of a call. */
export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path' | 'header';
  readonly required: boolean;
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
    about: 'The width of a row; 1m by default.',
  },
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
