import { listUsers, plural, type UsersPage, usersToWire } from 'hrm-core';
import { type Command, type Invocation, STORAGE_SETTINGS } from '../command.js';
import { visibleId, writePieces } from '../output/output.js';
import { createTable, figures } from '../output/table.js';
import { type Source, warnOn, withSource } from '../query/ask.js';
import { URL_OPTION } from '../server.js';

/** `hrm users` */
export const usersCommand: Command = {
  name: 'users',
  audit: 'read',
  about:
    'Lists the users that have readings, by user_id, each with the newest stored reading. It looks at the newest 31 dates that have ' +
    'something, or at all dates from --since on: --since 1970-01-01 lists everybody. Readings still queued are not in it.',
  options: [
    { name: 'search', value: 'S', about: 'Only users whose id has this text in it, in capitals or not.' },
    { name: 'since', value: 'D', about: 'The first UTC date to look at, like 2024-01-15.' },
    URL_OPTION,
  ],
  settings: [...STORAGE_SETTINGS, 'devicePriority', 'apiKey'],
  examples: ['hrm users', 'hrm users --search an --since 1970-01-01 --json', 'hrm users --url http://127.0.0.1:8000'],
  async run(invocation) {
    await withSource(invocation, (source) => writePieces(invocation.output, piecesOf(source, invocation)));
    return 'done';
  },
};

/** Users of a page, of which two are held. */
const PAGE_USERS = 1_000;

async function* pagesOf(source: Source, invocation: Invocation): AsyncGenerator<UsersPage, void, undefined> {
  const { args, settings, signal } = invocation;
  const input = { search: args.value('search'), since: args.value('since'), limit: PAGE_USERS };
  const options = { signal, onDamage: warnOn(invocation) };
  for (let after: string | null | undefined; after !== null; ) {
    const asked = { ...input, after };
    const page: UsersPage =
      'client' in source
        ? await source.client.users(asked, { signal })
        : await listUsers(source, { ...asked, priority: settings.devicePriority }, options);
    yield page;
    after = page.next;
  }
}

async function* piecesOf(source: Source, invocation: Invocation): AsyncGenerator<string, void, undefined> {
  const { json } = invocation;
  let count = 0;
  let first: UsersPage['since'] = null;
  yield json ? '{"users":[' : TABLE.head;
  for await (const page of pagesOf(source, invocation)) {
    const { users } = usersToWire(page);
    first ??= page.since;
    const comma = count > 0 && users.length > 0 ? ',' : '';
    yield json ? comma + users.map((user) => JSON.stringify(user)).join() : page.users.map(lineOf).join('');
    count += users.length;
  }
  const since = first === null ? 'no date there has anything' : `with readings since ${first}`;
  yield json ? `],"count":${count},"since":${JSON.stringify(first)}}\n` : `${plural(count, 'user')}; ${since}\n`;
}

const TABLE = createTable([{ heading: 'newest reading', width: 24 }, figures('bpm', 3), { heading: 'user (device)' }]);

function lineOf({ userId, latest: { timestamp, heartRate, deviceId } }: UsersPage['users'][number]): string {
  return TABLE.line([timestamp, heartRate, `${visibleId(userId)} (${visibleId(deviceId)})`]);
}
