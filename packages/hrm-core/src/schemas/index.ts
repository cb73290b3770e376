/**
 * The HTTP API as data, and the wire's shapes as valibot schemas, for whoever describes or checks a wire: the server's routes and its OpenAPI
 * document are made of them, and the tests hold its answers to them. What `enqueue` and `query` decide is stricter where a schema cannot say it: a real date, not
 * far ahead.
 * @module
 */

export {
  AcceptedAnswer,
  BatchAcceptedAnswer,
  BatchBody,
  DailyAnswer,
  DevicesAnswer,
  HealthAnswer,
  ImportAnswer,
  LatestAnswer,
  LivenessAnswer,
  ProblemAnswer,
  ReadingBody,
  RowsAnswer,
  SessionAnswer,
  SystemAnswer,
  UsersAnswer,
} from './answers.js';
export {
  type Answer,
  type BodySchema,
  HEADER_PARAMETERS,
  IMPORT_TYPES,
  methodsOf,
  OPERATIONS,
  type Operation,
  type OperationId,
} from './operations.js';
export {
  DAILY_PARAMETERS,
  IMPORT_PARAMETERS,
  LAST_EVENT_ID,
  LIVE_PARAMETERS,
  type Parameter,
  QUERY_PARAMETERS,
  READINGS_PARAMETERS,
  SEARCH_PARAMETERS,
} from './parameters.js';
export {
  CLIENT_PROBLEMS,
  COMMON_PROBLEMS,
  KEY_PROBLEMS,
  type ProblemCode,
  STATUS_BY_KIND,
  statusOfCode,
} from './problems.js';
export { type QueryValues, readQuery, readSegment, valuesOf } from './read-query.js';
export { isIngest, methodOf, QUERY_ROUTE, routeOf } from './request-route.js';
export { authorityOf, pathOf } from './target.js';
export {
  DeviceIdSchema,
  FieldsSchema,
  HeartRateSchema,
  IdSchema,
  IntervalSchema,
  LiveIdSchema,
  TimestampSchema,
  TimeZoneSchema,
  UserIdSchema,
  WireReadingSchema,
  WireRowSchema,
} from './wire.js';
