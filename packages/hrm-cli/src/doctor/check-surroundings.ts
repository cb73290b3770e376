import type { Settings } from 'hrm-core/settings';
import { writableAround } from 'hrm-server/keys';
import { findOpenConfig } from '../config.js';
import { type Finding, findingsOf } from './finding.js';

/** The places that the settings name. */
type Places = Pick<Settings, 'dataDir' | 'queueDir' | 'redisUrl' | 'keysFile'>;

/**
 * Looks around data, queue and keys for directories in which everybody may put something else in their place, and at the config file.
 * @param configPath - what `--config` names.
 */
export async function checkSurroundings(
  { dataDir, queueDir, redisUrl, keysFile }: Places,
  configPath: string | undefined,
): Promise<readonly Finding[]> {
  const places = { keys: keysFile, data: dataDir, ...(redisUrl === '' ? { queue: queueDir } : {}) };
  const findings = Object.entries(places).flatMap(([check, path]): Finding[] => {
    const directory = writableAround(path);
    if (directory === null) return [];
    const message = `everybody may write to ${directory}, and so put something else in the place of ${path}`;
    return [findingsOf(check).problem('directory_writable', message, `run chmod o-w ${directory}`)];
  });
  const config = await findOpenConfig(configPath);
  if (config === null) return findings;
  const message = `everybody may read ${config}, which has a password in it`;
  return [...findings, findingsOf('settings').warning('config_readable', message, `run chmod o= ${config}`)];
}
