/** Two places as one: a store that moved to S3 has letters of before in a directory. */
import type { DeadLetterPlace } from '../../ports/dead-letter-place.js';

/**
 * Letters of both places, in order; new ones go to the first. None is moved: whose directory it is only a person knows, who may redrive or
 * purge what is in it.
 */
export function bothPlaces(first: DeadLetterPlace, second: DeadLetterPlace): DeadLetterPlace {
  return {
    put: first.put,
    async list(page) {
      const pages = [await first.list(page), await second.list(page)];
      // Beyond where one of them ends it may have more, which comes before what the other has there: that is for the next page.
      const ends = pages.flatMap((letters) => letters.at(-1)?.id ?? []).sort();
      const letters = pages.flat().filter(({ id }) => id <= (ends[0] ?? ''));
      return letters.sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, page.limit);
    },
    get: async (id) => (await first.get(id)) ?? (await second.get(id)),
    remove: async (ids) => (await first.remove(ids)) + (await second.remove(ids)),
    count: async () => (await first.count()) + (await second.count()),
  };
}
