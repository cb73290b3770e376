/** What the places of processes have in common. */

/** What signs of life are in: within the data, where readers of Parquet files do not look. */
export const PROCESSES_NAME = '.processes';

/** Names that lead out of no place. */
const NAME = /^[a-z0-9][a-z0-9-]{0,79}\.json$/;

/** Whether a name is one that a process gives. */
export function isProcessName(name: string): boolean {
  return NAME.test(name);
}

/** @throws RangeError for another one: a defect of the caller. */
export function requireProcessName(name: string): string {
  if (!isProcessName(name)) throw new RangeError(`${name} is no name of a process's file`);
  return name;
}
