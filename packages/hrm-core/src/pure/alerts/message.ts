/** An alert as it is kept and told: the body of a webhook by Standard Webhooks, and the names of its files. */
import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { MINUTE_MS } from '../../limits.js';
import { formatInstant } from '../reading/timestamp.js';
import type { AlertState, Transition } from './judge.js';
import type { AlertRule } from './rules.js';

const InstantSchema = v.pipe(
  v.string(),
  v.check((text) => !Number.isNaN(Date.parse(text))),
);

const MessageSchema = v.object({
  type: v.picklist(['alert.opened', 'alert.ended']),
  timestamp: InstantSchema,
  data: v.object({
    id: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
    rule: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,40}$/)),
    kind: v.picklist(['above', 'below', 'silent', 'resting']),
    user_id: v.string(),
    number: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
    start: InstantSchema,
    end: v.nullable(InstantSchema),
    bpm: v.nullable(v.number()),
    baseline_bpm: v.nullable(v.number()),
  }),
});

/** What is told of an alert: that it opened, or that it ended. */
export type AlertMessage = Readonly<v.InferOutput<typeof MessageSchema>>;

/** Whose alert it is, and by which rule. */
export interface AlertOwner {
  readonly rule: Pick<AlertRule, 'name' | 'kind'>;
  readonly userId: string;
}

/**
 * What identifies an alert, whoever opens it, and however often: 32 hex digits of the SHA-256 of its rule, its user and the minute of its start.
 * It does not tell who the user is to whoever does not know.
 */
export function alertId({ rule, userId }: AlertOwner, startMinute: number): string {
  return hashOf(`${rule.name}\n${startMinute}\n${userId}`);
}

/** What names a user's files. */
export function alertUserKey(userId: string): string {
  return hashOf(userId);
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** What is told of a transition. @param number - of the alert, from 1. */
export function messageOf(owner: AlertOwner, number: number, transition: Transition, nowMs: number): AlertMessage {
  const { type, startMinute, bpm } = transition;
  return {
    type: `alert.${type}`,
    timestamp: formatInstant(nowMs),
    data: {
      id: alertId(owner, startMinute),
      rule: owner.rule.name,
      kind: owner.rule.kind,
      user_id: owner.userId,
      number,
      start: formatInstant(startMinute * MINUTE_MS),
      end: type === 'ended' ? formatInstant(transition.endMinute * MINUTE_MS) : null,
      bpm,
      baseline_bpm: type === 'opened' ? transition.baselineBpm : null,
    },
  };
}

/** A message as it was kept; `null` for what is none. */
export function parseMessage(value: unknown): AlertMessage | null {
  const result = v.safeParse(MessageSchema, value);
  return result.success ? result.output : null;
}

/** Of a webhook: the same for each try, and another one for an alert's end than for its beginning. */
export function messageId({ type, data }: AlertMessage): string {
  return `${data.id}-${type.slice('alert.'.length)}`;
}

/** The state that the newest messages of a rule and a user come to. */
export function stateOf(opened: AlertMessage, ended: AlertMessage | null): AlertState {
  const minuteOf = (text: string) => Math.floor(Date.parse(text) / MINUTE_MS);
  const endMinute = ended === null ? null : minuteOf(ended.data.end ?? ended.data.start);
  const openedMinute = minuteOf(opened.timestamp);
  return { number: opened.data.number, startMinute: minuteOf(opened.data.start), endMinute, openedMinute };
}
