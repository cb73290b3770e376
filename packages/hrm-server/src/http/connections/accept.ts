/**
 * What a client accepts: the form of an answer (`Accept`) and how it is packed (`Accept-Encoding`). @see RFC 9110, 12.5
 */
import type { IncomingHttpHeaders } from 'node:http';
import { invalidError } from '../../api/problem.js';

/** Forms of an answer, the default first. */
export const ANSWER_TYPES = ['application/json', 'application/x-ndjson', 'text/csv'] as const;
export type AnswerType = (typeof ANSWER_TYPES)[number];

/** Ways to pack one. Of equally wanted ones the first: it takes less time. */
const ENCODINGS = ['gzip', 'br'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** What a client wants. */
export interface AnswerForm {
  readonly type: AnswerType;
  /** A last record counts the rows, where the form does not show by itself that it is whole: `Accept: …; end=count`. */
  readonly withEnd: boolean;
}

/**
 * The form that a client wants most; JSON where it does not say.
 * @throws HrmError kind `invalid`, code `not_acceptable`, where it takes none of {@link ANSWER_TYPES}.
 */
export function readAnswerForm({ accept }: IncomingHttpHeaders): AnswerForm {
  const wishes = parseWishes(accept ?? '*/*');
  const wishFor = (name: AnswerType) => wishes.get(name) ?? wishes.get(`${name.split('/')[0]}/*`) ?? wishes.get('*/*');
  const type = mostWanted(ANSWER_TYPES, (name) => wishFor(name)?.weight ?? 0);
  if (type !== null) return { type, withEnd: type !== 'application/json' && wishes.get(type)?.withEnd === true };
  throw invalidError('not_acceptable', `the Accept header must allow one of ${ANSWER_TYPES.join(', ')}`, []);
}

/** The media type of an answer. */
export function contentTypeOf({ type, withEnd }: AnswerForm): string {
  return `${type}${type === 'text/csv' ? '; charset=utf-8' : ''}${withEnd ? '; end=count' : ''}`;
}

/** How a client wants an answer packed; `null`: not at all. */
export function readEncoding({ 'accept-encoding': header }: IncomingHttpHeaders): Encoding | null {
  const wishes = parseWishes(String(header ?? ''));
  return mostWanted(ENCODINGS, (name) => (wishes.get(name) ?? wishes.get('*'))?.weight ?? 0);
}

/** Whether a tag is among those that a client has. Weakly compared, as RFC 9110, 13.1.2 wants it. */
export function hasTag({ 'if-none-match': header = '' }: IncomingHttpHeaders, tag: string): boolean {
  return header.split(',').some((one) => ['*', tag].includes(one.trim().replace(/^W\//, '')));
}

function mostWanted<Name extends string>(names: readonly Name[], weightOf: (name: Name) => number): Name | null {
  const [best] = names
    .map((name) => ({ name, weight: weightOf(name) }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight);
  return best?.name ?? null;
}

interface Wish {
  readonly weight: number;
  readonly withEnd: boolean;
}

/** Names in lower case with their `q`, and whether an end is wanted; other parameters change no answer. */
function parseWishes(header: string): Map<string, Wish> {
  return new Map(
    header.split(',').map((item) => {
      const [name = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
      const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))?.replace(/^q\s*=\s*/, '');
      const withEnd = parameters.some((parameter) => parameter === 'end=count' || parameter === 'end="count"');
      return [name, { weight: weight === undefined ? 1 : Number(weight) || 0, withEnd }];
    }),
  );
}
