/**
 * The texts of the pages, in the language of the person at the screen. To add a language: a file that exports a table like `en`, and its
 * line in {@link LANGUAGES}.
 */
import { keepItem, readItem } from '../browser-storage.js';
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

/** The code of the language that is spoken: `en`. */
export const language = chooseLanguage();

/** The texts, by the page that they are of. */
export const texts: Texts = LANGUAGES[language];

/** For `Intl`. */
export const { locale } = texts;

const NUMBER = new Intl.NumberFormat(locale);
const TENTHS = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const SHARE = new Intl.NumberFormat(locale, { style: 'percent' });
const WHOLE = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });

/** A whole number, with the marks of its thousands. */
export function countText(count: number): string {
  return NUMBER.format(count);
}

/** A heart rate, or a mean of some. @param digits - behind the point; default 1. */
export function rateText(bpm: number, digits: 0 | 1 = 1): string {
  return (digits === 1 ? TENTHS : WHOLE).format(bpm);
}

/** A share of 1, in hundredths. */
export function shareText(share: number): string {
  return SHARE.format(share);
}

/** The languages, by their codes: what each calls itself. */
export const languageNames: ReadonlyMap<string, string> = new Map(
  Object.entries(LANGUAGES).map(([code, { name }]) => [code, name]),
);

/** Takes another language from the next page on. @param code - of {@link languageNames}. */
export function keepLanguage(code: string): void {
  keepItem('localStorage', LANGUAGE_ITEM, code);
}
