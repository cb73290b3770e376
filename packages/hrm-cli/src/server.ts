/**
 * Asking a server instead of opening what is here: `--url`.
 */
import { type Client, createClient } from 'hrm-core/client';
import type { CommandOption, Invocation } from './command.js';

/** Of commands that can ask a server. */
export const URL_OPTION: CommandOption = {
  name: 'url',
  value: 'URL',
  about: 'Ask the server at this address, http://127.0.0.1:8000; its settings count. A key comes from HRM_API_KEY.',
};

/** The client of `--url`; `null` without it. @throws HrmError kind `invalid` for what is no address of a server. */
export function openClient({ args, settings }: Pick<Invocation, 'args' | 'settings'>): Client | null {
  const url = args.value('url');
  if (url === undefined) return null;
  return createClient({ url, apiKey: settings.apiKey === '' ? undefined : settings.apiKey });
}
