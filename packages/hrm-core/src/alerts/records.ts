/**
 * Alerts in their place. Nothing there is ever changed, so nothing is locked, and any process may be killed at any call:
 *
 *   users/<user>/<rule>.<number>.opened.json   that an alert opened, and .ended.json, that it is over. The first of a name stays: of two
 *                                              consumers that judge at once one opens the alert, and the other one sees it
 *   open/<user>.<rule>.<number>.json           it may be open: written before it is opened, removed after it has ended
 *   untold/<user>.<message>.json               to be told: written before the above, removed once it was told
 *   failed/<user>.<message>.json               was not told within a day, and waits for a person
 *
 * What is told is first there to be told, and then opened. So who is killed in between leaves a message of an alert that is none: it is not told,
 * since the file of its alert is not there, and goes after a while. Who is killed behind that has it told by another consumer.
 */
import { MAX_KEPT_ALERTS } from '../limits.js';
import type { AlertPlace } from '../ports/alert-place.js';
import type { AlertState, Transition } from '../pure/alerts/judge.js';
import {
  type AlertMessage,
  type AlertOwner,
  alertUserKey,
  messageId,
  messageOf,
  parseMessage,
  stateOf,
} from '../pure/alerts/message.js';

/** The folders of messages. */
export const UNTOLD = 'untold/';
export const FAILED = 'failed/';
/** The folder of what says which alerts may be open. */
export const OPEN = 'open/';
const USERS = 'users/';

/** A message that waits to be told. */
export interface QueuedMessage {
  /** Since when it waits, epoch ms. */
  readonly queuedMs: number;
  readonly message: AlertMessage;
}

/** An alert that may be open. */
export interface OpenMark {
  readonly name: string;
  readonly number: number;
  readonly rule: string;
  readonly userId: string;
  readonly startMinute: number;
  /** When it was written, epoch ms. */
  readonly markedMs: number;
}

/** Of one alert: that it opened, and that it ended. */
export interface StoredAlert {
  readonly opened: AlertMessage;
  readonly ended: AlertMessage | null;
}

function numberText(number: number): string {
  return String(number).padStart(9, '0');
}

function recordName({ type, data }: AlertMessage): string {
  const what = type.slice('alert.'.length);
  return `${USERS}${alertUserKey(data.user_id)}/${data.rule}.${numberText(data.number)}.${what}.json`;
}

/** The name of what waits to be told, below its folder. */
export function queuedName(message: AlertMessage): string {
  return `${alertUserKey(message.data.user_id)}.${messageId(message)}.json`;
}

/** The name of the mark of an alert. */
export function markName(userId: string, rule: string, number: number): string {
  return `${OPEN}${alertUserKey(userId)}.${rule}.${numberText(number)}.json`;
}

