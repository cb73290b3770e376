/** The texts that stand in a page's HTML, in the language of the person at the screen. */
import { make } from '../dom.js';
import { keepLanguage, language, languageNames, texts } from './texts.js';

/**
 * Puts the texts into the elements that name one: `data-text` by content, `data-label` by `aria-label`, `data-hint` by `placeholder`; and offers the other languages.
 */
export function translatePage(): void {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll<HTMLElement>('[data-text]'))
    element.textContent = textAt(element.dataset.text ?? '');
  for (const element of document.querySelectorAll<HTMLElement>('[data-label]'))
    element.setAttribute('aria-label', textAt(element.dataset.label ?? ''));
  for (const element of document.querySelectorAll<HTMLElement>('[data-hint]'))
    element.setAttribute('placeholder', textAt(element.dataset.hint ?? ''));
  offerLanguages();
}

/** @param path - `nav.status`. @throws when there is no such text: the page was built wrong. */
function textAt(path: string): string {
  const [group = '', name = ''] = path.split('.');
  const found = (texts as unknown as Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>)[group]?.[
    name
  ];
  if (typeof found !== 'string') throw new Error(`there is no text ${path}`);
  return found;
}

function offerLanguages(): void {
  const options = [...languageNames].map(([code, name]) =>
    make('option', { value: code, lang: code, selected: code === language }, name),
  );
  const select = make('select', { id: 'language', class: 'quiet', 'aria-label': texts.nav.language }, ...options);
  select.addEventListener('change', () => {
    keepLanguage(select.value);
    location.reload();
  });
  document.querySelector('nav')?.append(select);
}
