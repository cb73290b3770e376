/**
 * Everything that is stored about one person, as a ZIP file: readings by year, devices, settings, alerts, erasures, what the audit log says, and a
 * README in plain words.
 *
 * It is made anew each time, and never goes on with a piece of an earlier one: what was erased in between must not be in it. For the same reason
 * it fails where something of the person is erased while it is made.
 */
import { alertToWire, listAlerts } from '../alerts/manage.js';
import { HrmError, isHrmError } from '../errors.js';
import type { OnDamage } from '../flow/damage/damage.js';
import { type ErasureOfUser, erasuresOfUser } from '../flow/erase/erasure-status.js';
import { type Device, devices, deviceToWire } from '../flow/read/devices.js';
import type { ReadingForm } from '../flow/read/reading-forms.js';
import { userDays } from '../flow/read/user-days.js';
import { settingsAnswer, userSettings } from '../flow/read/users/user-settings.js';
import type { AlertPlace } from '../ports/alert-place.js';
import { type Clock, systemClock } from '../ports/clock.js';
import type { CallOptions } from '../ports/queue.js';
import type { Storage } from '../ports/storage.js';
import { formatInstant } from '../pure/reading/timestamp.js';
import type { UserSettings } from '../pure/user-settings.js';
import { auditEntriesOf, isNamedInAudit } from './audit-entries.js';
import { type ArchiveSummary, readmeText } from './readme.js';
import { type ZipEntry, zipPieces } from './zip.js';

/** Where it is looked. */
export interface PersonArchiveComponents {
  readonly storage: Storage;
  /** Where alerts are kept. */
  readonly alerts: AlertPlace;
  /** The file of the audit log; `''`: there is none. */
  readonly auditLog: string;
  readonly clock?: Clock | undefined;
}

/** Whose archive, and how readings look in it. */
export interface PersonArchiveInput {
  readonly userId: string;
  /** One of `READING_FORMS`. */
  readonly form: ReadingForm;
}

/** How it is made. */
export interface PersonArchiveOptions extends CallOptions {
  /** Hears of each file that could not be read, and that the archive is therefore made without. */
  readonly onDamage?: OnDamage | undefined;
  /** Hears how many readings were written so far. */
  readonly onProgress?: ((readings: number) => void) | undefined;
  /** Hears what the archive has, once all of it was taken. */
  readonly onEnd?: ((summary: ArchiveSummary) => void) | undefined;
}

/** What is known of the person before anything is written. */
interface Known {
  readonly settings: UserSettings;
  readonly alerts: readonly ReturnType<typeof alertToWire>[];
  readonly erasures: readonly ErasureOfUser[];
  /** That have readings, ascending. */
  readonly years: readonly number[];
}

/**
 * Makes the archive, in bounded memory: yields its bytes. Readings still queued are not in it, and of those stored while it is made some may be.
 *
 * @throws HrmError kind `invalid`, code `invalid_query`, for what is no user_id, and `unknown_user` where nothing is stored about it: both before
 *   the first byte; kind `conflict`, code `erased_meanwhile`; kind `unavailable` when the storage, the alerts or the audit log cannot be read now; kind `data`,
 *   code `settings_damaged`; kind `closed` when aborted. A damaged file of readings is no error: see `onDamage`.
 * @example
 * for await (const bytes of personArchive({ storage, alerts, auditLog: '' }, { userId: 'ana', form })) file.write(bytes);
 */
