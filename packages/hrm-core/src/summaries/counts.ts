/** Counts in words: of what is here, and of what a server tells. */
import type { QueuedCounts, StoredCounts, SystemCounts } from '../ops/counts.js';
import { dashedDate } from '../pure/partition.js';
import { bytesText, plural } from '../words.js';
import { summaryText } from './table.js';

/** The counts for people. */
export function countsText({ storage, queue }: SystemCounts): string {
  return summaryText([...storageRows(storage), ...queueRows(queue)]);
}

type Rows = readonly (readonly [label: string, value: string | number])[];

function storageRows(size: StoredCounts | null): Rows {
  if (size === null) return [['storage', 'cannot be asked']];
  const { days, firstDate, lastDate, users, partitions, files, bytes, compactedFiles, sharedParts, mostFiles } = size;
  return [
    ['days', firstDate === null ? 0 : `${days}, ${dashedDate(firstDate)} to ${dashedDate(lastDate ?? firstDate)}`],
    ['users with files', users],
    ['partitions', partitions],
    ['files', `${files} (${compactedFiles} compacted, ${sharedParts} shared), at most ${mostFiles} in a partition`],
    ['bytes', bytesText(bytes)],
    ...withoutRollupRow(size),
    ...expiredRow(size),
    ...(size.countedAt === undefined ? [] : [['counted', size.countedAt] as const]),
  ];
}

/** Only where there are some: what it means is for few. */
function withoutRollupRow({ withoutRollup }: StoredCounts): Rows {
  if (withoutRollup === null || withoutRollup === 0) return [];
  const days = plural(withoutRollup, 'day of a user', 'days of users');
  return [['not rolled up', `${days}: of too many devices, so that every question reads all their readings`]];
}

function expiredRow({ expired }: StoredCounts): Rows {
  if (expired == null) return [];
  const { days, dates, files, bytes } = expired;
  const kept = days === null ? 'for ever, but for rules' : plural(days, 'day');
  return [['kept', `${kept}; ${plural(files, 'file')} of ${plural(dates, 'day')} go, ${bytesText(bytes)}`]];
}

function queueRows(queue: QueuedCounts | null): Rows {
  if (queue === null) return [['queue', 'cannot be asked']];
  return [
    ['readings queued', queue.readings],
    ['readings claimed', queue.claimedReadings],
    ['oldest', oldestText(queue)],
    ...(queue.endedClaims === undefined ? [] : [['claims that ended', queue.endedClaims] as const]),
    ['dead letters', queue.deadLetters ?? 'cannot be counted: see hrm dlq list'],
  ];
}

function oldestText({ oldestAgeMs }: QueuedCounts): string {
  if (oldestAgeMs === undefined) return 'cannot be told';
  return oldestAgeMs === null ? 'none' : `${Math.round(oldestAgeMs / 1_000)} s ago`;
}
