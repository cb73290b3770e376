import { SETTINGS, unknownVariables } from 'hrm-core/settings';
import { nearest } from './nearest.js';

/** An environment variable that looks like a setting and is none. */
interface UnknownVariable {
  readonly name: string;
  /** The setting that was probably meant. */
  readonly meant: string | undefined;
}

/** Finds them, with what was probably meant. */
export function findUnknownVariables(env: NodeJS.ProcessEnv): readonly UnknownVariable[] {
  const variables = SETTINGS.map(({ variable }) => variable);
  return unknownVariables(env).map((name) => ({ name, meant: nearest(name, variables) }));
}
