import { type Fault, HrmError, joinFaults, MAX_FAULTS } from 'hrm-core';
import { MAX_ECHOED_NAME_LENGTH } from '../limits.js';

/**
 * Reads a query string as forms write it (`+` is a space), and strictly: what a lenient reader would drop or guess,
 * a parameter misspelt, given twice or cut in an escape, changes an answer without a word.
 * @param target - a request's target as it was sent: path, `?`, query.
 * @param required - names that must occur, once.
 * @param optional - names that may occur, once.
 * @throws HrmError kind `invalid`, code `invalid_query`, with every fault.
 */
export function readParameters<Required extends string, Optional extends string>(
  target: string,
  required: readonly Required[],
  optional: readonly Optional[],
): Record<Required, string> & Partial<Record<Optional, string>> {
  const known: readonly string[] = [...required, ...optional];
  const faults: Fault[] = [];
  const values = new Map<string, string>();
  const at = target.indexOf('?');
  for (const pair of at < 0 ? [] : target.slice(at + 1).split('&')) {
    if (pair === '') continue;
    const [rawName = '', ...rest] = pair.split('=');
    const name = decode(rawName);
    const value = decode(rest.join('='));
    const path = `/${escapePointer(name ?? '').slice(0, MAX_ECHOED_NAME_LENGTH)}`;
    if (name === null || !known.includes(name))
      faults.push({ path, message: `is no parameter: there are ${known.join(', ') || 'none'}` });
    else if (values.has(name)) faults.push({ path, message: 'is given more than once' });
    else if (value === null) faults.push({ path, message: 'must be percent-encoded UTF-8' });
    else values.set(name, value);
  }
  for (const name of required) {
    const isNamed = values.has(name) || faults.some(({ path }) => path === `/${name}`);
    if (!isNamed) faults.push({ path: `/${name}`, message: 'is missing' });
  }
  if (faults.length > 0) {
    const listed = faults.slice(0, MAX_FAULTS);
    const details = { kind: 'invalid', code: 'invalid_query', faults: listed, faultCount: faults.length } as const;
    throw new HrmError(`the query is not valid: ${joinFaults(listed.slice(0, 1))}`, details);
  }
  return Object.fromEntries(values) as Record<Required, string> & Partial<Record<Optional, string>>;
}

/** Every value that a query string gives a parameter, leniently: what is wrong with it otherwise is not looked at. */
export function valuesOf(target: string, name: string): string[] {
  const at = target.indexOf('?');
  return (at < 0 ? [] : target.slice(at + 1).split('&')).flatMap((pair) => {
    const [rawName = '', ...rest] = pair.split('=');
    const value = decode(rest.join('='));
    return decode(rawName) === name && value !== null ? [value] : [];
  });
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
