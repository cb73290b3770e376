/**
 * What a token of an issuer says, as the record of a key: so it is judged as a key is.
 *
 * Scopes are words like `hrm:query` in the claim of scopes. Users are those of the claim of users, by default the subject alone. A token is about all users
 * only where it has the scope `hrm:all_users`: what is missing in a token never gives more.
 */
import { isId } from '../../pure/reading/reading.js';
import { type KeyRecord, MAX_KEY_USERS, SCOPES } from '../api-key.js';

/** What stands before each scope that is ours: an issuer has scopes of other services, too. */
const SCOPE_PREFIX = 'hrm:';
/** The scope of who may speak of all users. */
const ALL_USERS = 'hrm:all_users';
/** What stands before a subject in place of a key's id. No key has it: ids of keys have no colon. */
const SUBJECT_PREFIX = 'oidc:';

/** As OpenID Connect bounds it: up to 255 characters of ASCII; here without blanks and control characters. */
const SUBJECT = /^[\x21-\x7e]{1,255}$/;

/** Whether an id is that of a subject, and not of a key of the file. */
export function isSubjectId(id: string): boolean {
  return id.startsWith(SUBJECT_PREFIX);
}

/** Names of claims. A name with dots is looked for as it is, and then as a path. */
export interface ClaimNames {
  readonly scopesClaim: string;
  readonly usersClaim: string;
}

/** Claims that a signature and a clock have proved. */
export type Claims = Readonly<Record<string, unknown>>;

/**
 * The record of a token.
 * @param untilMs - epoch ms from which on it is worth nothing.
 * @returns why it can be none, as a text, for a token that is right but of no use here.
 */
export function recordOf(claims: Claims, { scopesClaim, usersClaim }: ClaimNames, untilMs: number): KeyRecord | string {
  const { sub, iat } = claims;
  if (typeof sub !== 'string' || !SUBJECT.test(sub)) return 'its subject is missing, or is no text that can be logged';
  const words = wordsOf(claimOf(claims, scopesClaim));
  const users = listOf(claimOf(claims, usersClaim)).filter(isId);
  if (users.length > MAX_KEY_USERS) return `it names more than ${MAX_KEY_USERS} users`;
  return {
    id: SUBJECT_PREFIX + sub,
    name: sub,
    hash: '',
    scopes: SCOPES.filter((scope) => words.includes(SCOPE_PREFIX + scope)),
    user_ids: words.includes(ALL_USERS) ? null : [...new Set(users)],
    created_ms: typeof iat === 'number' ? iat * 1_000 : 0,
    expires_ms: untilMs,
  };
}

/** `scope` is a text of words; others have lists. */
function wordsOf(value: unknown): readonly string[] {
  return typeof value === 'string' ? value.split(' ') : listOf(value);
}

function listOf(value: unknown): readonly string[] {
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  return all.filter((one) => typeof one === 'string');
}

/** `realm_access.roles` is a claim of that name, or the claim `roles` within `realm_access`. */
function claimOf(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Claims)[part];
  }
  return value;
}
