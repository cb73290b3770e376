/**
 * `hrm dlq …`: the dead letters.
 */
import {
  ageText,
  type DeadLetter,
  type DeadLetters,
  deadLetterPages,
  elementText,
  HrmError,
  plural,
  purgeAll,
  type Queue,
  redriveAll,
  summaryText,
} from 'hrm-core';
import { openQueue } from 'hrm-core/open';
import { visibleText } from 'hrm-core/process';
import { closing } from '../closing.js';
import { type Command, type CommandOption, type Invocation, QUEUE_SETTINGS, STORAGE_SETTINGS } from '../command.js';
import type { Output } from '../output/output.js';
import { createTable, figures } from '../output/table.js';
import { usageError } from '../usage-error.js';

/** Of SQS the letters are where the data are. */
const SETTINGS = [...QUEUE_SETTINGS, ...STORAGE_SETTINGS];

/** Operands that one call may name; a shell's own limit is lower. */
const MAX_IDS = 100_000;

const ALL: CommandOption = { name: 'all', about: 'Every dead letter that is there when the command starts.' };

/** `hrm dlq list` */
export const listCommand: Command = {
  name: 'dlq list',
  about:
    'Lists what could not be stored: ids, reasons, ages and attempts, oldest first. ' +
    'It shows no readings; hrm dlq show ID does.',
  options: [],
  settings: SETTINGS,
  examples: ['hrm dlq list', 'hrm dlq list --json'],
  run: (invocation) => withQueue(invocation, (queue) => list(queue, invocation)),
};

/** `hrm dlq show` */
export const showCommand: Command = {
  name: 'dlq show',
  audit: 'read',
  about:
    'Shows one dead letter with its bytes: as JSON where they are a batch, as text where they are UTF-8, else in base64. ' +
    'Those bytes are health data of a person: mind who sees them.',
  operands: { label: 'ID', min: 1, max: 1 },
  options: [],
  settings: SETTINGS,
  examples: ['hrm dlq show ID', 'hrm dlq show ID --json'],
  run: (invocation) => withQueue(invocation, ({ deadLetters }) => show(deadLetters, invocation)),
};

/** `hrm dlq redrive` */
export const redriveCommand: Command = {
  name: 'dlq redrive',
  about:
    'Puts dead letters back into the queue, with the time of their first arrival kept; the next batch tries them again. ' +
    'Ids that are not there are counted and no error.',
  operands: { label: 'ID…', min: 0, max: MAX_IDS },
  options: [ALL],
  settings: SETTINGS,
  examples: ['hrm dlq redrive ID', 'hrm dlq redrive --all'],
  run: (invocation) => withQueue(invocation, (queue) => apply('redrive', queue, invocation)),
};

/** `hrm dlq purge` */
export const purgeCommand: Command = {
  name: 'dlq purge',
  about:
    'Deletes dead letters for good: what is in them is lost. ' +
    'It takes ids, or --all, and nothing by default; ids that are not there are counted and no error.',
  operands: { label: 'ID…', min: 0, max: MAX_IDS },
  options: [ALL],
  settings: SETTINGS,
  examples: ['hrm dlq purge ID', 'hrm dlq purge --all'],
  run: (invocation) => withQueue(invocation, (queue) => apply('purge', queue, invocation)),
};

async function withQueue({ settings }: Invocation, use: (queue: Queue) => Promise<void>): Promise<'done'> {
  await closing(openQueue(settings), use);
  return 'done';
}

async function list(queue: Queue, { json, output, signal }: Invocation): Promise<void> {
  const nowMs = Date.now();
  const line = json ? jsonLine : tableLine;
  let count = 0;
  if (!(await output.write(json ? '{"items":[' : TABLE.head))) return;
  for await (const page of deadLetterPages({ queue }, { signal })) {
    const text = page.map((deadLetter) => line(deadLetter, nowMs)).join(json ? ',' : '');
    if (!(await output.write(json && count > 0 ? `,${text}` : text))) return;
    count += page.length;
  }
  await output.write(json ? `],"count":${count}}\n` : `${plural(count, 'dead letter')}\n`);
}

function toWire(deadLetter: DeadLetter, nowMs: number) {
  return {
    id: deadLetter.id,
    reason: deadLetter.reason,
    received_at: new Date(deadLetter.stampMs).toISOString(),
    dead_at: new Date(deadLetter.deadMs).toISOString(),
    age_ms: Math.max(0, nowMs - deadLetter.deadMs),
    attempts: deadLetter.attempts,
    byte_length: deadLetter.bytes.byteLength,
  };
}

function jsonLine(deadLetter: DeadLetter, nowMs: number): string {
  return JSON.stringify(toWire(deadLetter, nowMs));
}

const TABLE = createTable([
  { heading: 'id', width: 24 },
  figures('age', 7),
  figures('attempts', 8),
  figures('bytes', 7),
  { heading: 'reason' },
]);

function tableLine({ id, deadMs, attempts, bytes, reason }: DeadLetter, nowMs: number): string {
  return TABLE.line([visibleText(id), ageText(nowMs - deadMs), attempts, bytes.byteLength, visibleText(reason)]);
}

async function show(deadLetters: DeadLetters, { args, json, output }: Invocation): Promise<void> {
  const id = args.operands[0] ?? '';
  const deadLetter = await deadLetters.get(id);
  if (deadLetter === null) {
    const message = `there is no dead letter ${JSON.stringify(id)}: hrm dlq list shows their ids`;
    throw new HrmError(message, { kind: 'invalid', code: 'unknown_dead_letter', faults: [{ path: '/id', message }] });
  }
  const text = elementText(deadLetter.bytes);
  const body = text === null ? { base64: Buffer.from(deadLetter.bytes).toString('base64') } : { text };
  const wire = toWire(deadLetter, Date.now());
  if (json) await output.write(`${JSON.stringify({ ...wire, ...body })}\n`);
  else await printDeadLetter(output, wire, body);
}

async function printDeadLetter(
  output: Output,
  wire: ReturnType<typeof toWire>,
  body: { readonly text: string } | { readonly base64: string },
): Promise<void> {
  const form = 'text' in body ? 'as text' : 'in base64, since they are neither UTF-8 nor a batch that is whole';
  const bytes = 'text' in body ? visibleText(body.text) : body.base64;
  const rows = Object.entries(wire).map(([label, value]) => [label, visibleText(String(value))] as const);
  await output.write(`${summaryText(rows)}\nThis is health data of a person. The bytes, ${form}:\n${bytes}\n`);
}

/** Redrives or purges the dead letters named, or all that were there at the start. */
async function apply(verb: 'redrive' | 'purge', queue: Queue, invocation: Invocation): Promise<void> {
  const { args, json, output, signal } = invocation;
  const ids = [...new Set(args.operands)];
  if (args.has('all') === ids.length > 0) {
    throw usageError(`name the ids, or --all for every dead letter${ids.length > 0 ? ', not both' : ''}`);
  }
  const all = verb === 'redrive' ? redriveAll : purgeAll;
  const done = ids.length > 0 ? await queue.deadLetters[verb](ids) : await all({ queue }, { signal });
  const missing = ids.length > 0 ? ids.length - done : 0;
  const past = verb === 'redrive' ? 'redriven' : 'purged';
  const text = `${plural(done, 'dead letter')} ${past}${missing > 0 ? `; ${missing} not there` : ''}\n`;
  await output.write(json ? `${JSON.stringify({ [past]: done, missing })}\n` : text);
}
