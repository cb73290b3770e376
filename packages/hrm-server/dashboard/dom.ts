/** The little of the DOM that the pages need: elements found, and elements made. Text is always text, never HTML. */
import { texts } from './texts/texts.js';

/** The element of the page with this id. @throws when the page has none: it was built wrong. */
export function find<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no #${id}`);
  return found;
}

/** Makes an element with attributes (`false`: none, `true`: an empty one) and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string | boolean>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children);
  return element;
}

/** A colour or another custom property of the style sheet, as it holds now: light or dark. */
export function cssValue(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Calls back when the colours change between light and dark. */
export function onSchemeChange(callback: () => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', callback);
}

/** Shows a message, or none; a calm one is no failure. */
export function showMessage(
  text: string | null,
  { isCalm = false, action }: { isCalm?: boolean; action?: () => void } = {},
) {
  const place = find('message', HTMLParagraphElement);
  place.replaceChildren(text ?? '');
  place.classList.toggle('calm', isCalm);
  if (action !== undefined) {
    const button = make('button', { type: 'button' }, texts.shared.tryAgain);
    button.addEventListener('click', action);
    place.append(button);
  }
  place.hidden = text === null;
}
