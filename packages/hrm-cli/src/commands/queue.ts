/**
 * `hrm queue …`: what waits to be stored.
 */
import { elementText, plural, type QueueElement } from 'hrm-core';
import { openQueue } from 'hrm-core/open';
import { visibleText } from 'hrm-core/process';
import { closing } from '../closing.js';
import { type Command, type Invocation, QUEUE_SETTINGS } from '../command.js';
import { usageError } from '../usage-error.js';

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 1_000;

/** `hrm queue peek` */
export const peekCommand: Command = {
  name: 'queue peek',
  audit: 'read',
  about:
    'Shows the oldest elements that wait in the queue, and leaves them there. ' +
    'In SQS that counts as one delivery of each, and the oldest may be missing. ' +
    'A batch is shown as the JSON array that it stands for, and anything else as text, or in base64 where it is not UTF-8. ' +
    'What a consumer has claimed is not shown. Those elements are health data of people: mind who sees them.',
  options: [
    {
      name: 'limit',
      value: 'COUNT',
      about: `Elements to show, 1 to ${MAX_LIMIT}; default ${DEFAULT_LIMIT}. Of long ones it shows fewer.`,
    },
  ],
  settings: QUEUE_SETTINGS,
  examples: ['hrm queue peek', 'hrm queue peek --limit 1 --json'],
  run: async (invocation) => {
    const limit = readLimit(invocation);
    await closing(openQueue(invocation.settings), async (queue) => print(await queue.peek({ limit }), invocation));
    return 'done';
  },
};

function readLimit({ args }: Invocation): number {
  const text = args.value('limit') ?? String(DEFAULT_LIMIT);
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw usageError(`--limit is ${JSON.stringify(text)}: it must be an integer from 1 to ${MAX_LIMIT}`);
}

/** One by one: as text they may be long. */
async function print(elements: readonly QueueElement[], { json, output }: Invocation): Promise<void> {
  if (json && !(await output.write('{"items":['))) return;
  for (const [i, element] of elements.entries()) {
    const line = json ? `${i > 0 ? ',' : ''}${JSON.stringify(toWire(element))}` : shownText(element);
    if (!(await output.write(line))) return;
  }
  await output.write(json ? `],"count":${elements.length}}\n` : `${plural(elements.length, 'element')}\n`);
}

function toWire({ bytes, readings }: QueueElement) {
  const text = elementText(bytes);
  const body = text === null ? { base64: Buffer.from(bytes).toString('base64') } : { text };
  return { readings, byte_length: bytes.byteLength, ...body };
}

function shownText(element: QueueElement): string {
  const { readings, byte_length, ...body } = toWire(element);
  const head = `${plural(readings, 'reading')}, ${plural(byte_length, 'byte')}`;
  return 'text' in body ? `${head}:\n${visibleText(body.text)}\n` : `${head}, in base64:\n${body.base64}\n`;
}
