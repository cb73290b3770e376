/**
 * What a client accepts: the form of an answer (`Accept`) and how it is packed (`Accept-Encoding`). @see RFC 9110, 12.5
 */
import type { IncomingHttpHeaders } from 'node:http';
import { invalidError } from '../../api/problem.js';

/** A form that an answer can have. */
export interface Form {
  readonly mediaType: string;
  /** Whether a last record can count the rows. */
  readonly hasEnd?: boolean;
}

/** Ways to pack one. Of equally wanted ones the first: it takes less time. */
const ENCODINGS = ['gzip', 'br'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** What a client wants. */
export interface AnswerForm<One extends Form> {
  readonly form: One;
  /** A last record counts the rows, where the form does not show by itself that it is whole: `Accept: …; end=count`. */
  readonly withEnd: boolean;
}

/**
 * The form that a client wants most; the first where it does not say.
 * @throws HrmError kind `invalid`, code `not_acceptable`, where it takes none of them.
 */
export function readAnswerForm<One extends Form>(
  { accept }: IncomingHttpHeaders,
  forms: readonly One[],
): AnswerForm<One> {
  const wishes = parseWishes(accept ?? '*/*');
  const wishFor = (name: string) => wishes.get(name) ?? wishes.get(`${name.split('/')[0]}/*`) ?? wishes.get('*/*');
  const form = mostWanted(forms, ({ mediaType }) => wishFor(mediaType)?.weight ?? 0);
  if (form !== null) return { form, withEnd: form.hasEnd === true && wishes.get(form.mediaType)?.withEnd === true };
  const types = forms.map(({ mediaType }) => mediaType).join(', ');
  throw invalidError('not_acceptable', `the Accept header must allow one of ${types}`, []);
}

/** The media type of an answer. */
export function contentTypeOf({ form: { mediaType }, withEnd }: AnswerForm<Form>): string {
  return `${mediaType}${mediaType === 'text/csv' ? '; charset=utf-8' : ''}${withEnd ? '; end=count' : ''}`;
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

function mostWanted<One>(all: readonly One[], weightOf: (one: One) => number): One | null {
  const [best] = all
    .map((one) => ({ one, weight: weightOf(one) }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight);
  return best?.one ?? null;
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
