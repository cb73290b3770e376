/** `hrm alerts …`: what the rules have found, and who hears of it. */
import { plural } from 'hrm-core';
import { alertToWire, listAlerts, retryAlerts, tryAlerts } from 'hrm-core/alerts';
import { openAlertPlace } from 'hrm-core/open';
import { type Command, type Invocation, STORAGE_SETTINGS } from '../command.js';
import { visibleId } from '../output/output.js';

const NO_MONITORING = 'Alerts are no medical monitoring: they may come late, or not at all.';

/** `hrm alerts list` */
export const listCommand: Command = {
  name: 'alerts list',
  audit: 'read',
  about: `Lists the newest alerts of each rule and user, oldest first: when they began and ended, and whether they were told. ${NO_MONITORING}`,
  options: [{ name: 'user', value: 'U', about: "Only this user's." }],
  settings: STORAGE_SETTINGS,
  examples: ['hrm alerts list', 'hrm alerts list --user ana --json'],
  async run(invocation) {
    const { settings, args } = invocation;
    const items = (await listAlerts(await openAlertPlace(settings), args.value('user'))).map(alertToWire);
    return await print(
      invocation,
      { items, count: items.length },
      `${items.map(lineOf).join('')}${plural(items.length, 'alert')}\n`,
    );
  },
};

function lineOf({ id, rule, start, end, telling, user_id: userId }: ReturnType<typeof alertToWire>): string {
  return `${id}  ${rule}  user ${visibleId(userId)}  ${start} ${end === null ? 'is open' : `to ${end}`}  ${telling}\n`;
}

/** `hrm alerts test` */
export const testCommand: Command = {
  name: 'alerts test',
  about: `Judges the file of the rules, and sends a signed message that is about nobody to the webhook. ${NO_MONITORING}`,
  options: [],
  settings: ['alertsFile', 'alertsWebhookUrl', 'alertsWebhookSecret'],
  examples: ['hrm alerts test --alerts-file ./alerts.json'],
  async run(invocation) {
    const tried = await tryAlerts(invocation.settings, { signal: invocation.signal });
    const told = tried.sent ? 'the webhook took the message' : 'there is no webhook to tell';
    return await print(invocation, tried, `${plural(tried.rules, 'rule')}; ${told}\n`);
  },
};

/** `hrm alerts retry` */
export const retryCommand: Command = {
  name: 'alerts retry',
  about:
    'Lets alerts be told again that could not be told within a day: those named, or all. A running consumer does it within a minute.',
  operands: { label: 'ID…', min: 0, max: 1_000 },
  options: [],
  settings: STORAGE_SETTINGS,
  examples: ['hrm alerts retry', 'hrm alerts retry ID'],
  async run(invocation) {
    const { operands } = invocation.args;
    const retried = await retryAlerts(
      await openAlertPlace(invocation.settings),
      operands.length === 0 ? null : operands,
    );
    return await print(invocation, { retried }, `${plural(retried, 'message')} will be told again\n`);
  },
};

async function print({ json, output }: Invocation, wire: object, text: string): Promise<'done'> {
  await output.write(json ? `${JSON.stringify(wire)}\n` : text);
  return 'done';
}
