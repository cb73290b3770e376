/**
 * The port of a place for alerts: small files that are published once and never change, as all that is stored. Two consumers that open the
 * same alert are told apart by that: the first of a name stays.
 */

/**
 * Keeps files by their names: parts of `a-z`, `0-9`, `.` and `-`, with slashes between. Every method throws HrmError kind `unavailable`, code
 * `alerts_unavailable`, when the place cannot do it now.
 */
export interface AlertPlace {
  /** Publishes a file, durably once it resolves. `'exists'`: there is one of that name, which stays as it is. */
  put(name: string, text: string): Promise<'written' | 'exists'>;
  /** `null` where there is none. */
  get(name: string): Promise<string | null>;
  /** Names below a folder, which ends with a slash, folders in it too, in order; {@link MAX_ALERT_NAMES} at most. */
  list(folder: string): Promise<readonly string[]>;
  /** Deletes files; those that are not there are skipped. */
  remove(names: readonly string[]): Promise<void>;
}