function parseJson(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/** The text of what waits to be told. */
export function queuedText({ queuedMs, message }: QueuedMessage): string {
  return `${JSON.stringify({ queued_ms: queuedMs, message })}\n`;
}

/** What waits to be told, or failed; `null`: it is not there, or no message. */
export async function readQueued(place: AlertPlace, name: string): Promise<QueuedMessage | null> {
  const json = parseJson(await place.get(name)) as { readonly queued_ms?: unknown; readonly message?: unknown } | null;
  const message = parseMessage(json?.message);
  return message === null ? null : { message, queuedMs: Number(json?.queued_ms) || 0 };
}

async function readMessage(place: AlertPlace, name: string): Promise<AlertMessage | null> {
  return parseMessage(parseJson(await place.get(name)));
}

/** The record that a message is of: the same, or that of another alert that was first; `null`: there is none. */
export function recordOf(place: AlertPlace, message: AlertMessage): Promise<AlertMessage | null> {
  return readMessage(place, recordName(message));
}

/** A record's name, taken apart. */
const RECORD = /^users\/([0-9a-f]{32})\/([a-z0-9-]+)\.(\d{9})\.(opened|ended)\.json$/;

/** The newest alert of a rule and a user; `null`: there was none. A record that cannot be read is of an alert that is over. */
export async function readState(place: AlertPlace, { rule, userId }: AlertOwner): Promise<AlertState | null> {
  const userKey = alertUserKey(userId);
  const names = await place.list(`${USERS}${userKey}/`);
  const own = names.map((name) => RECORD.exec(name)).filter((match) => match?.[2] === rule.name);
  const newest = own.at(-1)?.[3];
  if (newest === undefined) return null;
  const before = `${USERS}${userKey}/${rule.name}.${newest}`;
  const isEnded = names.includes(`${before}.ended.json`);
  const [opened, ended] = await Promise.all([
    readMessage(place, `${before}.opened.json`),
    isEnded ? readMessage(place, `${before}.ended.json`) : null,
  ]);
  const isDamaged = opened === null || (isEnded && ended === null);
  return isDamaged ? { number: Number(newest), startMinute: 0, endMinute: 0, openedMinute: 0 } : stateOf(opened, ended);
}

/** How a transition is published. */
export interface PublishOptions {
  readonly nowMs: number;
  /** Whether it is to be told. */
  readonly isTold: boolean;
}

/** Publishes a transition. @returns its message; `null`: another consumer was first, and the state is another one. */
export async function publish(
  place: AlertPlace,
  owner: AlertOwner,
  { last, transition }: { readonly last: AlertState | null; readonly transition: Transition },
  { nowMs, isTold }: PublishOptions,
): Promise<AlertMessage | null> {
  const number = transition.type === 'opened' ? (last?.number ?? 0) + 1 : (last?.number ?? 1);
  const message = messageOf(owner, number, transition, nowMs);
  const queued = UNTOLD + queuedName(message);
  if (isTold) await place.put(queued, queuedText({ queuedMs: nowMs, message }));
  if (transition.type === 'opened') {
    const { startMinute } = transition;
    const mark = {
      rule: owner.rule.name,
      user_id: owner.userId,
      number,
      start_minute: startMinute,
      marked_ms: nowMs,
    };
    await place.put(markName(owner.userId, owner.rule.name, number), `${JSON.stringify(mark)}\n`);
  }
  const outcome = await place.put(recordName(message), `${JSON.stringify(message)}\n`);
  if (outcome === 'exists') {
    const first = await recordOf(place, message);
    // Of the same alert the other consumer wrote the same name to be told, which stays.
    if (isTold && first !== null && messageId(first) !== messageId(message)) await place.remove([queued]);
    return null;
  }
  if (transition.type === 'ended') await place.remove([markName(owner.userId, owner.rule.name, number)]);
  else await removeOld(place, owner, number - MAX_KEPT_ALERTS);
  return message;
}

/** Removes an alert that is old, unless it is still to be told. */
async function removeOld(place: AlertPlace, { rule, userId }: AlertOwner, number: number): Promise<void> {
  if (number < 1) return;
  const before = `${USERS}${alertUserKey(userId)}/${rule.name}.${numberText(number)}`;
  const names = [`${before}.opened.json`, `${before}.ended.json`];
  for (const name of names) {
    const message = await readMessage(place, name);
    if (message !== null && (await place.get(UNTOLD + queuedName(message))) !== null) return;
  }
  await place.remove(names);
}

/** The alerts that may be open. */
export async function readOpen(place: AlertPlace): Promise<readonly OpenMark[]> {
  const marks: OpenMark[] = [];
  for (const name of await place.list(OPEN)) {
    const mark = parseJson(await place.get(name)) as Readonly<Record<string, unknown>> | null;
    if (typeof mark?.user_id !== 'string') continue;
    const [number, startMinute, markedMs] = [mark.number, mark.start_minute, mark.marked_ms].map(
      (one) => Number(one) || 0,
    );
    marks.push({
      name,
      rule: String(mark.rule),
      userId: mark.user_id,
      number: number ?? 0,
      startMinute: startMinute ?? 0,
      markedMs: markedMs ?? 0,
    });
  }
  return marks;
}

/** Alerts as they are kept, by user and rule, oldest first. @param userId - only this user's. */
export async function* storedAlerts(place: AlertPlace, userId?: string): AsyncGenerator<StoredAlert, void, undefined> {
  const names = await place.list(userId === undefined ? USERS : `${USERS}${alertUserKey(userId)}/`);
  const all = new Set(names);
  for (const name of names) {
    if (RECORD.exec(name)?.[4] !== 'opened') continue;
    const opened = await readMessage(place, name);
    const endName = name.replace(/\.opened\.json$/, '.ended.json');
    if (opened !== null) yield { opened, ended: all.has(endName) ? await readMessage(place, endName) : null };
  }
}

/**
 * Deletes alerts that are over, and messages that were not told, of days that are kept no longer.
 * @param isExpired - of a user's instant, epoch ms.
 */
export async function removeExpiredAlerts(
  place: AlertPlace,
  isExpired: (userId: string, ms: number) => boolean,
): Promise<void> {
  const isOver = ({ data }: AlertMessage) => isExpired(data.user_id, Date.parse(data.end ?? data.start));
  for await (const { opened, ended } of storedAlerts(place)) {
    if (ended !== null && isOver(ended)) await place.remove([recordName(ended), recordName(opened)]);
  }
  for (const folder of [UNTOLD, FAILED])
    for (const name of await place.list(folder)) {
      const queued = await readQueued(place, name);
      if (queued !== null && isOver(queued.message)) await place.remove([name]);
    }
}

/** Deletes all that is kept of a user's alerts, also what waits to be told. */
export async function eraseAlerts(place: AlertPlace, userId: string): Promise<void> {
  const userKey = alertUserKey(userId);
  const own: string[] = [...(await place.list(`${USERS}${userKey}/`))];
  for (const folder of [OPEN, UNTOLD, FAILED])
    for (const name of await place.list(folder)) if (name.startsWith(`${folder}${userKey}.`)) own.push(name);
  await place.remove(own);
}
