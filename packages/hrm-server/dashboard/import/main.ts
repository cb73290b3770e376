/**
 * The page to add files: each is read by a worker, first to say what is in it, and then, if somebody wants so, to send its readings. What
 * was accepted of a file is known, so that a stopped import goes on where it was.
 */
import { isHrmError, type Session } from 'hrm-core/client';
import { explain, openClient } from '../api.js';
import { browserZone } from '../clocks.js';
import { find, showMessage } from '../dom.js';
import { rememberUser } from '../remembered.js';
import { sendUntilAccepted } from '../send.js';
import { enter } from '../sign-in.js';
import { countText, texts } from '../texts/texts.js';
import { translatePage } from '../texts/translate-page.js';
import { chosenUser, offerUsers } from '../user-field.js';
import { dayAddress } from '../view.js';
import { type FileOutcome, sumUp, toOutcome } from './accounts.js';
import type { FoundSeries } from './messages.js';
import { readInWorker } from './read-in-worker.js';
import { fileElements, totalElements } from './show.js';

const words = texts.import;

/** A file that somebody chose. */
interface Chosen {
  readonly file: File;
  /** Readings that the first look has found in it. */
  found: number;
  /** Readings that the server has accepted, from the beginning of the file on. */
  accepted: number;
  isSent: boolean;
  /** The browser cannot read it: the server gets it as it is. */
  isForServer: boolean;
}

function toChosen(file: File): Chosen {
  return { file, found: 0, accepted: 0, isSent: false, isForServer: false };
}

/** How often a file is sent again whole: the server may have no place for a moment. */
const IMPORT_RETRIES = 5;

let chosen: readonly Chosen[] = [];
let outcomes: FileOutcome[] = [];
/** Of what is done now. */
let running: AbortController | null = null;

/** The zone that the last look was by. */
let lookedZone: string | null = null;

/** Does something, and ends what was done before. */
async function run(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  running?.abort();
  const current = new AbortController();
  running = current;
  showMessage(null);
  showButtons();
  try {
    await work(current.signal);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (!current.signal.aborted) showMessage(words.stopped(isHrmError(error) ? explain(error) : error.message));
  }
  // Something else may be done by now.
  if (running !== current) return;
  running = null;
  showProgress('', 0, 0);
  showButtons();
}

/** Tells what is in the files, and sends nothing. */
async function look(signal: AbortSignal): Promise<void> {
  const seen: FileOutcome[] = [];
  outcomes = [];
  lookedZone = chosenZone();
  chosen = chosen.map(({ file }) => toChosen(file));
  for (const [at, one] of chosen.entries()) {
    const { file } = one;
    const order = { file, timeZone: lookedZone, wantsReadings: false, skipReadings: 0 };
    showProgress(words.looking(file.name), at, 0);
    for await (const message of readInWorker(order, signal)) {
      if (message.type === 'progress') showProgress(words.looking(file.name), at, message.readBytes / file.size);
      else if (message.type !== 'readings') seen.push(message);
      if (message.type === 'account') one.found += message.account.readings;
      if (message.type === 'for_server') one.isForServer = true;
    }
    if (signal.aborted) return;
  }
  outcomes = seen;
  showAccount();
}

/** Sends the readings of the files, from where it was stopped on. */
async function send(signal: AbortSignal): Promise<void> {
  const userId = chosenUser();
  rememberUser(userId);
  for (const [at, one] of chosen.entries())
    if (!one.isSent) await (one.isForServer ? sendWhole : sendFile)(one, at, userId, signal);
  if (!signal.aborted && chosen.every(({ isSent }) => isSent)) showDone(userId);
}

/** @throws HrmError for what another try does not help. */
async function sendFile(one: Chosen, at: number, userId: string, signal: AbortSignal): Promise<void> {
  const { file } = one;
  const order = { file, timeZone: lookedZone, wantsReadings: true, skipReadings: one.accepted };
  for await (const message of readInWorker(order, signal)) {
    if (message.type === 'progress') showProgress(sendingText(file), at, message.readBytes / file.size);
    if (message.type !== 'readings') continue;
    await sendUntilAccepted(
      message.series.map((series) => toSend(series, userId)),
      {
        signal,
        onWait: (error, waitMs) => {
          const seconds = Math.ceil(waitMs / 1_000);
          const isBusy = error.code === 'rate_limited' || error.retryAfterMs !== undefined;
          showMessage(isBusy ? words.busy(seconds) : texts.shared.waiting(seconds), { isCalm: true });
        },
      },
    );
    showMessage(null);
    one.accepted += message.count;
    showProgress(sendingText(file), at, null);
  }
  if (signal.aborted) return;
  // It cannot be read to its end any more, or not as it was.
  if (one.accepted !== one.found) throw new Error(words.changed(file.name));
  one.isSent = true;
}

/** Lets the server read a file. @throws HrmError for what another try does not help. */
async function sendWhole(one: Chosen, at: number, userId: string, signal: AbortSignal): Promise<void> {
  const { file } = one;
  showProgress(words.serverReads(file.name), at, 0);
  const timeZone = lookedZone ?? undefined;
  const options = { userId, fileName: file.name, timeZone, receivedAt: 'now', signal } as const;
  try {
    const { enqueued, files } = await openClient({ retries: IMPORT_RETRIES }).importFile(file, options);
    one.accepted = enqueued;
    one.isSent = true;
    showOutcomes(file.name, files.map(toOutcome));
  } catch (error) {
    if (!isHrmError(error) || error.code !== 'time_zone_needed') throw error;
    const { code, message } = error;
    showOutcomes(file.name, [{ type: 'failed', name: file.name, code, message }]);
  }
}

