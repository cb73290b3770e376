/**
 * The search of Observations that a bulk client asks: of a patient, by code, date and device, a page at a time.
 * @see https://hl7.org/fhir/R4/search.html
 */
import * as v from 'valibot';
import { type Fault, faultsError } from '../../errors.js';
import { MAX_SEARCH_COUNT, SEARCH_COUNT } from '../../limits.js';
import { IdSchema } from '../reading/reading.js';
import { HEART_RATE_CODE, LOINC } from '../records/fhir.js';
import { parseSearchDate } from './search-date.js';

/** The parameters of a search, as a URL has them; `date` may have several, apart by a blank. */
export interface SearchParameters {
  readonly patient: string;
  readonly code?: string | undefined;
  readonly category?: string | undefined;
  readonly date?: string | undefined;
  readonly device?: string | undefined;
  readonly _count?: string | undefined;
  readonly _sort?: string | undefined;
  readonly _format?: string | undefined;
  readonly _page?: string | undefined;
}

/** A search that was understood. */
export interface ObservationSearch {
  readonly userId: string;
  readonly deviceId: string | undefined;
  /** Whole minutes, epoch milliseconds; `undefined` where no date says it. */
  readonly fromMs: number | undefined;
  /** Exclusive. */
  readonly toMs: number | undefined;
  /** Whether heart rates are among what is asked for. */
  readonly isOfHeartRates: boolean;
  /** Observations of a page, 1 to {@link MAX_SEARCH_COUNT}. */
  readonly count: number;
  /** The page goes on where another ended: how many there are in all is not known. */
  readonly isLaterPage: boolean;
}

const FORMATS = ['json', 'application/json', 'application/fhir+json'];

/** The user of a patient, `Patient/ana` or `ana`. */
export function userOfPatient(patient: string): string {
  return patient.startsWith('Patient/') ? patient.slice('Patient/'.length) : patient;
}

/** @throws HrmError kind `invalid`, code `invalid_query`, with every fault. */
export function parseSearch(parameters: SearchParameters): ObservationSearch {
  const { patient, code, category, date, device, _count, _sort, _format, _page } = parameters;
  const faults: Fault[] = [];
  const fault = (name: string, message: string) => faults.push({ path: `/${name}`, message });
  let fromMs: number | undefined;
  let toMs: number | undefined;
  function narrow(name: string, text: string): void {
    const bounds = parseSearchDate(text);
    if (bounds === null) fault(name, 'must be a date like ge2024-01-15 or lt2024-01-15T10:00:00Z, from 1970 on');
    if (bounds?.fromMs !== undefined) fromMs = Math.max(fromMs ?? 0, bounds.fromMs);
    if (bounds?.toMs !== undefined) toMs = Math.min(toMs ?? bounds.toMs, bounds.toMs);
  }
  for (const text of date?.split(' ') ?? []) narrow('date', text);
  if (_page !== undefined) narrow('_page', `ge${_page}`);
  const count = _count === undefined ? SEARCH_COUNT : /^\d{1,9}$/.test(_count) ? Number(_count) : 0;
  const userId = userOfPatient(patient);
  const namesUser = v.safeParse(IdSchema, userId);
  if (!namesUser.success) fault('patient', namesUser.issues[0].message);
  const namesDevice = v.safeParse(v.optional(IdSchema), device);
  if (!namesDevice.success) fault('device', namesDevice.issues[0].message);
  if (count === 0) fault('_count', 'must be a number from 1 on');
  if (_sort !== undefined && _sort !== 'date') fault('_sort', 'must be date: there is no other order');
  if (_format !== undefined && !FORMATS.includes(_format)) fault('_format', `must be one of ${FORMATS.join(', ')}`);
  if (faults.length > 0) throw faultsError('invalid_query', faults, { what: 'the query is not valid' });
  return {
    userId,
    deviceId: device,
    fromMs,
    toMs,
    isOfHeartRates: has(code, LOINC, HEART_RATE_CODE) && has(category, CATEGORIES, 'vital-signs'),
    count: Math.min(count, MAX_SEARCH_COUNT),
    isLaterPage: _page !== undefined,
  };
}

const CATEGORIES = 'http://terminology.hl7.org/CodeSystem/observation-category';

/** Whether a list of codes has one, by itself or behind its system. */
function has(codes: string | undefined, system: string, code: string): boolean {
  return codes === undefined || codes.split(',').some((one) => one === code || one === `${system}|${code}`);
}
