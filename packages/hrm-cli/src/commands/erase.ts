/**
 * `hrm erase`: readings of a user, for good. Whoever may write the data may erase: the command asks nobody.
 */
import {
  type EraseInput,
  type ErasureStatus,
  erase,
  eraseUntilFinished,
  erasureStatus,
  type FoundId,
  findUserId,
  type LeftErasure,
  openErasures,
  plural,
  type Queue,
  type Storage,
} from 'hrm-core';
import { openForMending, openQueue, openStorage } from 'hrm-core/open';
import { closing } from '../closing.js';
import { type Command, type Invocation, QUEUE_SETTINGS, STORAGE_SETTINGS } from '../command.js';
import { startProgress } from '../output/progress.js';
import { openClient, URL_OPTION } from '../server.js';
import { usageError } from '../usage-error.js';

/** `hrm erase` */
export const eraseCommand: Command = {
  name: 'erase',
  about:
    'Erases readings of a user: all, or those of a device or of a range. Once it says so, no answer of any process has one of them, also not ' +
    'one that comes back with a backup or is delivered again. Then their bytes leave files, dead letters and quarantine. What is still ' +
    'in the queue goes when a consumer takes it. Readings that are sent later count as ever.\n\n' +
    '--status lists what is not finished, or tells of one erasure. --verify looks through everything that is kept for the user_id, and ends with 0 only ' +
    'where it stands nowhere.',
  options: [
    { name: 'user', value: 'U', about: 'The user_id.' },
    { name: 'device', value: 'D', about: "Only this device's readings." },
    { name: 'from', value: 'A', about: 'Only readings measured from this instant on, like 2024-01-15T10:00:00Z.' },
    { name: 'to', value: 'B', about: 'Only readings measured before this instant.' },
    { name: 'no-wait', about: 'End once it is in force: a server that runs, or --finish, does the rest.' },
    { name: 'finish', about: 'Do the rest of every erasure.' },
    { name: 'status', about: 'List what is not finished yet; with --id tell of that one.' },
    { name: 'id', value: 'ID', about: 'As it was told when it was erased.' },
    { name: 'verify', about: 'Say where the user_id still stands.' },
    URL_OPTION,
  ],
  settings: [...STORAGE_SETTINGS, ...QUEUE_SETTINGS, 'devicePriority', 'naiveTimestamps', 'apiKey'],
  examples: [
    'hrm erase --user ana',
    'hrm erase --user ana --device watch --from 2024-01-15T00:00:00Z --to 2024-01-16T00:00:00Z',
    'hrm erase --status',
    'hrm erase --verify --user ana --json',
  ],
  async run(invocation) {
    const { args } = invocation;
    const user = args.value('user');
    const verbs = ['status', 'verify', 'finish'].filter((name) => args.has(name));
    if (verbs.length > 1) throw usageError(`--${verbs.join(' and --')} are two things: give one of them`);
    if (args.has('status')) return await tellStatus(invocation);
    if (args.has('finish')) return await finish(invocation);
    if (user === undefined) throw usageError('--user is missing: whose readings?');
    if (args.has('verify')) return await verify(invocation, user);
    return await eraseUser(invocation, {
      userId: user,
      deviceId: args.value('device'),
      start: args.value('from'),
      end: args.value('to'),
    });
  },
};

async function eraseUser(invocation: Invocation, input: EraseInput): Promise<'done'> {
  const { args, settings, signal, json, output, stderr } = invocation;
  const client = openClient(invocation);
  if (client !== null) {
    const erased = await client.erase(input, { signal });
    await output.write(json ? `${JSON.stringify(erased)}\n` : `${erased.id} is in force; the server does the rest\n`);
    return 'done';
  }
  return await withBoth(invocation, async (storage, queue) => {
    const { naiveTimestamps } = settings;
    const erased = await erase({ storage }, input, { naiveTimestamps, signal });
    if (!json) stderr.write(`hrm erase: ${erased.id} is in force\n`);
    const left = args.has('no-wait') ? null : await wait(invocation, storage, queue);
    const state = left?.some(({ id }) => id === erased.id) === false ? 'finished' : 'in_force';
    await output.write(json ? `${JSON.stringify({ ...erased, state })}\n` : `${erased.id}: ${STATES[state]}\n`);
    return 'done';
  });
}

const STATES = {
  in_force: 'nothing of it is answered; hrm erase --status says what is left of its bytes',
  finished: 'nothing of it is in any file or in the queue',
};

/** Does the rest, as far as it can be done now. */
async function wait(invocation: Invocation, storage: Storage, queue: Queue): Promise<readonly LeftErasure[]> {
  const { settings, signal, json, stderr } = invocation;
  const progress = startProgress({ label: 'erase', total: 1, stream: stderr, enabled: !json });
  try {
    return await eraseUntilFinished(
      { storage, queue },
      { devicePriority: settings.devicePriority },
      { signal, onProgress: ({ done, total }) => progress.update(done / total, `${done} of ${total} partitions`) },
    );
  } finally {
    progress.end();
  }
}

async function finish(invocation: Invocation): Promise<'done'> {
  return await withBoth(invocation, async (storage, queue) => {
    const left = await wait(invocation, storage, queue);
    return await tell(
      invocation,
      left.map(({ id }) => ({ id, state: 'in_force', report: null })),
    );
  });
}

async function tellStatus(invocation: Invocation): Promise<'done'> {
  const { args, settings, signal } = invocation;
  const id = args.value('id');
  const client = openClient(invocation);
  if (client !== null) {
    if (id === undefined) throw usageError('--id is missing: a server tells of one erasure');
    return await tell(invocation, [await client.erasure(id, { signal })]);
  }
  return await closing(openStorage(settings, { readOnly: true, create: false }), async (storage) => {
    if (id === undefined) return await tell(invocation, await openErasures({ storage }));
    const status = await erasureStatus({ storage }, id);
    if (status === null) throw usageError(`there is no erasure ${id} here`);
    return await tell(invocation, [status]);
  });
}

async function tell({ json, output }: Invocation, all: readonly ErasureStatus[]): Promise<'done'> {
  const lines = all.map(({ id, state }) => `${id}  ${STATES[state]}\n`);
  await output.write(json ? `${JSON.stringify({ erasures: all })}\n` : lines.join('') || 'every erasure is finished\n');
  return 'done';
}

async function verify(invocation: Invocation, userId: string): Promise<'done' | 'data'> {
  const { json, output, signal } = invocation;
  return await withBoth(invocation, async (storage, queue) => {
    const found: FoundId[] = [];
    for await (const place of findUserId({ storage, queue }, userId, { signal })) found.push(place);
    const lines = found.map(
      ({ where, date, name }) => `${[where, date, name].filter((part) => part !== null).join(' ')}\n`,
    );
    const summary =
      found.length === 0 ? 'the id stands nowhere\n' : `${lines.join('')}${plural(found.length, 'place')}\n`;
    await output.write(json ? `${JSON.stringify({ places: found, count: found.length })}\n` : summary);
    return found.length === 0 ? 'done' : 'data';
  });
}

async function withBoth<T>({ settings }: Invocation, use: (storage: Storage, queue: Queue) => Promise<T>): Promise<T> {
  return await closing(openForMending(settings), (storage) =>
    closing(openQueue(settings), (queue) => use(storage, queue)),
  );
}