export async function* personArchive(
  components: PersonArchiveComponents,
  input: PersonArchiveInput,
  options: PersonArchiveOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { userId, form } = input;
  const madeAt = formatInstant((components.clock ?? systemClock).nowMs());
  const known = await lookFor(components, userId, options);
  const damaged = new Set<string>();
  const files: string[] = [];
  const counts = { readings: 0, devices: null as number | null, audit: null as number | null };
  const onDamage: OnDamage = (report) => {
    if (report.outcome !== 'answered') damaged.add(`${report.date}/${report.name}`);
    options.onDamage?.(report);
  };
  function summary(): ArchiveSummary {
    return {
      user_id: userId,
      made_at: madeAt,
      format: form.name,
      readings: counts.readings,
      devices: counts.devices,
      alerts: known.alerts.length,
      erasures: known.erasures.length,
      audit_entries: counts.audit,
      damaged_files: damaged.size,
      files: [...files],
    };
  }
  function entry(name: string, pieces: AsyncIterable<Uint8Array>): ZipEntry {
    files.push(name);
    return { name, pieces };
  }

  async function* entries(): AsyncGenerator<ZipEntry, void, undefined> {
    for (const year of known.years) {
      const before = counts.readings;
      const onProgress = (readings: number) => {
        counts.readings = before + readings;
        options.onProgress?.(counts.readings);
      };
      const range = { userId, start: Date.UTC(year, 0), end: Date.UTC(year + 1, 0) };
      const pieces = form.export(components, range, { ...options, onDamage, onProgress });
      yield entry(`readings/${year}.${form.extension}`, pieces);
    }
    const all = await listDevices(components, userId, { ...options, onDamage });
    if (all !== null) yield entry('devices.json', jsonPieces({ user_id: userId, devices: all.map(deviceToWire) }));
    counts.devices = all?.length ?? null;
    yield entry('settings.json', jsonPieces(settingsAnswer(userId, known.settings)));
    yield entry('alerts.json', jsonPieces({ items: known.alerts, count: known.alerts.length }));
    yield entry('erasures.json', jsonPieces({ erasures: known.erasures, count: known.erasures.length }));
    if (components.auditLog !== '') yield entry('audit.ndjson', auditLines());
    requireSame(known.erasures, await erasuresOfUser(components, userId));
    yield { name: 'README.txt', pieces: onePiece(readmeText(summary())) };
  }

  async function* auditLines() {
    counts.audit = 0;
    for await (const event of auditEntriesOf(components.auditLog, userId)) {
      counts.audit += 1;
      yield Buffer.from(`${JSON.stringify(event)}\n`, 'utf8');
    }
  }

  yield* zipPieces(entries());
  options.onEnd?.(summary());
}

/** @throws HrmError code `unknown_user`. */
async function lookFor(
  { storage, alerts: place, auditLog }: PersonArchiveComponents,
  userId: string,
  { signal }: CallOptions,
): Promise<Known> {
  // First, since it judges the user_id.
  const settings = await userSettings({ storage }, userId);
  const days = await userDays({ storage }, { userId }, { signal });
  const years = new Set(days.filter(({ row }) => row !== null).map(({ date }) => Number(date.slice(0, 4))));
  const alerts = (await listAlerts(place, userId)).map(alertToWire);
  const erasures = await erasuresOfUser({ storage }, userId);
  const isKnown =
    years.size + alerts.length + erasures.length + Object.keys(settings).length > 0 ||
    (auditLog !== '' && (await isNamedInAudit(auditLog, userId)));
  if (!isKnown) throw unknownError(userId);
  return { settings, alerts, erasures, years: [...years].sort((a, b) => a - b) };
}

/** `null`: there are too many to list. */
async function listDevices(
  components: PersonArchiveComponents,
  userId: string,
  options: PersonArchiveOptions,
): Promise<readonly Device[] | null> {
  try {
    return await devices(components, { userId }, options);
  } catch (error) {
    if (isHrmError(error) && error.code === 'too_much_history') return null;
    throw error;
  }
}

/** What was read before an erasure must not be handed out behind it. @throws HrmError code `erased_meanwhile`. */
function requireSame(before: readonly ErasureOfUser[], after: readonly ErasureOfUser[]): void {
  const ids = new Set(before.map(({ id }) => id));
  if (after.every(({ id }) => ids.has(id))) return;
  const message = 'readings of this user were erased while the archive was made: make it again';
  throw new HrmError(message, { kind: 'conflict', code: 'erased_meanwhile' });
}

function unknownError(userId: string): HrmError {
  const message = `nothing is stored about the user ${JSON.stringify(userId)}: hrm users --since 1970-01-01 lists those that have readings`;
  return new HrmError(message, { kind: 'invalid', code: 'unknown_user' });
}

function jsonPieces(value: object): AsyncIterable<Uint8Array> {
  return onePiece(`${JSON.stringify(value, null, 2)}\n`);
}

async function* onePiece(text: string): AsyncGenerator<Uint8Array, void, undefined> {
  yield Buffer.from(text, 'utf8');
}
