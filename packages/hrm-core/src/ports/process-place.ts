/**
 * The port of a place where processes say that they live: small files, each written again and again by the one process that it is of. They
 * say nothing that anybody needs to do his work: what is lost is written again with the next sign of life.
 */

/** A file, as a listing has it. */
export interface ProcessFile {
  readonly name: string;
  readonly text: string;
  /** Since it was written, milliseconds >= 0, by the clock of the disk or the service that it is on. */
  readonly ageMs: number;
}

/** Keeps files by their names: `a-z`, `0-9`, `-`, and `.json`. Every method throws the error of the disk or the service. */
export interface ProcessPlace {
  /** Writes a file whole or not at all, in place of what is there. It is not synced. */
  put(name: string, text: string): Promise<void>;
  /** {@link MAX_PROCESS_FILES} at most. */
  list(): Promise<readonly ProcessFile[]>;
  /** Deletes files; those that are not there are skipped. */
  remove(names: readonly string[]): Promise<void>;
}
