import {
  countSystem,
  countsText,
  countsToWire,
  measureExpired,
  measureStorage,
  type StoredCounts,
  type SystemCounts,
} from 'hrm-core';
import { systemWhenCounted } from 'hrm-core/client';
import { openQueue, openStorage, readRetention, retentionOf } from 'hrm-core/open';
import { visibleText } from 'hrm-core/process';
import { closing } from '../closing.js';
import { type Command, type Invocation, QUEUE_SETTINGS, STORAGE_SETTINGS } from '../command.js';
import { startProgress } from '../output/progress.js';
import { openClient, URL_OPTION } from '../server.js';
import { daysOfUser } from '../stats/days-of-user.js';
import { usageError } from '../usage-error.js';

/** `hrm stats` */
export const statsCommand: Command = {
  name: 'stats',
  audit: 'read',
  about:
    'Counts what is stored (days, users, files, bytes) and what is queued. It looks at names and sizes of files, and at the end of large compacted files: are their minutes rolled up? ' +
    'Of days that are kept no longer it tells what would go, by HRM_RETENTION_DAYS, or as the store says. ' +
    "Users are only counted. With --user it lists one user's days instead, and how many readings count in each. " +
    'With --url a server tells what it knows, to a key with the scope admin. What cannot be asked is left out and said, and the call ends with 3.',
  options: [{ name: 'user', value: 'U', about: 'List the days of this user_id.' }, URL_OPTION],
  settings: [...STORAGE_SETTINGS, ...QUEUE_SETTINGS, 'devicePriority', 'apiKey'],
  examples: ['hrm stats', 'hrm stats --json', 'hrm stats --user ana', 'hrm stats --url http://127.0.0.1:8000'],
  async run(invocation) {
    const userId = invocation.args.value('user');
    const client = openClient(invocation);
    if (client !== null) {
      if (userId === undefined) {
        const { files, queue } = await systemWhenCounted(client, invocation);
        return await report({ storage: files, queue }, invocation);
      }
      throw usageError('--user lists days of the files here, which a server does not: leave out --url, or --user');
    }
    return userId === undefined
      ? await report(await countHere(invocation), invocation)
      : await daysOfUser(userId, invocation);
  },
};

async function report(answer: SystemCounts, { json, output }: Invocation): Promise<'done' | 'unavailable'> {
  await output.write(json ? `${JSON.stringify(countsToWire(answer))}\n` : countsText(answer));
  return answer.storage === null || answer.queue === null ? 'unavailable' : 'done';
}

/** What cannot be asked is said. */
async function countHere(invocation: Invocation): Promise<SystemCounts> {
  const { settings, signal, stderr } = invocation;
  const depth = () => closing(openQueue(settings, { create: false }), (queue) => queue.depth());
  const { failures, ...counts } = await countSystem({ measure: () => measure(invocation), depth }, { signal });
  for (const { message } of failures) stderr.write(`hrm stats: ${visibleText(message)}\n`);
  return counts;
}

async function measure({ settings, json, stderr, signal }: Invocation): Promise<StoredCounts> {
  const progress = startProgress({ label: 'stats', total: undefined, stream: stderr, enabled: !json });
  const onProgress = ({ partitions, date }: { readonly partitions: number; readonly date: string }) =>
    progress.update(partitions, `partitions, at ${date}`);
  const opening = openStorage(settings, { readOnly: true, create: false });
  const retention = readRetention(settings) === null ? null : retentionOf(settings);
  return await closing(opening, async (storage) => {
    const expired = await measureExpired({ storage }, retention, { signal });
    return { ...(await measureStorage({ storage }, { signal, onProgress })), expired };
  }).finally(progress.end);
}
