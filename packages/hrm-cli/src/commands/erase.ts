/**
 * `hrm erase`: readings of a user, for good. Whoever may write the data may erase: the command asks nobody.
 */
import {
  type ErasureStatus,
  erase,
  eraseUntilFinished,
  erasureStatus,
  type FoundId,
  findUserId,
  openErasures,
  plural,
} from 'hrm-core';
import { forgetAlerts } from 'hrm-core/alerts';
import { openForMending, openQueue } from 'hrm-core/open';
import { closing } from '../closing.js';
import { type Command, type Invocation, QUEUE_SETTINGS, STORAGE_SETTINGS } from '../command.js';
import { startProgress } from '../output/progress.js';
import { openClient, URL_OPTION } from '../server.js';
import { usageError } from '../usage-error.js';

/** `hrm erase` */
export const eraseCommand: Command = {
  name: 'erase',
  audit: 'erase',
  about:
    'Erases readings of a user: all, or those of a device or of a range. From then on no answer of any process has one of them. ' +
    'That holds also for one that comes back with a backup, or is delivered again. Then their bytes leave files, dead letters and quarantine. ' +
    'What is still in the queue goes when a consumer takes it. Readings that are sent later count as ever.\n\n' +
    'Without --user it goes on with what is not finished. --status tells of that. --verify looks through everything for the user_id. ' +
    'It ends with 0 only where the user_id stands nowhere.',
  options: [
    { name: 'user', value: 'U', about: 'The user_id.' },
    { name: 'device', value: 'D', about: "Only this device's readings." },
    { name: 'from', value: 'A', about: 'Only readings measured from this instant on, like 2024-01-15T10:00:00Z.' },
    { name: 'to', value: 'B', about: 'Only readings measured before this instant.' },
    { name: 'no-wait', about: 'End once they are erased: a server that runs does the rest.' },
    { name: 'status', about: 'Tell what is not finished; with --id of that erasure.' },
    { name: 'id', value: 'ID', about: 'Of an erasure, as it was told.' },
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
    if (args.has('status')) await tell(invocation, await statusOf(invocation));
    else if (args.has('verify')) return await verify(invocation);
    else await tell(invocation, await eraseAll(invocation));
    return 'done';
  },
};

/** Opens what is erased in; its users are closed in the other order. */
function withBoth<T>({ settings }: Invocation, use: (both: Both) => Promise<T>): Promise<T> {
  return closing(openForMending(settings), (storage) =>
    closing(openQueue(settings), (queue) => use({ storage, queue })),
  );
}

type Both = Parameters<typeof eraseUntilFinished>[0] & Required<Parameters<typeof findUserId>[0]>;

async function eraseAll(invocation: Invocation): Promise<readonly ErasureStatus[]> {
  const { args, settings, signal, json, stderr } = invocation;
  const [userId, deviceId, start, end] = ['user', 'device', 'from', 'to'].map(args.value);
  if (userId === undefined && (deviceId ?? start ?? end) !== undefined) throw usageError('--user is missing');
  const input = { userId: userId ?? '', deviceId, start, end };
  const client = openClient(invocation);
  if (client !== null) return [{ ...(await client.erase(input, { signal })), state: 'in_force', report: null }];
  return await withBoth(invocation, async (both) => {
    const { naiveTimestamps, devicePriority } = settings;
    const forget = (user: string) => forgetAlerts(settings, user);
    const own = userId === undefined ? null : await erase({ ...both, forget }, input, { naiveTimestamps, signal });
    if (!args.has('no-wait')) {
      const progress = startProgress({ label: 'erase', total: 1, stream: stderr, enabled: !json });
      const onProgress = ({ done, total }: { readonly done: number; readonly total: number }) =>
        progress.update(done / total, `${done} of ${total} partitions`);
      await eraseUntilFinished(both, { devicePriority }, { signal, onProgress }).finally(progress.end);
    }
    const status = own === null ? null : await erasureStatus(both, own.id);
    return status === null ? await openErasures(both) : [status];
  });
}

async function statusOf(invocation: Invocation): Promise<readonly ErasureStatus[]> {
  const id = invocation.args.value('id');
  const client = openClient(invocation);
  if (client !== null && id === undefined) throw usageError('--id is missing: a server tells of one erasure');
  if (client !== null) return [await client.erasure(id ?? '', { signal: invocation.signal })];
  return await withBoth(invocation, async (both) => {
    if (id === undefined) return await openErasures(both);
    const status = await erasureStatus(both, id);
    if (status === null) throw usageError(`there is no erasure ${JSON.stringify(id)} here`);
    return [status];
  });
}

const STATES = {
  in_force: 'nothing of it is answered; some of its bytes may still be on a disk or in the queue',
  finished: 'nothing of it is in any file or in the queue',
};

async function tell({ json, output }: Invocation, all: readonly ErasureStatus[]): Promise<void> {
  const lines = all.map(({ id, state }) => `${id}  ${STATES[state]}\n`);
  await output.write(json ? `${JSON.stringify({ erasures: all })}\n` : lines.join('') || 'every erasure is finished\n');
}

async function verify(invocation: Invocation): Promise<'done' | 'data'> {
  const { args, json, output, signal } = invocation;
  const userId = args.value('user');
  if (userId === undefined) throw usageError('--user is missing');
  const places = await withBoth(invocation, async (both) => {
    const found: FoundId[] = [];
    for await (const place of findUserId(both, userId, { signal })) found.push(place);
    return found;
  });
  const lines = places.map(
    (place) =>
      `${Object.values(place)
        .filter((part) => part !== null)
        .join(' ')}\n`,
  );
  const text = places.length === 0 ? 'the id stands nowhere\n' : `${lines.join('')}${plural(places.length, 'place')}\n`;
  await output.write(json ? `${JSON.stringify({ places, count: places.length })}\n` : text);
  return places.length === 0 ? 'done' : 'data';
}
