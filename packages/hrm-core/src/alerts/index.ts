/**
 * Alerts: rules about heart rates, judged as readings are stored, and told to a webhook. They are no medical monitoring.
 * @module
 */

export type { AlertPlace } from '../ports/alert-place.js';
export type { AlertMessage } from '../pure/alerts/message.js';
export { type AlertRule, type AlertRules, parseRules } from '../pure/alerts/rules.js';
export { type AlertFeed, NO_ALERTS, type WatchedAlerts } from './alert-feed.js';
export { alertToWire, type ListedAlert, listAlerts, retryAlerts, type Telling } from './manage.js';
export {
  alertCounts,
  alertLine,
  forgetAlerts,
  type LogLine,
  openAlertFeed,
  openAlerts,
  type TriedAlerts,
  tryAlerts,
} from './open.js';
export { eraseAlerts } from './records.js';
export { openRules, type RulesFile, readRules } from './rules-file.js';
export { type AlertComponents, type AlertEvent, type AlertSettings, type RunningAlerts, startAlerts } from './run.js';
export type { Send } from './tell.js';
export type { Outgoing, Webhook } from './webhook.js';
