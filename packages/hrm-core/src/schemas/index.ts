/**
 * The wire's shapes as valibot schemas, for whoever describes or checks a wire: the server's OpenAPI document is made of
 * them, and the tests hold its answers to them. What `enqueue` and `query` decide is stricter where a schema cannot say it: a real date, not
 * far ahead.
 * @module
 */

export {
  AcceptedAnswer,
  BatchAcceptedAnswer,
  BatchBody,
  DevicesAnswer,
  HealthAnswer,
  LatestAnswer,
  LivenessAnswer,
  ProblemAnswer,
  ReadingBody,
  RowsAnswer,
  SessionAnswer,
  SystemAnswer,
} from './answers.js';
export {
  DeviceIdSchema,
  FieldsSchema,
  HeartRateSchema,
  IdSchema,
  IntervalSchema,
  LiveIdSchema,
  TimestampSchema,
  UserIdSchema,
  WireReadingSchema,
  WireRowSchema,
} from './wire.js';