/** Shows what became of a file, in place of what was known of it. */
function showOutcomes(fileName: string, known: readonly FileOutcome[]): void {
  outcomes = [...outcomes.filter(({ name }) => name !== fileName), ...known];
  showAccount();
}

function sendingText(file: File): string {
  return words.sending(file.name, countText(acceptedCount()), countText(sumUp(outcomes).readings));
}

function toSend({ userId, deviceId, timesMs, heartRates }: FoundSeries, user: string) {
  return { userId: userId ?? user, deviceId, timestamps: timesMs, heartRates };
}

function acceptedCount(): number {
  return chosen.reduce((sum, { accepted }) => sum + accepted, 0);
}

/** The zone of times that have none; `null`: none was said. */
function chosenZone(): string | null {
  const { value } = find('zone', HTMLInputElement);
  return find('zone-field', HTMLElement).hidden || value === '' ? null : value;
}

/** @param share - of the file at that place, 0 to 1; `null`: as before. */
function showProgress(text: string, at: number, share: number | null): void {
  const bar = find('progress', HTMLProgressElement);
  bar.max = Math.max(1, chosen.length);
  if (share !== null) bar.value = at + Math.min(1, share);
  find('progress-text', HTMLElement).textContent = text;
  find('progress-box', HTMLElement).hidden = text === '';
}

function showAccount(): void {
  const total = sumUp(outcomes);
  find('account', HTMLElement).hidden = chosen.length === 0;
  find('total', HTMLElement).replaceChildren(...totalElements(total, chosen.length));
  find('files', HTMLElement).replaceChildren(...fileElements(outcomes));
  const zone = find('zone-field', HTMLElement);
  if (!total.needsTimeZone) return;
  zone.hidden = false;
  const field = find('zone', HTMLInputElement);
  if (field.value === '') field.value = browserZone;
  showMessage(words.zoneAsked, { isCalm: true });
}

function showButtons(): void {
  const isRunning = running !== null;
  const { readings } = sumUp(outcomes);
  const accepted = acceptedCount();
  const isDone = chosen.length > 0 && chosen.every(({ isSent }) => isSent);
  const button = find('send', HTMLButtonElement);
  button.hidden = isRunning || isDone || (readings === 0 && !chosen.some(({ isForServer }) => isForServer));
  find('wins', HTMLElement).hidden = button.hidden;
  const toSend = readings === 0 ? words.sendWhole : words.send(countText(readings));
  button.textContent = accepted > 0 ? words.goOn(countText(accepted)) : toSend;
  find('stop', HTMLButtonElement).hidden = !isRunning;
  find('again', HTMLButtonElement).hidden = isRunning || find('zone-field', HTMLElement).hidden;
  if (!isDone) find('done', HTMLElement).hidden = true;
}

function showDone(userId: string): void {
  find('done', HTMLElement).hidden = false;
  find('done-text', HTMLElement).textContent = words.done(countText(acceptedCount()));
  const { devices } = sumUp(outcomes);
  const lastMs = devices.reduce((most, device) => Math.max(most, device.lastMs), 0);
  const shown = devices.find((device) => device.lastMs === lastMs)?.userId ?? userId;
  find('see', HTMLAnchorElement).href = `./${dayAddress(shown, lastMs)}`;
}

function choose(files: readonly File[]): void {
  if (files.length === 0) return;
  chosen = files.map(toChosen);
  void run(look);
}

/** Files that are dropped anywhere on the page: elsewhere the browser would leave it and open them. */
function bindDrop(): void {
  const area = find('drop', HTMLElement);
  addEventListener('dragover', (event) => {
    event.preventDefault();
    area.classList.add('over');
  });
  addEventListener('dragleave', () => area.classList.remove('over'));
  addEventListener('drop', (event) => {
    event.preventDefault();
    area.classList.remove('over');
    choose([...(event.dataTransfer?.files ?? [])]);
  });
  const input = find('file', HTMLInputElement);
  input.addEventListener('change', () => choose([...(input.files ?? [])]));
}

async function start(): Promise<void> {
  translatePage();
  const session: Session = await enter();
  if (!session.scopes.includes('ingest')) {
    showMessage(texts.shared.noIngest);
    return;
  }
  find('choose', HTMLFormElement).hidden = false;
  offerUsers(session.userIds);
  const zones = Intl.supportedValuesOf('timeZone').map((zone) => new Option(zone, zone));
  find('zones', HTMLDataListElement).replaceChildren(...zones);
  bindDrop();
  find('choose', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    void run(send);
  });
  find('again', HTMLButtonElement).addEventListener('click', () => void run(look));
  find('stop', HTMLButtonElement).addEventListener('click', () => running?.abort());
  addEventListener('beforeunload', (event) => {
    if (running !== null && acceptedCount() > 0) event.preventDefault();
  });
}

void start();
