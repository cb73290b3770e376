/**
 * What a client accepts: the form of an answer (`Accept`) and how it is packed (`Accept-Encoding`). @see RFC 9110, 12.5
 */
import type { IncomingHttpHeaders } from 'node:http';
import { invalidError } from './problem.js';

/** Forms of an answer, the default first. */
export const ANSWER_TYPES = ['application/json', 'application/x-ndjson', 'text/csv'] as const;
export type AnswerType = (typeof ANSWER_TYPES)[number];

/** Ways to pack one. Of equally wanted ones the first: it takes less time. */
const ENCODINGS = ['gzip', 'br'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/**
 * The form that a client wants most; JSON where it does not say.
 * @throws HrmError kind `invalid`, code `not_acceptable`, where it takes none of {@link ANSWER_TYPES}.
 */
export function readAnswerType({ accept }: IncomingHttpHeaders): AnswerType {
  const weights = parseWeights(accept ?? '*/*');
  const type = mostWanted(ANSWER_TYPES, (name) => {
    return weights.get(name) ?? weights.get(`${name.split('/')[0]}/*`) ?? weights.get('*/*') ?? 0;
  });
  if (type !== null) return type;
  throw invalidError('not_acceptable', `the Accept header must allow one of ${ANSWER_TYPES.join(', ')}`, []);
}

/** How a client wants an answer packed; `null`: not at all. */
export function readEncoding({ 'accept-encoding': header }: IncomingHttpHeaders): Encoding | null {
  const weights = parseWeights(String(header ?? ''));
  return mostWanted(ENCODINGS, (name) => weights.get(name) ?? weights.get('*') ?? 0);
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

/** Names in lower case with their `q`; other parameters say nothing that would be answered differently. */
function parseWeights(header: string): Map<string, number> {
  return new Map(
    header.split(',').map((item) => {
      const [name = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
      const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))?.replace(/^q\s*=\s*/, '');
      return [name, weight === undefined ? 1 : Number(weight) || 0];
    }),
  );
}
