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

/** Said at the first call that nothing came back from: the client tries again, which takes a while. */
const WAITING = 'the server cannot be reached; trying again for up to half a minute';

/** The client of `--url`; `null` without it. @throws HrmError kind `invalid` for what is no address of a server. */
export function openClient({
  args,
  settings,
  json,
  stderr,
}: Pick<Invocation, 'args' | 'settings' | 'json' | 'stderr'>): Client | null {
  const url = args.value('url');
  if (url === undefined) return null;
  let hasSaid = json;
  const fetchAndSay: typeof fetch = async (input, init) => {
    try {
      return await fetch(input, init);
    } catch (error) {
      if (!hasSaid && init?.signal?.aborted !== true) stderr.write(`hrm: ${WAITING}\n`);
      hasSaid = true;
      throw error;
    }
  };
  return createClient({ url, apiKey: settings.apiKey === '' ? undefined : settings.apiKey, fetch: fetchAndSay });
}
