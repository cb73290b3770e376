/** One thing that was looked at. */
export interface CheckResult {
  /** What it is about: `node`, `settings`, `keys`, `login`, `audit`, `data`, `queue`, `redis`, `clock`. */
  readonly check: string;
  /** `problem`: something does not work, or soon will not. `warning`: somebody should look. */
  readonly level: 'ok' | 'warning' | 'problem';
  /** Stable, snake_case. */
  readonly code: string;
  /** What is so, in plain words; no reading, no user. */
  readonly message: string;
  /** What to do; `null` where nothing is to be done. */
  readonly advice: string | null;
}

/** Findings of one check, in the words it takes. */
export function resultsOf(check: string) {
  return {
    ok: (code: string, message: string): CheckResult => ({ check, level: 'ok', code, message, advice: null }),
    warning: (code: string, message: string, advice: string): CheckResult => ({
      check,
      level: 'warning',
      code,
      message,
      advice,
    }),
    problem: (code: string, message: string, advice: string): CheckResult => ({
      check,
      level: 'problem',
      code,
      message,
      advice,
    }),
  };
}
