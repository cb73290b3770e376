/** Alerts as settings say. */
import { faultError } from '../errors.js';
import { openAlertPlace } from '../open.js';
import { errorFields } from '../ops/log-fields.js';
import type { CallOptions } from '../ports/call-options.js';
import type { Queue } from '../ports/queue.js';
import { systemRandom } from '../ports/random.js';
import type { Storage } from '../ports/storage.js';
import { formatInstant } from '../pure/reading/timestamp.js';
import type { Settings } from '../settings.js';
import { type AlertFeed, createAlertFeed } from './alert-feed.js';
import { countAlerts } from './manage.js';
import { eraseAlerts } from './records.js';
import { openRules, readRules } from './rules-file.js';
import { type AlertEvent, type RunningAlerts, startAlerts } from './run.js';
import type { Send } from './tell.js';
import { sendWebhook, type Webhook } from './webhook.js';

/** The webhook of settings; `null`: there is none. */
function webhookOf({
  alertsWebhookUrl: url,
  alertsWebhookSecret: secret,
}: Pick<Settings, 'alertsWebhookUrl' | 'alertsWebhookSecret'>): Webhook | null {
  return url === '' ? null : { url, secret };
}

/**
 * Starts alerts as settings say; `null` where they name no rules.
 * @throws HrmError kind `invalid`, code `invalid_alerts`, where the rules are wrong; kind `unavailable`, code `alerts_unreadable`.
 */
export async function openAlerts(
  { storage, queue }: { readonly storage: Storage; readonly queue?: Pick<Queue, 'feed'> | null | undefined },
  settings: Settings,
  { signal, onEvent }: { readonly signal: AbortSignal; readonly onEvent: (event: AlertEvent) => void },
): Promise<RunningAlerts | null> {
  if (settings.alertsFile === '') return null;
  const rules = openRules(settings.alertsFile, (error) => onEvent({ type: 'fault', error, retryMs: null }));
  const place = await openAlertPlace(settings);
  const webhook = webhookOf(settings);
  const send: Send | null = webhook === null ? null : (outgoing, options) => sendWebhook(webhook, outgoing, options);
  return startAlerts({ storage, place, rules, send, feed: queue?.feed ?? null }, settings, { signal, onEvent });
}

/** Deletes all that is kept of a user's alerts where settings say that they are. @throws as {@link eraseAlerts}. */
export async function forgetAlerts(settings: Settings, userId: string): Promise<void> {
  await eraseAlerts(await openAlertPlace(settings), userId);
}

/** Tells alerts to those who watch, from where settings say that they are. */
export function openAlertFeed(settings: Settings): AlertFeed {
  return createAlertFeed(() => openAlertPlace(settings));
}

/** Counts alerts where settings say that they are. @throws as {@link countAlerts}. */
export async function alertCounts(settings: Settings) {
  return await countAlerts(await openAlertPlace(settings));
}

/** What a try came to. */
export interface TriedAlerts {
  /** How many there are. */
  readonly rules: number;
  /** Whether a message was sent, and taken. */
  readonly sent: boolean;
}

/**
 * Judges the file of the rules, and sends a message of type `alert.test`, which is about nobody.
 * @throws HrmError as {@link openAlerts}; kind `invalid` where no file is named; kind `unavailable`, code `webhook_failed`.
 */
export async function tryAlerts(settings: Settings, { signal }: CallOptions = {}): Promise<TriedAlerts> {
  if (settings.alertsFile === '')
    throw faultError('invalid_settings', 'no rules: name their file with HRM_ALERTS_FILE', '/alertsFile');
  const rules = readRules(settings.alertsFile).rules.length;
  const webhook = webhookOf(settings);
  if (webhook === null) return { rules, sent: false };
  const nowMs = Date.now();
  const id = `test-${systemRandom.id()}`;
  const body = JSON.stringify({ type: 'alert.test', timestamp: formatInstant(nowMs), data: { id } });
  await sendWebhook(webhook, { id, body }, { nowMs, signal });
  return { rules, sent: true };
}

/** A line of a log. */
export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** What a log may say of an event: an alert's id, which tells neither whose it is, nor what of. */
export function alertLine(event: AlertEvent): LogLine {
  if (event.type === 'fault') {
    const isOfRules = event.retryMs === null;
    const text = isOfRules
      ? 'the rules of alerts are wrong now; those of before count on'
      : 'judging or telling alerts failed; it is tried again';
    return {
      level: 'error',
      fields: { ...(isOfRules ? {} : { retryMs: event.retryMs }), ...errorFields(event.error) },
      text,
    };
  }
  const alert = event.id;
  if (event.type === 'delayed')
    return {
      level: 'warn',
      fields: { alert, retryMs: event.retryMs, ...errorFields(event.error) },
      text: 'an alert could not be told; it is tried again',
    };
  if (event.type === 'failed')
    return {
      level: 'error',
      fields: { alert },
      text: 'an alert could not be told in time: hrm alerts retry tells it again',
    };
  return { level: 'info', fields: { alert }, text: TEXTS[event.type] };
}

const TEXTS = { opened: 'an alert opened', ended: 'an alert is over', told: 'an alert was told' } as const;
