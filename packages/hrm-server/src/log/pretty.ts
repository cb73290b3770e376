/**
 * Log lines for people: `12:03:04.567 WARN  health: storage full  check=storage code=storage_full`.
 * @module
 */
import { visibleText } from 'hrm-core/process';

const LEVELS: Readonly<Record<number, readonly [name: string, color: number]>> = {
  10: ['TRACE', 90],
  20: ['DEBUG', 90],
  30: ['INFO', 32],
  40: ['WARN', 33],
  50: ['ERROR', 31],
  60: ['FATAL', 31],
};

/** What needs no quotes. */
const BARE = /^[\w./:@+,[\]-]+$/;

/** Turns lines of JSON into lines for people. @param hasColors - whether the level has one. */
export function prettyLine(line: string, hasColors: boolean): string {
  const { level, time, pid, msg = '', stack, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const [name, color] = LEVELS[Number(level)] ?? [String(level), 0];
  const level5 = name.padEnd(5);
  const shown = hasColors ? `\u001b[${color}m${level5}\u001b[0m` : level5;
  const pairs = Object.entries({ ...fields, pid }).map(([key, value]) => `${key}=${prettyValue(value)}`);
  const trace = typeof stack === 'string' ? `\n    ${visibleText(stack).replaceAll('\\u{a}', '\n')}` : '';
  return `${clock(Number(time))} ${shown} ${visibleText(String(msg))}  ${pairs.join(' ')}${trace}\n`;
}

function prettyValue(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return BARE.test(text) || typeof value !== 'string' ? visibleText(text) : visibleText(JSON.stringify(text));
}

/** The time of day here. */
function clock(timeMs: number): string {
  const date = new Date(timeMs);
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0'));
  return `${parts.join(':')}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}
