/**
 * Files that are not damaged and yet cannot be read here: they stay where they are, and whoever asks is told what to do.
 */

/** `file_too_large`: beyond a bound of limits.ts. `file_unsupported`: of a form that this version does not read. */
export type LeftCode = 'file_too_large' | 'file_unsupported';

/** An error that says so. @param what - what is wrong, then what to do; of the file: "its pages are …". */
export function leftInPlace(code: LeftCode, what: string): Error {
  return Object.assign(new Error(what), { leftAs: code });
}

/** The code of such an error; `null` for any other. */
export function leftCodeOf(error: unknown): LeftCode | null {
  if (!(error instanceof Error) || !('leftAs' in error)) return null;
  return error.leftAs as LeftCode;
}
