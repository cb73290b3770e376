import { HrmError } from 'hrm-core';

/** The error of a wrong use of the command line. @param message - what is wrong, and what would be right. */
export function usageError(message: string): HrmError {
  return new HrmError(message, { kind: 'invalid', code: 'invalid_usage' });
}
