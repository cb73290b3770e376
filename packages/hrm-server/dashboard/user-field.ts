/** The field of the user whose readings are sent. */
import { find, make } from './dom.js';
import { readRecentUsers } from './remembered.js';

/** Offers users: those that a key is bound to, or those that were looked at in this tab. */
export function offerUsers(userIds: readonly string[] | null): void {
  const offered = userIds ?? readRecentUsers();
  find('users', HTMLDataListElement).replaceChildren(...offered.map((value) => make('option', { value })));
  const field = find('user', HTMLInputElement);
  if (field.value === '' && offered.length > 0) field.value = offered[0] ?? '';
}

/** The user that is typed there; empty: none. */
export function chosenUser(): string {
  return find('user', HTMLInputElement).value;
}
