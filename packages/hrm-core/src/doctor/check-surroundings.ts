import { foreignOwner, writableAround } from '../keys/exposure.js';
import { isOpenSecret, type ReadConfigFile } from '../process/config-file.js';
import type { Settings } from '../settings.js';
import { type CheckResult, resultsOf } from './check-result.js';

/** The places that the settings name. */
type Places = Pick<Settings, 'dataDir' | 'storageUrl' | 'queueDir' | 'queueUrl' | 'redisUrl' | 'keysFile'>;

/**
 * Looks around data, queue and keys for directories in which everybody may put something else in their place, at whose the keys are, and
 * at the config file.
 */
export function checkSurroundings(
  { dataDir, storageUrl, queueDir, queueUrl, redisUrl, keysFile }: Places,
  config: ReadConfigFile | null,
): readonly CheckResult[] {
  const places = {
    keys: keysFile,
    ...(storageUrl === '' ? { data: dataDir } : {}),
    ...(queueUrl === '' && redisUrl === '' ? { queue: queueDir } : {}),
  };
  const results = Object.entries(places).flatMap(([check, path]) => writableResults(check, path));
  results.push(...ownerResults(keysFile));
  if (!isOpenSecret(config)) return results;
  const message = `everybody may read ${config.path}, which has a password in it`;
  return [...results, resultsOf('settings').warning('config_readable', message, `run chmod o= ${config.path}`)];
}

/** Whether everybody may put something else in the place of a file or directory. */
export function writableResults(check: string, path: string): readonly CheckResult[] {
  const directory = writableAround(path);
  if (directory === null) return [];
  const message = `everybody may write to ${directory}, and so put something else in the place of ${path}`;
  return [resultsOf(check).problem('directory_writable', message, `run chmod o-w ${directory}`)];
}

/** Whether somebody else may make keys because the file, or a directory around it, is theirs. Root may look for who runs the server. */
export function ownerResults(keysFile: string): readonly CheckResult[] {
  const foreign = foreignOwner(keysFile);
  if (foreign === null) return [];
  const { path, owner } = foreign;
  const message = `${path} belongs to user ${owner}, who can therefore make keys`;
  return [resultsOf('keys').warning('owner', message, 'if another user runs hrm serve, run chown on it')];
}
