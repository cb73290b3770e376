import { settingsAnswer, setUserSettings, userSettings, userSettingsOfText } from 'hrm-core';
import { openStorage } from 'hrm-core/open';
import { closing } from '../closing.js';
import { type Command, STORAGE_SETTINGS } from '../command.js';
import { openClient, URL_OPTION } from '../server.js';

/** `hrm user-settings` */
export const userSettingsCommand: Command = {
  name: 'user-settings',
  audit: 'settings',
  about:
    'Shows or sets what answers about a user go by where a question does not say. Names: birth_year, max_heart_rate, resting_rate, ' +
    'zones, time_zone, device_priority. Devices that have a rank here go before those of --device-priority.',
  options: [
    { name: 'user', value: 'U', about: 'The user_id.', required: true },
    { name: 'set', value: 'JSON', about: 'All settings, in place of those before; {} forgets them.' },
    URL_OPTION,
  ],
  settings: [...STORAGE_SETTINGS, 'apiKey'],
  examples: [
    'hrm user-settings --user ana',
    `hrm user-settings --user ana --set '{"birth_year":1986,"time_zone":"Europe/Madrid","device_priority":{"strap":1}}'`,
  ],
  async run(invocation) {
    const { args, settings, json, output, signal } = invocation;
    const [userId = '', text] = [args.value('user'), args.value('set')];
    const said = text === undefined ? null : userSettingsOfText(text);
    const client = openClient(invocation);
    const found = await (client === null
      ? closing(openStorage(settings, { readOnly: said === null, create: false }), (storage) =>
          said === null ? userSettings({ storage }, userId) : setUserSettings({ storage }, userId, said),
        )
      : said === null
        ? client.userSettings(userId, { signal })
        : client.setUserSettings(userId, said, { signal }));
    const answer = settingsAnswer(userId, found);
    await output.write(`${JSON.stringify(json ? answer : answer.settings)}\n`);
    return 'done';
  },
};
