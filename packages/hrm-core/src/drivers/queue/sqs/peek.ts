/** A look at messages that stay where they are; the service counts it as a delivery of each. @module */
import { MAX_PEEK_BYTES } from '../../../limits.js';
import type { QueueElement } from '../../../ports/queue.js';
import type { SqsApi } from './api.js';
import { unpack } from './frame.js';
import { receiveMessages } from './receive.js';

/** Looks that bring nothing new before there is taken to be no more: each shows some, at random. */
const MAX_VAIN_LOOKS = 3;

/** The elements of some messages that nobody has in hand, the oldest of them first. */
export async function peekMessages(api: SqsApi, limit: number): Promise<QueueElement[]> {
  const seen = new Set<string>();
  const elements: QueueElement[] = [];
  let bytes = 0;
  for (let vain = 0; vain < MAX_VAIN_LOOKS && elements.length < limit && bytes < MAX_PEEK_BYTES; ) {
    const shown = await receiveMessages(api, { hiddenSeconds: 0, waitSeconds: seen.size === 0 ? 1 : 0 });
    const fresh = shown.filter(({ id }) => !seen.has(id));
    if (shown.length === 0) break;
    vain = fresh.length === 0 ? vain + 1 : 0;
    for (const message of fresh.sort((a, b) => a.sentMs - b.sentMs)) {
      seen.add(message.id);
      for (const element of await unpack(message)) {
        bytes += element.bytes.byteLength;
        elements.push({ bytes: element.bytes, readings: element.readings });
      }
    }
  }
  return elements.slice(0, limit);
}
