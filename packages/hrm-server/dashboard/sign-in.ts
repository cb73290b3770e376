/** Asks for an API key, and only where the server asks for one. */
import { isHrmError, type Session } from 'hrm-core/client';
import { explain, isKeyRefusal, keepKey, openClient, readKey } from './api.js';
import { find, make } from './dom.js';
import { texts } from './texts/texts.js';

/** Resolves when the server lets us in: at once, or when a key was entered that it knows. */
export async function enter(reason: string | null = null): Promise<Session> {
  const place = find('sign-in', HTMLElement);
  const app = find('app', HTMLDivElement);
  let complaint = reason;
  for (;;) {
    try {
      const session = await openClient().session();
      place.hidden = true;
      app.hidden = false;
      showSignOut();
      return session;
    } catch (error) {
      if (!isHrmError(error)) throw error;
      const needsKey = isKeyRefusal(error);
      if (needsKey && readKey() !== null) complaint ??= texts.signIn.wrongKey;
      else if (!needsKey) complaint = explain(error);
      if (needsKey) keepKey(null);
      app.hidden = true;
      await ask(place, complaint, needsKey);
      complaint = null;
    }
  }
}

function showSignOut(): void {
  const button = find('sign-out', HTMLButtonElement);
  button.hidden = readKey() === null;
  button.onclick = () => {
    keepKey(null);
    location.reload();
  };
}

/** Shows the form until it is sent. */
function ask(place: HTMLElement, complaint: string | null, needsKey: boolean): Promise<void> {
  const about = texts.signIn.about;
  const input = make('input', {
    id: 'key',
    type: 'password',
    required: true,
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const fields = needsKey
    ? [make('p', { class: 'muted' }, about), make('label', { class: 'field', for: 'key' }, texts.signIn.key, input)]
    : [];
  const button = make(
    'button',
    { type: 'submit', class: 'primary' },
    needsKey ? texts.signIn.signIn : texts.shared.tryAgain,
  );
  const title = make('h2', { id: 'sign-in-title' }, needsKey ? texts.signIn.needed : texts.signIn.noAnswer);
  const trouble = complaint === null ? [] : [make('p', { class: 'message', role: 'alert' }, complaint)];
  const form = make('form', { class: 'card' }, title, ...fields, ...trouble, make('div', {}, button));
  place.replaceChildren(form);
  place.hidden = false;
  (needsKey ? input : button).focus();
  return new Promise((resolve) => {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (needsKey) keepKey(input.value.trim());
      resolve();
    });
  });
}
