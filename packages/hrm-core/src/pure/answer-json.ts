import type { Row } from './answer.js';

/**
 * The wire form of an answer, in pieces: together exactly `JSON.stringify({ user_id, data, count })`, with the rows' fields
 * in snake_case. `count` is the last member, so that nothing has to be known before the first piece: a year of minutes
 * is 60 MB, and need not be held at once.
 * @param days - as `queryDays` yields them. Stopping early stops them.
 */
export async function* answerJson(
  userId: string,
  days: AsyncIterable<readonly Row[]>,
): AsyncGenerator<string, void, undefined> {
  let count = 0;
  yield `{"user_id":${JSON.stringify(userId)},"data":[`;
  for await (const rows of days) {
    yield (count === 0 ? '' : ',') + rows.map(rowJson).join(',');
    count += rows.length;
  }
  yield `],"count":${count}}`;
}

/** By hand: no string in it needs escaping but the device ids, and `JSON.stringify` of objects takes twice as long. */
function rowJson({ timestamp, heartRate, min, max, count, deviceIds }: Row): string {
  const devices = JSON.stringify(deviceIds);
  return `{"timestamp":"${timestamp}","heart_rate":${heartRate},"min":${min},"max":${max},"count":${count},"device_ids":${devices}}`;
}
