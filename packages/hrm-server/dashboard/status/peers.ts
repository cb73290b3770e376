/** Who works on the store, and what waits for somebody to act. */
import type { ServerAlerts, ServerPeer, ServerPeers, ServerSystem } from 'hrm-core/client';
import { find, make } from '../dom.js';
import { formatFact } from '../facts.js';
import { describeAge } from '../range.js';
import { makeTable, type TableRow } from '../tables.js';
import { countText, texts } from '../texts/texts.js';

const words = texts.status;

/** Shows the processes, those that run first. */
export function showPeers(peers: ServerPeers | null): void {
  const place = find('peers', HTMLElement);
  if (peers === null) {
    place.replaceChildren(make('p', { class: 'muted' }, words.nothingKnown));
    return;
  }
  const { processes, leftOff, lookedAt } = peers;
  const head = make('tr', {}, ...words.peerColumns.map((name) => make('th', { scope: 'col' }, name)));
  const rows = processes.map((peer) => rowOf(peer, Date.parse(lookedAt)));
  const notes = [words.asOfMoment(formatFact('at', lookedAt)), ...(leftOff > 0 ? [words.leftOff(leftOff)] : [])];
  place.replaceChildren(
    make(
      'div',
      { class: 'scroll', tabindex: '0', role: 'group', 'aria-labelledby': 'peers-title' },
      make('table', { class: 'left' }, make('thead', {}, head), make('tbody', {}, ...rows)),
    ),
    make('p', { class: 'muted small' }, notes.join(' ')),
  );
}

function rowOf({ parts, host, pid, version, state, startedAt, lastSeenAt, answers }: ServerPeer, lookedMs: number) {
  const tone = state === 'running' ? 'good' : state === 'gone' ? 'bad' : 'muted';
  const seen = state === 'running' ? words.states.running : words.states[state];
  const age = state === 'running' ? '' : ` ${describeAge(lookedMs - Date.parse(lastSeenAt))}`;
  return make(
    'tr',
    {},
    make('th', { scope: 'row' }, parts.map((part) => words.parts[part] ?? part).join(', ')),
    make('td', { class: tone }, `${seen ?? state}${age}`),
    make('td', {}, formatFact('at', startedAt)),
    make('td', {}, version),
    make('td', {}, `${host}, ${pid}${answers ? ` (${words.answers})` : ''}`),
  );
}

/** Shows dead letters and alerts, and what to do about them. */
export function showToDo({ queue, deadLetters, alerts }: ServerSystem): void {
  const count = queue?.deadLetters ?? null;
  const reasons = (deadLetters?.reasons ?? []).map(
    ({ code, count: some, oldestAt, newestAt }): TableRow => [
      make('code', {}, code),
      countText(some),
      formatFact('at', oldestAt),
      formatFact('at', newestAt),
    ],
  );
  const text = count === null ? words.nothingKnown : count === 0 ? words.noLetters : words.letters(countText(count));
  find('letters', HTMLElement).replaceChildren(
    make('p', { class: count === 0 || count === null ? 'muted' : 'warn' }, text),
    ...(reasons.length === 0 ? [] : [makeTable(words.deadLetters, words.letterColumns, reasons)]),
    ...(count === null || count === 0 ? [] : [adviceOf(words.lettersAdvice, LETTER_COMMANDS)]),
  );
  find('alerts', HTMLElement).replaceChildren(...alertsOf(alerts));
}

const LETTER_COMMANDS = ['hrm dlq list', 'hrm dlq redrive --all', 'hrm dlq purge --all'];

function alertsOf(alerts: ServerAlerts | null): readonly HTMLElement[] {
  if (alerts === null) return [make('p', { class: 'muted' }, words.nothingKnown)];
  const { countedAt, ...counts } = alerts;
  const facts = Object.entries(counts).map(([key, value]) =>
    make('div', {}, make('dt', {}, words.alertCounts[key] ?? key), make('dd', {}, countText(value))),
  );
  return [
    make('dl', { class: 'facts' }, ...facts),
    ...(alerts.failed === 0 ? [] : [adviceOf(words.alertsAdvice, ['hrm alerts list', 'hrm alerts retry'])]),
    make('p', { class: 'muted small' }, words.asOfMoment(formatFact('at', countedAt))),
  ];
}

function adviceOf(text: string, commands: readonly string[]): HTMLElement {
  const list = commands.flatMap((command, at) => [at === 0 ? ' ' : ', ', make('code', {}, command)]);
  return make('p', { class: 'small' }, text, ...list);
}
