/** The forms that readings leave in, by their names, and the media type of each: all that a client needs to know of them. */
export const READING_TYPES = {
  ndjson: 'application/x-ndjson',
  json: 'application/json',
  csv: 'text/csv',
  fhir: 'application/fhir+json',
  'fhir-ndjson': 'application/fhir+ndjson',
  // Not registered, nor has anybody another one.
  omh: 'application/vnd.openmhealth+json',
  gpx: 'application/gpx+xml',
  tcx: 'application/vnd.garmin.tcx+xml',
  parquet: 'application/vnd.apache.parquet',
} as const;

/** The name of a form of readings. */
export type ReadingFormName = keyof typeof READING_TYPES;
