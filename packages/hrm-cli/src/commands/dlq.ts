/**
 * `hrm dlq …`: the dead letters. Pages of a bounded size, so that memory does not grow with their number.
 */
import { isUtf8 } from 'node:buffer';
import { type DeadLetter, type DeadLetters, HrmError, plural, type Queue } from 'hrm-core';
import { openQueue } from 'hrm-core/open';
import { type Command, type CommandOption, type Invocation, QUEUE_SETTINGS } from '../command.js';
import { type Output, summaryText, visibleText } from '../output/output.js';

/** Letters held at once. */
const PAGE_LETTERS = 200;

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
  settings: QUEUE_SETTINGS,
  examples: ['hrm dlq list', 'hrm dlq list --json'],
  run: (invocation) => withDeadLetters(invocation, (deadLetters) => list(deadLetters, invocation)),
};

/** `hrm dlq show` */
export const showCommand: Command = {
  name: 'dlq show',
  about:
    'Shows one dead letter with its raw bytes, as text where they are UTF-8, else in base64. ' +
    'Those bytes are health data of a person: mind who sees them.',
  operands: { label: 'ID', min: 1, max: 1 },
  options: [],
  settings: QUEUE_SETTINGS,
  examples: ['hrm dlq show ID', 'hrm dlq show ID --json'],
  run: (invocation) => withDeadLetters(invocation, (deadLetters) => show(deadLetters, invocation)),
};

/** `hrm dlq redrive` */
export const redriveCommand: Command = {
  name: 'dlq redrive',
  about:
    'Puts dead letters back into the queue, with the time of their first arrival kept; the next batch tries them again. ' +
    'Ids that are not there are counted and no error.',
  operands: { label: 'ID…', min: 0, max: MAX_IDS },
  options: [ALL],
  settings: QUEUE_SETTINGS,
  examples: ['hrm dlq redrive ID', 'hrm dlq redrive --all'],
  run: (invocation) => withDeadLetters(invocation, (_, queue) => apply('redrive', queue, invocation)),
};

/** `hrm dlq purge` */
export const purgeCommand: Command = {
  name: 'dlq purge',
  about:
    'Deletes dead letters for good: what is in them is lost. ' +
    'It takes ids, or --all, and nothing by default; ids that are not there are counted and no error.',
  operands: { label: 'ID…', min: 0, max: MAX_IDS },
  options: [ALL],
  settings: QUEUE_SETTINGS,
  examples: ['hrm dlq purge ID', 'hrm dlq purge --all'],
  run: (invocation) => withDeadLetters(invocation, (_, queue) => apply('purge', queue, invocation)),
};

async function withDeadLetters(
  { settings }: Invocation,
  use: (deadLetters: DeadLetters, queue: Queue) => Promise<void>,
): Promise<'done'> {
  const queue = await openQueue(settings);
  try {
    await use(queue.deadLetters, queue);
  } finally {
    await queue.close();
  }
  return 'done';
}

/** All dead letters, ascending, a page at a time. */
async function* pages(deadLetters: DeadLetters, signal: AbortSignal): AsyncGenerator<readonly DeadLetter[]> {
  let afterId: string | undefined;
  for (;;) {
    if (signal.aborted) throw new HrmError('interrupted', { kind: 'closed', code: 'aborted' });
    const page = await deadLetters.list({ afterId, limit: PAGE_LETTERS });
    if (page.length === 0) return;
    yield page;
    afterId = page[page.length - 1]?.id;
  }
}

