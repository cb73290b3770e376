/** What a user's zones and devices go by: the settings that are stored with the data, and a form to change them. */
import { isHrmError, type UserSettings } from 'hrm-core/client';
import { explain, openClient } from './api.js';
import { dateAt } from './clocks.js';
import { find, make, showMessage } from './dom.js';
import { readMaxRate } from './remembered.js';
import { texts } from './texts/texts.js';
import { startsBy, zoneStarts } from './zones.js';

const words = texts.profile;

/** The settings of who is shown. */
let settings: UserSettings = {};

/** Where each zone begins, bpm: by the user's settings, or by the maximum that was entered here. @param atMs - of the year that counts. */
export function startsOfZones(atMs: number): readonly number[] {
  return startsBy(settings, yearOf(atMs)) ?? zoneStarts(readMaxRate());
}

/** Whose clocks a user's days go by; `undefined`: none is set, or it is not known yet. */
export function userZone(): string | undefined {
  return settings.timeZone;
}

/** The maximum to ask for days with; `undefined`: the user's settings say what zones are. */
export function askedMaxRate(): number | undefined {
  return startsBy(settings, yearOf(Date.now())) === null ? readMaxRate() : undefined;
}

/** Asks for the settings of a user, and fills the form. Without them all is as if there were none. */
export async function loadProfile(userId: string, signal: AbortSignal): Promise<void> {
  try {
    const found = await openClient().userSettings(userId, { signal });
    if (!signal.aborted) fill(found);
  } catch (error) {
    if (!isHrmError(error)) throw error;
    if (!signal.aborted) fill({});
  }
}

/** Nothing of anybody is left. */
export function clearProfile(): void {
  fill({});
}

function yearOf(atMs: number): number {
  return dateAt(atMs).getUTCFullYear();
}

const NUMBERS = ['birthYear', 'maxHeartRate', 'restingRate'] as const;

function fill(found: UserSettings): void {
  settings = found;
  for (const name of NUMBERS) field(name).value = String(found[name] ?? '');
  field('zones').value = found.zones?.join(', ') ?? '';
  field('timeZone').value = found.timeZone ?? '';
  const ranked = Object.entries(found.devicePriority ?? {}).sort(([, a], [, b]) => a - b);
  find('profile-devices', HTMLTextAreaElement).value = ranked.map(([id]) => id).join('\n');
  // Another maximum would be seen nowhere.
  find('max-rate-field', HTMLElement).hidden = startsBy(found, yearOf(Date.now())) !== null;
}

function field(name: string): HTMLInputElement {
  return find(`profile-${name}`, HTMLInputElement);
}

/** What the form says. Settings that it does not show do not exist. */
function said(): UserSettings {
  const numbers = NUMBERS.flatMap((name) => (field(name).value === '' ? [] : [[name, field(name).valueAsNumber]]));
  const zones = field('zones')
    .value.split(/[\s,;]+/)
    .filter((text) => text !== '');
  const devices = find('profile-devices', HTMLTextAreaElement)
    .value.split('\n')
    .filter((id) => id.trim() !== '');
  return {
    ...Object.fromEntries(numbers),
    ...(zones.length > 0 && { zones: zones.map(Number) }),
    ...(field('timeZone').value.trim() !== '' && { timeZone: field('timeZone').value.trim() }),
    ...(devices.length > 0 && { devicePriority: Object.fromEntries(devices.map((id, at) => [id, at + 1])) }),
  };
}

/** Binds the form. @param userId - whose it is. @param onSaved - all that is shown goes by it. */
export function bindProfile(userId: () => string, onSaved: () => void): void {
  find('profile-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    const note = find('profile-note', HTMLElement);
    openClient()
      .setUserSettings(userId(), said())
      .then((stored) => {
        fill(stored);
        note.replaceChildren(words.saved);
        onSaved();
      })
      .catch((error: unknown) => {
        if (!isHrmError(error)) throw error;
        // Each fault by the field that it is of.
        const faults = error.faults.map(({ path, message }) => make('li', {}, `${path.slice(1)}: ${message}`));
        note.replaceChildren(explain(error), make('ul', {}, ...faults));
      });
  });
  find('profile-form', HTMLFormElement).addEventListener('input', () => {
    find('profile-note', HTMLElement).replaceChildren();
    showMessage(null);
  });
}
