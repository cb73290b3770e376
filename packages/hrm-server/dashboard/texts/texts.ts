/**
 * The texts of the pages, in the language of the person at the screen. To add a language: a file that exports a table like `en`, and its
 * line in {@link LANGUAGES}.
 */
import { keepItem, readItem } from '../browser-storage.js';
import { make } from '../dom.js';
import { en, type Texts } from './en.js';
import { es } from './es.js';

const LANGUAGES = { en, es } as const satisfies Readonly<Record<string, Texts>>;

type Language = keyof typeof LANGUAGES;

const LANGUAGE_ITEM = 'hrm-language';

/** What was chosen by hand, else the first of the browser's languages that there is. */
function chooseLanguage(): Language {
  const wanted = [readItem('localStorage', LANGUAGE_ITEM) ?? '', ...(globalThis.navigator?.languages ?? [])];
  const codes = wanted.map((tag) => tag.split('-')[0] ?? '');
  return codes.find((code): code is Language => Object.hasOwn(LANGUAGES, code)) ?? 'en';
}

const language = chooseLanguage();

/** The texts, by the page that they are of. */
export const texts: Texts = LANGUAGES[language];

/** For `Intl`. */
const { locale } = texts;

const NUMBER = new Intl.NumberFormat(locale);

/** A whole number, with the marks of its thousands. */
export function countText(count: number): string {
  return NUMBER.format(count);
}

/**
 * Puts the texts into the elements that name one: `data-text` by content, `data-label` by `aria-label`; and offers the other languages.
 */
export function translatePage(): void {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll<HTMLElement>('[data-text]'))
    element.textContent = textAt(element.dataset.text ?? '');
  for (const element of document.querySelectorAll<HTMLElement>('[data-label]'))
    element.setAttribute('aria-label', textAt(element.dataset.label ?? ''));
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
  const options = Object.entries(LANGUAGES).map(([code, { name }]) =>
    make('option', { value: code, lang: code, selected: code === language }, name),
  );
  const select = make('select', { id: 'language', class: 'quiet', 'aria-label': texts.nav.language }, ...options);
  select.addEventListener('change', () => {
    keepItem('localStorage', LANGUAGE_ITEM, select.value);
    location.reload();
  });
  document.querySelector('nav')?.append(select);
}