async function list(deadLetters: DeadLetters, { json, output, signal }: Invocation): Promise<void> {
  const nowMs = Date.now();
  const line = json ? jsonLine : tableLine;
  let count = 0;
  if (!(await output.write(json ? '{"items":[' : tableHead()))) return;
  for await (const page of pages(deadLetters, signal)) {
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

function tableHead(): string {
  return `${'id'.padEnd(ID_WIDTH)}  ${'age'.padStart(AGE_WIDTH)}  attempts    bytes  reason\n`;
}

const ID_WIDTH = 24;
const AGE_WIDTH = 7;

function tableLine(deadLetter: DeadLetter, nowMs: number): string {
  const age = ageText(nowMs - deadLetter.deadMs).padStart(AGE_WIDTH);
  const attempts = String(deadLetter.attempts).padStart(8);
  const bytes = String(deadLetter.bytes.byteLength).padStart(7);
  return `${visibleText(deadLetter.id).padEnd(ID_WIDTH)}  ${age}  ${attempts}  ${bytes}  ${visibleText(deadLetter.reason)}\n`;
}

/** `12 s`, `5 min`, `3 h`, `9 d`: the greatest unit that fits. */
function ageText(ageMs: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
  ] as const;
  const [unit, unitMs] = units.find(([, unitMs]) => ageMs >= unitMs) ?? (['s', 1_000] as const);
  return `${Math.max(0, Math.floor(ageMs / unitMs))} ${unit}`;
}

async function show(deadLetters: DeadLetters, { args, json, output }: Invocation): Promise<void> {
  const id = args.operands[0] ?? '';
  const deadLetter = await deadLetters.get(id);
  if (deadLetter === null) {
    const message = `there is no dead letter ${JSON.stringify(id)}: hrm dlq list shows their ids`;
    throw new HrmError(message, { kind: 'invalid', code: 'unknown_dead_letter', faults: [{ path: '/id', message }] });
  }
  const body = isUtf8(deadLetter.bytes)
    ? { text: Buffer.from(deadLetter.bytes).toString('utf8') }
    : { base64: Buffer.from(deadLetter.bytes).toString('base64') };
  const wire = toWire(deadLetter, Date.now());
  if (json) await output.write(`${JSON.stringify({ ...wire, ...body })}\n`);
  else await printDeadLetter(output, wire, body);
}

async function printDeadLetter(
  output: Output,
  wire: ReturnType<typeof toWire>,
  body: { readonly text: string } | { readonly base64: string },
): Promise<void> {
  const form = 'text' in body ? 'as text' : 'in base64, since they are not UTF-8';
  const bytes = 'text' in body ? visibleText(body.text) : body.base64;
  const rows = Object.entries(wire).map(([label, value]) => [label, visibleText(String(value))] as const);
  await output.write(`${summaryText(rows)}\nThis is health data of a person. The bytes, ${form}:\n${bytes}\n`);
}

/** Redrives or purges the dead letters named, or all that were there at the start. */
async function apply(verb: 'redrive' | 'purge', queue: Queue, invocation: Invocation): Promise<void> {
  const { args, json, output, signal } = invocation;
  const deadLetters = queue.deadLetters;
  const ids = [...new Set(args.operands)];
  if (args.has('all') === ids.length > 0) {
    const message = `name the ids, or --all for every dead letter${ids.length > 0 ? ', not both' : ''}`;
    throw new HrmError(message, { kind: 'invalid', code: 'invalid_usage' });
  }
  const kept = ids.length > 0 ? 0 : (await queue.depth()).deadLetters;
  let done = 0;
  if (ids.length > 0) done = await deadLetters[verb](ids);
  else for await (const page of oldest(pages(deadLetters, signal), kept)) done += await deadLetters[verb](page);
  const missing = ids.length > 0 ? ids.length - done : 0;
  const past = verb === 'redrive' ? 'redriven' : 'purged';
  const text = `${plural(done, 'dead letter')} ${past}${missing > 0 ? `; ${missing} not there` : ''}\n`;
  await output.write(json ? `${JSON.stringify({ [past]: done, missing })}\n` : text);
}

/**
 * The ids of the oldest dead letters, as many as there were at the start: a running consumer may set aside again what was just
 * redriven, and that must not keep the command busy for ever. By number and not by time: whose clock set their times is
 * another machine's.
 */
async function* oldest(source: AsyncIterable<readonly DeadLetter[]>, count: number): AsyncGenerator<string[]> {
  let left = count;
  for await (const page of source) {
    const ids = page.slice(0, left).map((deadLetter) => deadLetter.id);
    if (ids.length === 0) return;
    left -= ids.length;
    yield ids;
  }
}
