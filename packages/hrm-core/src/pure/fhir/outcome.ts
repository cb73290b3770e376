import type { Fault } from '../../errors.js';

/** What is wrong, as the service tells it of any call. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  /** For people. */
  readonly detail: string;
  readonly errors?: readonly Fault[];
}

/** Types of issues by status. @see https://hl7.org/fhir/R4/valueset-issue-type.html */
const ISSUES: Readonly<Record<number, string>> = {
  400: 'invalid',
  401: 'login',
  403: 'forbidden',
  404: 'not-found',
  406: 'not-supported',
  409: 'conflict',
  422: 'too-costly',
  429: 'throttled',
  503: 'transient',
};

/** A refusal as FHIR has it: an issue for each fault, or for the whole. */
export function operationOutcome({ status, code, detail, errors = [] }: Refusal) {
  const issue = {
    severity: status >= 500 ? 'fatal' : 'error',
    code: ISSUES[status] ?? 'exception',
    details: { coding: [{ code }] },
  };
  const faults = errors.map(({ path, message }) => ({ ...issue, diagnostics: `${path.slice(1)} ${message}`.trim() }));
  return { resourceType: 'OperationOutcome', issue: faults.length > 0 ? faults : [{ ...issue, diagnostics: detail }] };
}
