import { HEART_RATE_PROFILE } from '../records/fhir.js';

/** When what is said here changed. */
const DATE = '2026-11-30';

const SEARCH_PARAMETERS = [
  { name: 'patient', type: 'reference', documentation: 'Needed: the user, with or without Patient/ before it.' },
  { name: 'code', type: 'token', documentation: 'All Observations are 8867-4 of LOINC.' },
  { name: 'category', type: 'token', documentation: 'All Observations are vital-signs.' },
  {
    name: 'date',
    type: 'date',
    documentation:
      'With eq, ge, gt, le, lt, sa or eb, of any precision; without an offset UTC. It may be given several times.',
  },
  { name: 'device', type: 'reference', documentation: 'The device_id: only its readings count.' },
];

/**
 * What the FHIR part of a server can do. @param version - of the software.
 * @see https://hl7.org/fhir/R4/capabilitystatement.html
 */
export function capabilityStatement(version: string) {
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: DATE,
    kind: 'instance',
    software: { name: 'Heart Rate Monitor System', version },
    implementation: { description: 'Heart rates, an Observation a minute that has readings. Nothing can be written.' },
    fhirVersion: '4.0.1',
    format: ['json'],
    rest: [
      {
        mode: 'server',
        security: { description: 'An API key with the scope query: Authorization: Bearer hrm_…' },
        resource: [
          {
            type: 'Observation',
            supportedProfile: [HEART_RATE_PROFILE],
            interaction: [{ code: 'search-type' }],
            searchParam: SEARCH_PARAMETERS,
          },
        ],
      },
    ],
  };
}
