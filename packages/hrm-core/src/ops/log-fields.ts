/**
 * What a log may say of errors and files. Whoever embeds a loop or a verb has the same duty as the server: no line of a log tells of
 * somebody's health, nor whose it is.
 * @module
 */
import { resolve } from 'node:path';
import { isHrmError } from '../errors.js';
import { COMPACTED_NAME, HASHED_NAME, SUPERSEDED_PART } from '../names.js';
import type { Settings } from '../settings.js';

/**
 * What a log line may say of an error: who has a heart rate here is private, and messages quote it. What the storage says
 * names users' directories, a parser repeats its input, an engine the key that it did not find. So no message is logged,
 * only what cannot hold a user's name: kind, code, the system's code, a damaged file's date and name, and of a defect
 * where it showed.
 */
export function errorFields(error: unknown): Readonly<Record<string, unknown>> {
  const isExpected = isHrmError(error) && error.kind !== 'internal';
  const kind = isHrmError(error) ? error.kind : 'internal';
  const code = isHrmError(error) ? error.code : undefined;
  const system = systemCode(error instanceof Error && isHrmError(error) ? error.cause : error);
  return {
    kind,
    ...(code === undefined ? {} : { code }),
    ...(system === undefined ? {} : { system }),
    ...(isHrmError(error) && error.file !== undefined ? fileFields(error.file) : {}),
    ...(isExpected ? {} : { stack: describeDefect(error) }),
  };
}

/**
 * Which file is at fault, as a log line may say it: by a name that this software gives. Another writer's may say whose it is.
 * @param file.date - `YYYYMMDD`.
 */
export function fileFields({ date, name = '' }: { readonly date: string; readonly name?: string | undefined }): {
  readonly date: string;
  readonly file?: string;
} {
  const isOwn = name === COMPACTED_NAME || HASHED_NAME.test(name) || SUPERSEDED_PART.test(name);
  return isOwn ? { date, file: name } : { date };
}

/** `ENOSPC`, `ERR_INVALID_STATE`, or LMDB's number. */
function systemCode(error: unknown): string | number | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code } = error;
  if (typeof code === 'number') return code;
  return typeof code === 'string' && /^E[A-Z0-9_]+$/.test(code) ? code : undefined;
}

const HEADER = /^\w*Error(?: \[\w+\])?(?:: |(?=\n|$))/;
const FRAME = /^ +at /;
const PLACE = /^(?:[\w.-]+\.[cm]?[jt]s|node:[\w/]+):\d+:\d+$/;

/** The kind of a defect and the places of its stack, `decode.js:12:5`, without what it says and without directories. */
function describeDefect(error: unknown): string {
  if (!(error instanceof Error)) return `a ${typeof error} was thrown`;
  const { name, message, stack = '' } = error;
  // A message may have lines that look like a stack's: only what follows it counts.
  const [header = ''] = HEADER.exec(stack) ?? [];
  const isOwn = header !== '' && stack.startsWith(message, header.length);
  const lines = isOwn ? stack.slice(header.length + message.length).split('\n') : [];
  const places = lines.map(placeOf).filter((place) => PLACE.test(place));
  return [/^[A-Za-z]*Error$/.test(name) ? name : 'Error', ...places.map((place) => `at ${place}`)].join('\n    ');
}

/** What a line of a stack ends with, without the directory: `    at read (/srv/hrm/decode.js:12:5)`. */
function placeOf(line: string): string {
  if (!FRAME.test(line)) return '';
  const text = line.endsWith(')') ? line.slice(0, -1) : line;
  const place = text.slice(Math.max(text.lastIndexOf(' '), text.lastIndexOf('(')) + 1);
  if (place.startsWith('node:')) return place;
  return place.slice(Math.max(place.lastIndexOf('/'), place.lastIndexOf('\\')) + 1);
}

/** Where the data and the queue are, for the log: of Redis only host and port, since its URL may hold a password. */
export function placeFields({
  storageUrl,
  dataDir,
  queueUrl,
  redisUrl,
  queueDir,
}: Pick<Settings, 'storageUrl' | 'dataDir' | 'queueUrl' | 'redisUrl' | 'queueDir'>): Readonly<Record<string, string>> {
  const storage = storageUrl === '' ? { dataDir: resolve(dataDir) } : { storage: storageUrl };
  if (queueUrl !== '') return { ...storage, sqs: new URL(queueUrl).pathname.split('/').at(-1) ?? '' };
  return { ...storage, ...(redisUrl === '' ? { queueDir: resolve(queueDir) } : { redis: new URL(redisUrl).host }) };
}
