/** Facts of the system in words: what a member of the client's `ServerSystem` is called, and its value with the unit. */

import { bytesText } from 'hrm-core/client';
import { describeMinutes } from './range.js';
import { countText, locale, texts } from './texts/texts.js';

const FACT_MOMENT = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' });

/** `oldestAgeMs` as `Oldest age`: the unit goes with the value. @param group - the facts that it is one of. */
export function nameOf(key: string, group = ''): string {
  const known = texts.facts[`${group}.${key}`] ?? texts.facts[key];
  if (known !== undefined) return known;
  const words = key.replace(/(?:Ms|Bytes)$/, '').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A value with its unit, as its key tells it. */
export function formatFact(key: string, value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (Array.isArray(value)) return value.join(', ');
  if (typeof value === 'object') return JSON.stringify(value);
  if (typeof value === 'string' && /(?:^a|A)t$/.test(key)) return FACT_MOMENT.format(Date.parse(value));
  if (typeof value === 'string' && key.endsWith('Date')) return value.replace(/^(\d{4})(\d{2})(\d{2})$/, '$1-$2-$3');
  if (typeof value !== 'number') return String(value);
  if (key.endsWith('Ms')) return formatDuration(value);
  if (/(?:^b|B)ytes$/.test(key)) return bytesText(value);
  return countText(value);
}

function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  return minutes < 2_880 ? describeMinutes(minutes) : texts.chart.days(Math.floor(minutes / 1_440));
}
