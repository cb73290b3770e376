/** The rules that alerts are judged by, as a file has them: docs/reference/alerts.md says what each field means. */
import * as v from 'valibot';
import { type Fault, faultsError } from '../../errors.js';
import { MAX_ALERT_RULES, MAX_FAULTS, MAX_HEART_RATE_BPM, MAX_RULE_USERS, MIN_HEART_RATE_BPM } from '../../limits.js';
import { IdSchema } from '../reading/reading.js';
import { findZone } from '../time/time-zone.js';

function whole(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return v.pipe(v.number(message), v.safeInteger(message), v.minValue(min, message), v.maxValue(max, message));
}

/** What is wrong with an object as a whole, or with one of its fields' names. */
function objectFault({ expected, received }: { readonly expected: string | null; readonly received: string }): string {
  if (expected === 'never') return 'is no field here';
  return received === 'undefined' ? 'is missing' : 'must be an object';
}

/** Also in names of files, and in an alert's id. */
const NameSchema = v.pipe(
  v.string('must be a text'),
  v.regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'must be 1 to 40 of a-z, 0-9 and -'),
);

const common = {
  name: NameSchema,
  /** Whose readings are judged; without it everybody's. */
  user_ids: v.optional(
    v.pipe(
      v.array(IdSchema, 'must be a list of user ids'),
      v.minLength(1, 'must have a user id, or be left out for all users'),
      v.maxLength(MAX_RULE_USERS, `must have ${MAX_RULE_USERS} user ids at most`),
      v.transform((ids): ReadonlySet<string> => new Set(ids)),
    ),
  ),
};

const bpm = whole(MIN_HEART_RATE_BPM, MAX_HEART_RATE_BPM);

const level = {
  ...common,
  bpm,
  minutes: whole(1, 240),
  /** The mean before must not be above it; without it whatever was before is right. */
  calm_bpm: v.optional(bpm),
  calm_minutes: v.optional(whole(5, 120), 15),
  /** Minutes in a row that may be without readings. */
  gap_minutes: v.optional(whole(0, 60), 5),
};

const AboveSchema = v.strictObject({ kind: v.literal('above'), ...level }, objectFault);
const BelowSchema = v.strictObject({ kind: v.literal('below'), ...level }, objectFault);
const SilentSchema = v.strictObject({ kind: v.literal('silent'), ...common, minutes: whole(5, 10_080) }, objectFault);
const RestingSchema = v.strictObject(
  {
    kind: v.literal('resting'),
    ...common,
    bpm: whole(3, 50),
    time_zone: v.optional(
      v.pipe(
        v.string('must be a time zone'),
        v.check((name) => findZone(name) !== null, 'must be a time zone like Europe/Madrid'),
      ),
      'UTC',
    ),
  },
  objectFault,
);

const RulesSchema = v.strictObject(
  {
    version: v.literal(1, 'must be 1'),
    late_minutes: v.optional(whole(5, 1_440), 120),
    rules: v.pipe(
      v.array(
        v.variant('kind', [AboveSchema, BelowSchema, SilentSchema, RestingSchema], ({ path, received }) =>
          path?.at(-1)?.key === 'kind'
            ? 'must be above, below, silent or resting'
            : received === 'undefined'
              ? 'is missing'
              : 'must be an object',
        ),
        'must be a list of rules',
      ),
      v.maxLength(MAX_ALERT_RULES, `must have ${MAX_ALERT_RULES} rules at most`),
      v.check(
        (rules) => new Set(rules.map(({ name }) => name)).size === rules.length,
        'must have names that differ, by which alerts are told apart',
      ),
    ),
  },
  objectFault,
);

/** Above or below a rate for some minutes. */
export type LevelRule = Readonly<v.InferOutput<typeof AboveSchema> | v.InferOutput<typeof BelowSchema>>;
/** No reading for some minutes. */
export type SilentRule = Readonly<v.InferOutput<typeof SilentSchema>>;
/** A day's resting rate away from its mean of 28 days. */
export type RestingRule = Readonly<v.InferOutput<typeof RestingSchema>>;
/** Any rule. */
export type AlertRule = LevelRule | SilentRule | RestingRule;
/** All rules, and how late a reading may be to count for them. */
export type AlertRules = Readonly<v.InferOutput<typeof RulesSchema>>;

/**
 * The rules of a file's text.
 * @throws HrmError kind `invalid`, code `invalid_alerts`, with every fault, by its place in the file.
 */
export function parseRules(text: string): AlertRules {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's own words would repeat the text.
    throw rulesError([{ path: '', message: 'the file is not JSON' }]);
  }
  const result = v.safeParse(RulesSchema, json);
  if (result.success) return result.output;
  throw rulesError(
    result.issues.slice(0, MAX_FAULTS).map((issue) => ({
      path: (issue.path ?? []).map(({ key }) => `/${String(key)}`).join(''),
      message: issue.message,
    })),
  );
}

function rulesError(faults: readonly Fault[]) {
  return faultsError('invalid_alerts', faults, { what: 'the rules of alerts are not valid' });
}

/** Whether a rule is about a user. */
export function isAbout({ user_ids: userIds }: AlertRule, userId: string): boolean {
  return userIds === undefined || userIds.has(userId);
}

/** Whether a rule is about single minutes. */
export function isLevel(rule: AlertRule): rule is LevelRule {
  return rule.kind === 'above' || rule.kind === 'below';
}
