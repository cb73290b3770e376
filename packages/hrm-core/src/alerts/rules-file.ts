/** The file of the rules, read anew when it has changed. */
import { statSync } from 'node:fs';
import { errorCode, HrmError } from '../errors.js';
import { type AlertRules, parseRules } from '../pure/alerts/rules.js';
import { readRegularFile } from '../regular-file.js';

/** The rules as a process that runs has them. */
export interface RulesFile {
  /** Those that are in force: where the file is wrong by now, those of before. */
  current(): AlertRules;
}

/**
 * Reads the rules.
 * @throws HrmError kind `invalid`, code `invalid_alerts`, with every fault; kind `unavailable`, code `alerts_unreadable`.
 */
export function readRules(path: string): AlertRules {
  let text: string | null;
  try {
    text = readRegularFile(path)?.text ?? null;
  } catch (cause) {
    throw unreadableError(path, errorCode(cause) === 'ENOENT' ? 'does not exist' : 'cannot be read', cause);
  }
  if (text === null) throw unreadableError(path, 'is no file');
  return parseRules(text);
}

function unreadableError(path: string, problem: string, cause?: unknown): HrmError {
  const message = `the rules of alerts in ${path} (HRM_ALERTS_FILE): the file ${problem}`;
  return new HrmError(message, { kind: 'unavailable', code: 'alerts_unreadable', cause });
}

/**
 * Opens the rules.
 * @param onError - hears once of each change that leaves the file wrong, or not to be read.
 * @throws as {@link readRules}: who starts with wrong rules would believe to be watched.
 */
export function openRules(path: string, onError: (error: unknown) => void): RulesFile {
  let version = versionOf(path);
  let rules = readRules(path);
  return {
    current() {
      const found = versionOf(path);
      if (found === version) return rules;
      version = found;
      try {
        rules = readRules(path);
      } catch (error) {
        onError(error);
      }
      return rules;
    },
  };
}

/** What changes whenever the file does. */
function versionOf(path: string): string {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    return errorCode(error);
  }
}
