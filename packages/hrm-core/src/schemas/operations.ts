/**
 * Every call of the API in one table: what the routes, the check of keys, 405 and the OpenAPI document are made of.
 */

import * as v from 'valibot';
import type { AuditAction } from '../audit/event.js';
import type { Scope } from '../keys/api-key.js';
import { ROW_FORMS } from '../pure/answer/row-forms.js';
import { READING_TYPES } from '../pure/records/media-types.js';
import { UserSettingsSchema } from '../pure/user-settings.js';
import {
  AcceptedAnswer,
  BatchAcceptedAnswer,
  BatchBody,
  DailyAnswer,
  DevicesAnswer,
  EraseAnswer,
  ErasureAnswer,
  HealthAnswer,
  ImportAnswer,
  LatestAnswer,
  LivenessAnswer,
  ReadingBody,
  RowsAnswer,
  SessionAnswer,
  SystemAnswer,
  UserSettingsAnswer,
  UsersAnswer,
} from './answers.js';
import {
  DAILY_PARAMETERS,
  ERASE_PARAMETERS,
  ERASURE_PARAMETERS,
  IMPORT_PARAMETERS,
  LIVE_PARAMETERS,
  type Parameter,
  QUERY_PARAMETERS,
  READINGS_PARAMETERS,
  SEARCH_PARAMETERS,
  USER_PARAMETERS,
  USERS_PARAMETERS,
} from './parameters.js';
import { BODY_PROBLEMS, type ProblemCode } from './problems.js';

/** A valibot schema that JSON Schema can say; `null` for text of another kind. */
export type BodySchema = v.GenericSchema | null;

/** One way in which a call succeeds. */
export interface Answer {
  readonly status: number;
  readonly about: string;
  /** By media type; none where there is no body. */
  readonly types: Readonly<Record<string, BodySchema>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One call. */
export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** As OpenAPI writes it: `/users/{user_id}/devices`. */
  readonly path: string;
  /** What a key must have; `any`: any key will do; `none`: no key is needed, since there is nothing to protect. */
  readonly scope: Scope | 'any' | 'none';
  readonly summary: string;
  /** What the audit log calls it; without it, it is about no person, and only refusals are recorded. */
  readonly audit?: AuditAction;
  readonly about?: string;
  readonly parameters?: readonly Parameter[];
  /**
   * Whether query parameters that are not listed are skipped; otherwise they are refused. Of what health checks, scrapers
   * and browsers ask: they add some of their own, and a refusal would restart a healthy container.
   */
  readonly ignoresParameters?: true;
  /** Refusals are FHIR's OperationOutcomes, but for those that come before it is known what is called. */
  readonly isFhir?: true;
  /** By media type. */
  readonly body?: Readonly<Record<string, BodySchema>>;
  readonly answers: readonly Answer[];
  /** Codes of its own refusals, besides those that any call has. */
  readonly problems?: readonly ProblemCode[];
}

/** A resource, by its name; the rest is FHIR's to say. */
const FhirResource = v.looseObject({ resourceType: v.string() });

/** Types that clients have for files of devices; the content alone says what a file is. */
export const IMPORT_TYPES = [
  'application/octet-stream',
  'application/zip',
  'application/x-zip-compressed',
  'application/gzip',
  'application/x-gzip',
  'application/x-tar',
  'application/json',
  'application/x-ndjson',
  'application/xml',
  'text/xml',
  'text/csv',
  READING_TYPES.parquet,
] as const;

