/** What a person does with alerts. */
import type { AlertPlace } from '../ports/alert-place.js';
import type { AlertMessage } from '../pure/alerts/message.js';
import { FAILED, OPEN, queuedName, queuedText, readQueued, type StoredAlert, storedAlerts, UNTOLD } from './records.js';

/** Whether an alert was told: `done` also where nobody was to be told. */
export type Telling = 'done' | 'waits' | 'failed';

/** An alert as a person sees it. */
export interface ListedAlert extends StoredAlert {
  /** The worse of what its two messages are. */
  readonly telling: Telling;
}

/** Lists alerts that are kept, oldest first. @param userId - only this user's. @throws HrmError code `alerts_unavailable`. */
export async function listAlerts(place: AlertPlace, userId?: string): Promise<readonly ListedAlert[]> {
  const [untold, failed] = [new Set(await place.list(UNTOLD)), new Set(await place.list(FAILED))];
  function tellingOf(messages: readonly AlertMessage[]): Telling {
    const names = messages.map(queuedName);
    if (names.some((name) => failed.has(FAILED + name))) return 'failed';
    return names.some((name) => untold.has(UNTOLD + name)) ? 'waits' : 'done';
  }
  const all: ListedAlert[] = [];
  for await (const { opened, ended } of storedAlerts(place, userId))
    all.push({ opened, ended, telling: tellingOf(ended === null ? [opened] : [opened, ended]) });
  return all.sort((a, b) => Date.parse(a.opened.data.start) - Date.parse(b.opened.data.start));
}

/** Counts alerts that may be open, and messages that wait to be told, or failed. @throws HrmError code `alerts_unavailable`. */
export async function countAlerts(place: AlertPlace) {
  const [open, untold, failed] = await Promise.all([OPEN, UNTOLD, FAILED].map((folder) => place.list(folder)));
  return { open: open?.length ?? 0, untold: untold?.length ?? 0, failed: failed?.length ?? 0 };
}

/** An alert for programs, in the names of the wire. */
export function alertToWire({ opened, ended, telling }: ListedAlert) {
  return {
    ...opened.data,
    end: ended?.data.end ?? null,
    opened_at: opened.timestamp,
    ended_at: ended?.timestamp ?? null,
    telling,
  };
}

/**
 * Lets alerts that failed be told again: a consumer that runs finds them within a minute.
 * @param ids - of alerts; `null`: all that failed.
 * @returns how many messages will be told.
 */
export async function retryAlerts(
  place: AlertPlace,
  ids: readonly string[] | null,
  nowMs = Date.now(),
): Promise<number> {
  let count = 0;
  for (const name of await place.list(FAILED)) {
    const queued = await readQueued(place, name);
    if (queued === null || ids?.includes(queued.message.data.id) === false) continue;
    await place.put(UNTOLD + queuedName(queued.message), queuedText({ ...queued, queuedMs: nowMs }));
    await place.remove([name]);
    count += 1;
  }
  return count;
}
