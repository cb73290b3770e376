/** The page of a live device: a strap's heart rate, shown as it comes and sent to the server. */
import { type HrmError, isHrmError, type Session } from 'hrm-core/client';
import { type HeartRateMeasurement, judgeMeasurement, toDeviceId } from 'hrm-core/formats';
import { explain } from '../api.js';
import { find, make, showMessage } from '../dom.js';
import { rememberUser } from '../remembered.js';
import { enter } from '../sign-in.js';
import { countText, texts } from '../texts/texts.js';
import { translatePage } from '../texts/translate-page.js';
import { chosenUser, offerUsers } from '../user-field.js';
import { dayAddress } from '../view.js';
import { MAX_WAITING, type Outbox, type OutboxState, openOutbox } from './outbox.js';
import { type Bluetooth, chooseStrap, findBluetooth, listen, type Strap } from './strap.js';

/** Of a device that does not say its name. */
const NAMELESS = 'heart-rate-strap';

const words = texts.device;

let state: OutboxState = { accepted: 0, waiting: 0, lost: 0, retryMs: null };
let droppedCount = 0;

function showState(): void {
  const facts: readonly (readonly [string, number])[] = [
    [words.accepted, state.accepted],
    [words.waitingReadings, state.waiting],
    ...(state.lost > 0 ? [[words.lost, state.lost] as const] : []),
    ...(droppedCount > 0 ? [[words.dropped, droppedCount] as const] : []),
  ];
  const rows = facts.map(([name, count]) => make('div', {}, make('dt', {}, name), make('dd', {}, countText(count))));
  find('facts', HTMLElement).replaceChildren(...rows);
  const isFull = state.waiting >= MAX_WAITING;
  if (isFull) showMessage(words.full(countText(MAX_WAITING)));
  else if (state.retryMs !== null)
    showMessage(texts.shared.waiting(Math.ceil(state.retryMs / 1_000)), { isCalm: true });
  else if (state.lost === 0) showMessage(null);
}

function showStatus(text: string): void {
  const place = find('status', HTMLElement);
  // What is said again would be read out again.
  if (place.textContent !== text) place.textContent = text;
}

function takeMeasurement(measurement: HeartRateMeasurement | null, outbox: Outbox): void {
  const reason = measurement === null ? 'damaged' : judgeMeasurement(measurement);
  const rate = find('rate', HTMLElement);
  if (measurement !== null && reason === null) {
    rate.textContent = String(measurement.heartRateBpm);
    showStatus(words.stateConnected);
    outbox.add(Date.now(), measurement.heartRateBpm);
    return;
  }
  droppedCount += 1;
  rate.textContent = '–';
  if (reason === 'no_contact') showStatus(words.noContact);
  showState();
}

/** Shows and sends what a strap says, until somebody disconnects it. */
async function follow(strap: Strap, userId: string): Promise<void> {
  const deviceId = toDeviceId(strap.name ?? '', NAMELESS);
  const stop = new AbortController();
  const page = new AbortController();
  droppedCount = 0;
  state = { accepted: 0, waiting: 0, lost: 0, retryMs: null };
  const outbox = openOutbox(
    { userId, deviceId },
    {
      onChange(to) {
        state = to;
        showState();
      },
      onRefused(error: HrmError) {
        showMessage(words.refused(explain(error)));
      },
    },
    page.signal,
  );
  showDevice(userId, deviceId, stop);
  try {
    await listen(
      strap,
      {
        onMeasurement: (measurement) => takeMeasurement(measurement, outbox),
        onConnected: () => showStatus(words.stateConnected),
        onLost() {
          find('rate', HTMLElement).textContent = '–';
          showStatus(words.stateLost);
        },
      },
      stop.signal,
    );
  } finally {
    find('rate', HTMLElement).textContent = '–';
    showStatus(words.stateEnded);
    find('disconnect', HTMLButtonElement).hidden = true;
    // What waits is sent, however long that takes.
    await outbox.close();
  }
}

function showDevice(userId: string, deviceId: string, stop: AbortController): void {
  find('device', HTMLElement).hidden = false;
  find('device-title', HTMLElement).textContent = `${userId}, ${deviceId}`;
  find('rate', HTMLElement).textContent = '–';
  showStatus(words.connecting);
  showState();
  find('watch', HTMLAnchorElement).href = `./${dayAddress(userId, Date.now(), true)}`;
  const button = find('disconnect', HTMLButtonElement);
  button.hidden = false;
  button.onclick = () => stop.abort();
}

async function connect(bluetooth: Bluetooth): Promise<void> {
  const button = find('connect', HTMLButtonElement);
  const userId = chosenUser();
  rememberUser(userId);
  showMessage(null);
  try {
    if ((await bluetooth.getAvailability?.()) === false) {
      showMessage(words.turnedOff);
      return;
    }
    const strap = await chooseStrap(bluetooth);
    if (strap === null) return;
    button.disabled = true;
    await follow(strap, userId);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    showMessage(words.failed);
  } finally {
    button.disabled = false;
  }
}

/** Says which browsers can, and what to do instead. */
function showMissing(): void {
  const place = find('missing', HTMLElement);
  place.hidden = false;
  const reasons = [...(isSecureContext ? [] : [words.insecure]), words.browsers];
  const file = make('li', {}, words.insteadFile, ' ', make('a', { href: 'import' }, texts.nav.addFiles));
  place.replaceChildren(
    make('h2', {}, words.missing),
    ...reasons.map((reason) => make('p', {}, reason)),
    make('p', {}, words.instead),
    make('ul', {}, file, make('li', {}, words.insteadGateway)),
  );
}

function mayIngest({ scopes }: Session): boolean {
  return scopes.includes('ingest');
}

async function start(): Promise<void> {
  translatePage();
  const session = await enter();
  const bluetooth = findBluetooth();
  if (bluetooth === null) {
    showMissing();
    return;
  }
  if (!mayIngest(session)) {
    showMessage(texts.shared.noIngest);
    return;
  }
  find('choose', HTMLFormElement).hidden = false;
  offerUsers(session.userIds);
  find('choose', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    connect(bluetooth).catch((error: unknown) => {
      if (!isHrmError(error)) throw error;
      showMessage(explain(error));
    });
  });
  addEventListener('beforeunload', (event) => {
    if (state.waiting === 0) return;
    showMessage(words.unsent(countText(state.waiting)), { isCalm: true });
    event.preventDefault();
  });
}

void start();
