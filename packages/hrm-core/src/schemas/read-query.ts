import { type Fault, HrmError, joinFaults } from '../errors.js';
import { MAX_ECHOED_NAME_LENGTH, MAX_FAULTS } from '../limits.js';
import type { Parameter } from './parameters.js';
import { pairsOf, pathOf } from './target.js';

/** The names of a call's parameters that stand in one place. */
type NamesIn<
  Parameters extends readonly Parameter[],
  Place extends Parameter['in'],
  Required extends boolean,
> = Extract<Parameters[number], { readonly in: Place; readonly required: Required }>['name'];

/** The parameters of a query, by name. */
export type QueryValues<Parameters extends readonly Parameter[]> = Readonly<
  Record<NamesIn<Parameters, 'query', true>, string> & Partial<Record<NamesIn<Parameters, 'query', false>, string>>
>;

/**
 * Reads a query string as forms write it (`+` is a space), and strictly: what a lenient reader would drop or guess,
 * a parameter misspelt, given twice or cut in an escape, changes an answer without a word.
 * @param target - a request's target as it was sent: path, `?`, query.
 * @param parameters - of the call, from the table of all calls: those in its query may occur, once, or more often where they repeat.
 * @throws HrmError kind `invalid`, code `invalid_query`, with every fault.
 */
export function readQuery<const Parameters extends readonly Parameter[]>(
  target: string,
  parameters: Parameters,
): QueryValues<Parameters> {
  const known = parameters.filter((parameter) => parameter.in === 'query');
  const names = known.map(({ name }) => name);
  const faults: Fault[] = [];
  const values = new Map<string, string>();
  for (const pair of pairsOf(target)) {
    if (pair === '') continue;
    const [rawName = '', ...rest] = pair.split('=');
    const name = decode(rawName);
    const value = decode(rest.join('='));
    const path = `/${escapePointer(name ?? '').slice(0, MAX_ECHOED_NAME_LENGTH)}`;
    if (name === null || !names.includes(name))
      faults.push({ path, message: `is no parameter: there are ${names.join(', ') || 'none'}` });
    else if (values.has(name) && known.every((one) => one.name !== name || one.repeats !== true))
      faults.push({ path, message: 'is given more than once' });
    else if (value === null) faults.push({ path, message: 'must be percent-encoded UTF-8' });
    else values.set(name, values.has(name) ? `${values.get(name)} ${value}` : value);
  }
  for (const { name, required } of known) {
    const isNamed = values.has(name) || faults.some(({ path }) => path === `/${name}`);
    if (required && !isNamed) faults.push({ path: `/${name}`, message: 'is missing' });
  }
  if (faults.length > 0) {
    const listed = faults.slice(0, MAX_FAULTS);
    const details = { kind: 'invalid', code: 'invalid_query', faults: listed, faultCount: faults.length } as const;
    throw new HrmError(`the query is not valid: ${joinFaults(listed.slice(0, 1))}`, details);
  }
  return Object.fromEntries(values) as QueryValues<Parameters>;
}

/** Every value that a query string gives a parameter, leniently: what is wrong with it otherwise is not looked at. */
export function valuesOf(target: string, name: string): string[] {
  return pairsOf(target).flatMap((pair) => {
    const [rawName = '', ...rest] = pair.split('=');
    const value = decode(rest.join('='));
    return decode(rawName) === name && value !== null ? [value] : [];
  });
}

/**
 * The segment of a path in the place of a name: `/users/{user_id}/devices`.
 * @param template - the call's path, from the table of all calls.
 * @throws HrmError kind `invalid`, code `invalid_query`, for what is not percent-encoded UTF-8.
 */
export function readSegment(target: string, template: string, name: string): string {
  const raw = pathOf(target).split('/')[template.split('/').indexOf(`{${name}}`)] ?? '';
  try {
    return decodeURIComponent(raw);
  } catch (cause) {
    const message = 'must be percent-encoded UTF-8';
    const faults = [{ path: `/${name}`, message }];
    throw new HrmError(message, { kind: 'invalid', code: 'invalid_query', faults, cause });
  }
}

/** `null` for what is not percent-encoded UTF-8. A raw byte beyond ASCII does not come through Node's parser. */
function decode(text: string): string | null {
  if (text.includes('#')) return null;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return null;
  }
}

function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
