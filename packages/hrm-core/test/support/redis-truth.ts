import type { Redis as Client } from 'ioredis';
import { decodeColumnar, isColumnar } from '../../src/pure/reading/columnar.js';

/** Readings in an element, by decoding it; what is no JSON is one. */
function readingsIn(element: Buffer): number {
  const bytes = element[0] === 0x23 ? element.subarray(element.indexOf('#', 1) + 1) : element;
  if (isColumnar(bytes)) {
    const columns = decodeColumnar(bytes);
    return 'fault' in columns ? 1 : columns.length;
  }
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return Array.isArray(value) ? Math.max(1, value.length) : 1;
  } catch {
    return 1;
  }
}

/** Readings queued and claimed, by decoding every element that is in a list of the queue. */
export async function trueReadings(client: Client): Promise<number> {
  const tokens = await client.hkeys('heartbeat:processing:claims');
  const lists = ['heartbeat:queue', 'heartbeat:processing', ...tokens.map((token) => `heartbeat:processing:${token}`)];
  let readings = 0;
  for (const list of lists) {
    for (const element of await client.lrangeBuffer(list, 0, -1)) readings += readingsIn(element);
  }
  return readings;
}
