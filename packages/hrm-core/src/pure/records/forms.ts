import { fhirBundle, fhirLines } from './fhir.js';
import { gpxTracks } from './gpx.js';
import { openMhealthPoints } from './open-mhealth.js';
import { readingLines, readingsCsv, readingsJson } from './reading-lists.js';
import { tcxActivities } from './tcx.js';

/** The forms of records that health systems read: one line each. */
export const HEALTH_FORMS = [fhirBundle, fhirLines, openMhealthPoints, gpxTracks, tcxActivities] as const;

/** The forms of readings: our own first. */
export const RECORD_FORMS = [readingLines, readingsJson, readingsCsv, ...HEALTH_FORMS] as const;
