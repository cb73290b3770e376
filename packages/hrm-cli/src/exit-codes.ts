import type { HrmErrorKind } from 'hrm-core';

/**
 * What a process of `hrm` ends with. A second SIGINT or SIGTERM ends it at once with 130 or 143 instead; so does the first while the
 * program is being loaded, when nobody listens yet and nothing was begun.
 */
export interface ExitCode {
  readonly code: number;
  /** The kind of error that ends so; `done` is none. */
  readonly kind: HrmErrorKind | 'done';
  /** For help texts. */
  readonly meaning: string;
}

/** Every exit code, in order: what `--help` prints and the reference lists. */
export const EXIT_CODES: readonly ExitCode[] = [
  { code: 0, kind: 'done', meaning: 'done' },
  { code: 1, kind: 'internal', meaning: 'internal error: a defect in this software' },
  { code: 2, kind: 'invalid', meaning: 'invalid: wrong use, settings or input' },
  { code: 3, kind: 'unavailable', meaning: 'unavailable: the queue, the storage or the port; try again later' },
  { code: 4, kind: 'conflict', meaning: 'conflict: another process was first' },
  { code: 5, kind: 'data', meaning: 'data: a stored file cannot be read' },
  { code: 6, kind: 'closed', meaning: 'closed: interrupted before it was done' },
];

/** How a process ends that was not let finish, as shells report it. */
export const CUT_OFF: readonly (readonly [codes: string, meaning: string])[] = [
  ['130, 143', 'ended at once by a second SIGINT, SIGTERM, or by the first while it was being loaded'],
  ['137', 'ended itself since its event loop or a call of the file system hung, or was killed'],
];

/** The exit code of an outcome. */
export function exitCodeOf(kind: ExitCode['kind']): number {
  return EXIT_CODES.find((entry) => entry.kind === kind)?.code ?? 1;
}