export const OPERATIONS = {
  postReading: {
    method: 'POST',
    path: '/metrics/heart-rate',
    scope: 'ingest',
    audit: 'ingest',
    summary: 'Send one reading',
    about: '202 means that the queue holds it as durably as it is configured to. Sending it again is harmless.',
    body: { 'application/json': ReadingBody },
    answers: [{ status: 202, about: 'Accepted.', types: { 'application/json': AcceptedAnswer } }],
    problems: [...BODY_PROBLEMS, 'invalid_readings', 'not_a_reading', 'foreign_user', 'foreign_device'],
  },
  postBatch: {
    method: 'POST',
    path: '/metrics/heart-rate/batch',
    scope: 'ingest',
    audit: 'ingest',
    summary: 'Send 1 to 10,000 readings, or series or a Parquet file of up to 100,000',
    about:
      'All or none: one bad reading refuses the batch, and nothing of it is queued. The body may be gzip. A series has many readings of one user and device, its timestamps as ISO 8601 or epoch milliseconds. In NDJSON each line is a reading, or each is a series. A Parquet file has the columns timestamp_ms, heart_rate, device_id and user_id.',
    body: { 'application/json': BatchBody, 'application/x-ndjson': null, [READING_TYPES.parquet]: null },
    answers: [{ status: 202, about: 'All accepted.', types: { 'application/json': BatchAcceptedAnswer } }],
    problems: [
      ...BODY_PROBLEMS,
      'invalid_readings',
      'not_an_array',
      'invalid_parquet',
      'empty_batch',
      'too_many_readings',
      'foreign_user',
      'foreign_device',
    ],
  },
  postImport: {
    method: 'POST',
    path: '/imports',
    scope: 'ingest',
    audit: 'import',
    summary: 'Import a file of a device, an export or an archive',
    about:
      'The body is one file, gzipped or not: FIT, TCX, GPX, CSV, NDJSON, Parquet, or an export of Apple Health, Garmin, Fitbit and others. It may be a zip or tar archive of them. HRM_IMPORT_MAX_BYTES bounds it. The answer says what became of each file in it. Sending it again is harmless.',
    parameters: IMPORT_PARAMETERS,
    body: Object.fromEntries(IMPORT_TYPES.map((type) => [type, null])),
    answers: [
      {
        status: 200,
        about: 'All of it, or what of it can be read, is queued.',
        types: { 'application/json': ImportAnswer },
      },
    ],
    problems: [
      'body_too_large',
      'unsupported_media_type',
      'unsupported_encoding',
      'not_imported',
      'time_zone_needed',
      'foreign_user',
      'foreign_device',
    ],
  },
  query: {
    method: 'GET',
    path: '/metrics/heart-rate',
    scope: 'query',
    audit: 'read',
    summary: "A user's heart rate, one row per minute",
    about:
      'Minutes without readings have no row. start <= t < end. Rows are of UTC; with `time_zone` they are of that zone. Where devices disagree at the same millisecond, the one with the best priority counts. With `Accept: application/x-ndjson; end=count`, or `text/csv; end=count`, a last record counts the rows: `{"end":true,"count":2}`, `end,,,,2,` (with `time_zone` `end,,,,,2,`). An answer without it was cut.',
    parameters: QUERY_PARAMETERS,
    answers: [
      {
        status: 200,
        about: 'The rows, ascending.',
        types: { ...typesOf(ROW_FORMS.map(({ mediaType }) => mediaType)), 'application/json': RowsAnswer },
        headers: { ETag: 'Of what the answer is made of: late readings change it.' },
      },
      { status: 304, about: 'The answer of If-None-Match still holds.', types: {} },
    ],
    problems: ['not_acceptable', 'foreign_user'],
  },
  readings: {
    method: 'GET',
    path: '/metrics/heart-rate/readings',
    scope: 'query',
    audit: 'export',
    summary: "A user's readings themselves",
    about:
      'Of all devices, start <= t < end, one for each device and millisecond. Device priorities play no part. Day by day, and of a day device by device; Parquet is device by device.',
    parameters: READINGS_PARAMETERS,
    answers: [
      {
        status: 200,
        about: 'The readings.',
        types: { ...typesOf(Object.values(READING_TYPES)), 'application/json': v.array(ReadingBody) },
        headers: { ETag: 'Of what the answer is made of: late readings change it.' },
      },
      { status: 304, about: 'The answer of If-None-Match still holds.', types: {} },
    ],
    problems: ['not_acceptable', 'foreign_user'],
  },
  searchObservations: {
    method: 'GET',
    path: '/fhir/Observation',
    scope: 'query',
    audit: 'read',
    summary: "A user's heart rate as FHIR R4, a page of minutes",
    about:
      'A searchset Bundle of Observations, one a minute that has readings, by the heart rate profile. `next` links to the page behind it. `total` is there where one page has all. Refusals are OperationOutcomes.',
    isFhir: true,
    parameters: SEARCH_PARAMETERS,
    answers: [
      {
        status: 200,
        about: 'A page.',
        types: { [READING_TYPES.fhir]: FhirResource, 'application/json': FhirResource },
        headers: { ETag: 'Of what the page is made of: late readings change it.' },
      },
      { status: 304, about: 'The page of If-None-Match still holds.', types: {} },
    ],
    problems: ['not_acceptable', 'foreign_user'],
  },
  fhirMetadata: {
    method: 'GET',
    path: '/fhir/metadata',
    scope: 'none',
    summary: 'What the FHIR part can do',
    isFhir: true,
    ignoresParameters: true,
    answers: [{ status: 200, about: 'A CapabilityStatement.', types: { [READING_TYPES.fhir]: FhirResource } }],
  },
  users: {
    method: 'GET',
    path: '/users',
    scope: 'query',
    audit: 'read',
    summary: 'The users that have readings, a page at a time',
    about:
      'By user_id in UTF-8 byte order, each with the newest stored reading. A key that is bound to users sees these alone. A page may have fewer users than `limit`, or none, where `next` leads to another. Who has no reading on the dates looked at is not listed: ask with an earlier `since`. That looks through all dates from there on, for each page.',
    parameters: USERS_PARAMETERS,
    answers: [{ status: 200, about: 'A page.', types: { 'application/json': UsersAnswer } }],
  },
  devices: {
    method: 'GET',
    path: '/users/{user_id}/devices',
    scope: 'query',
    audit: 'read',
    summary: "A user's devices",
    about: 'With the first and the last stored reading of each, by device_id. An unknown user has none.',
    parameters: USER_PARAMETERS,
    answers: [{ status: 200, about: 'The devices.', types: { 'application/json': DevicesAnswer } }],
    problems: ['foreign_user', 'too_much_history'],
  },
  latest: {
    method: 'GET',
    path: '/users/{user_id}/latest',
    scope: 'query',
    audit: 'read',
    summary: 'The last readings of a user',
    about:
      'Of each device, and of the user: where devices have one at the same millisecond, that of the best priority. Stored readings only.',
    parameters: USER_PARAMETERS,
    answers: [{ status: 200, about: 'The readings.', types: { 'application/json': LatestAnswer } }],
    problems: ['foreign_user', 'too_much_history'],
  },
  days: {
    method: 'GET',
    path: '/users/{user_id}/days',
    scope: 'query',
    audit: 'read',
    summary: "A user's days in figures",
    about:
      'Resting rate, time in zones, gaps and trends of each day of a time zone that has readings. docs/reference/daily.md has the definitions. It is no medical advice.',
    parameters: DAILY_PARAMETERS,
    answers: [{ status: 200, about: 'The days, ascending.', types: { 'application/json': DailyAnswer } }],
    problems: ['foreign_user'],
  },
  userSettings: {
    method: 'GET',
    path: '/users/{user_id}/settings',
    scope: 'query',
    audit: 'read',
    summary: "A user's settings",
    about: 'What answers about the user go by where a question does not say. Of who said nothing they are `{}`.',
    parameters: USER_PARAMETERS,
    answers: [{ status: 200, about: 'The settings.', types: { 'application/json': UserSettingsAnswer } }],
    problems: ['foreign_user'],
  },
  putUserSettings: {
    method: 'PUT',
    path: '/users/{user_id}/settings',
    scope: 'ingest',
    audit: 'settings',
    summary: "Set a user's settings",
    about:
      "All of them, in place of those before; `{}` forgets them. 200 means that they are stored durably. Who may send a user's readings may set them: a key that only reads changes nothing.",
    parameters: USER_PARAMETERS,
    body: { 'application/json': UserSettingsSchema },
    answers: [{ status: 200, about: 'The settings, as stored.', types: { 'application/json': UserSettingsAnswer } }],
    problems: [...BODY_PROBLEMS, 'invalid_user_settings', 'foreign_user', 'foreign_device'],
  },
  erase: {
    method: 'DELETE',
    path: '/users/{user_id}/readings',
    scope: 'erase',
    audit: 'erase',
    summary: "Erase a user's readings",
    about:
      'All of them, or those of a device or a range. From this answer on no other has one that was accepted before the call. The answer takes a second, in S3 five. The bytes go later: `Location` says when they are gone. Readings that are sent after it count as ever.',
    parameters: ERASE_PARAMETERS,
    answers: [
      {
        status: 202,
        about: 'In force.',
        types: { 'application/json': EraseAnswer },
        headers: { Location: 'Where its status is.' },
      },
    ],
    problems: ['foreign_user', 'invalid_erasure'],
  },
  erasure: {
    method: 'GET',
    path: '/erasures/{id}',
    scope: 'erase',
    summary: 'How far an erasure is',
    about: 'Finished once no byte of it is in the files or the queue.',
    parameters: ERASURE_PARAMETERS,
    answers: [{ status: 200, about: 'How far it is.', types: { 'application/json': ErasureAnswer } }],
    problems: ['not_found'],
  },
  live: {
    method: 'GET',
    path: '/metrics/heart-rate/live',
    scope: 'query',
    audit: 'live',
    summary: "A user's readings as they are accepted",
    about:
      'Server-sent events. `event: reading` has `{"device_id","timestamp","heart_rate"}`, and `rank` of a device that has a priority: at the same millisecond the least counts. `event: gap` has `{}`: readings may have been missed, so ask for the rows. `event: alert` has an alert that opened or ended, as a webhook has it. It has no `id`. Whoever begins to listen is told what is open. A comment comes after every 15 s of silence. Each `id`, also without an event, is where to go on after a lost connection.',
    parameters: LIVE_PARAMETERS,
    answers: [{ status: 200, about: 'Events until the client leaves.', types: { 'text/event-stream': null } }],
    problems: ['invalid_cursor', 'foreign_user'],
  },
  system: {
    method: 'GET',
    path: '/system',
    scope: 'admin',
    summary: 'How the whole system is',
    about: 'Counts alone: no user, no device. Of a compacter in another process it knows what is stored.',
    answers: [{ status: 200, about: 'As this process knows it.', types: { 'application/json': SystemAnswer } }],
    problems: ['not_found'],
  },
  session: {
    method: 'GET',
    path: '/session',
    scope: 'any',
    summary: 'What the caller may do',
    answers: [{ status: 200, about: "The key's rights.", types: { 'application/json': SessionAnswer } }],
  },
  health: {
    method: 'GET',
    path: '/health',
    scope: 'none',
    summary: 'How the service is',
    ignoresParameters: true,
    answers: [
      { status: 200, about: 'Healthy or degraded.', types: { 'application/json': HealthAnswer } },
      { status: 503, about: 'Unhealthy.', types: { 'application/json': HealthAnswer } },
    ],
  },
  liveness: {
    method: 'GET',
    path: '/health/live',
    scope: 'none',
    summary: 'Whether the process lives',
    ignoresParameters: true,
    about: 'It asks neither queue nor storage, and says nothing about them.',
    answers: [{ status: 200, about: 'It does.', types: { 'application/json': LivenessAnswer } }],
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    scope: 'admin',
    summary: 'Everything counted, as Prometheus reads it',
    ignoresParameters: true,
    answers: [{ status: 200, about: 'The metrics.', types: { 'text/plain': null } }],
  },
  openapi: {
    method: 'GET',
    path: '/openapi.json',
    scope: 'none',
    summary: 'The API as OpenAPI 3.1',
    answers: [{ status: 200, about: 'The document.', types: { 'application/json': v.looseObject({}) } }],
  },
  docs: {
    method: 'GET',
    path: '/docs',
    scope: 'none',
    summary: 'The API as a page',
    ignoresParameters: true,
    answers: [{ status: 200, about: 'A page that needs no other host.', types: { 'text/html': null } }],
  },
} as const satisfies Readonly<Record<string, Operation>>;

/** The media types of forms: JSON of others' schemas, and text of another kind. */
function typesOf(types: readonly string[]): Readonly<Record<string, BodySchema>> {
  return Object.fromEntries(types.map((type) => [type, type.endsWith('+json') ? v.unknown() : null]));
}

/** The name of a call. */
export type OperationId = keyof typeof OPERATIONS;

/** The headers that calls have as parameters. */
export const HEADER_PARAMETERS: ReadonlySet<string> = new Set(
  Object.values(OPERATIONS)
    .flatMap(({ parameters = [] }: Operation) => parameters)
    .flatMap(({ name, in: place }) => (place === 'header' ? [name] : [])),
);

/** The methods of a path, as `Allow` names them; HEAD goes with GET. */
export function methodsOf(path: string): string {
  const methods = Object.values(OPERATIONS).flatMap((operation: Operation) =>
    operation.path === path ? (operation.method === 'GET' ? ['GET', 'HEAD'] : [operation.method]) : [],
  );
  return methods.sort().join(', ');
}
