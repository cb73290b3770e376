import type { ReadConfigFile } from '../process/config-file.js';
import type { Settings } from '../settings.js';
import { within } from '../waits.js';
import { checkAudit } from './check-audit.js';
import { checkIssuer } from './check-issuer.js';
import { checkKeys } from './check-keys.js';
import { checkQueue } from './check-queue.js';
import { type CheckResult, resultsOf } from './check-result.js';
import { checkS3 } from './check-s3.js';
import { checkNode, checkSettings } from './check-settings.js';
import { checkStorage } from './check-storage.js';
import { checkSurroundings } from './check-surroundings.js';

/** How long one check may take, ms: a file server that is gone answers never. */
const CHECK_TIMEOUT_MS = 15_000;

/** What the settings came from, as far as it is to be looked at. */
export interface DoctorSurroundings {
  /** Default: nothing is looked for in it. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Default: there was none. */
  readonly config?: ReadConfigFile | null | undefined;
}

/** What was found. */
export interface DoctorReport {
  /** As bad as the worst of the results. */
  readonly status: CheckResult['level'];
  readonly results: readonly CheckResult[];
}

/**
 * Looks at everything that the settings name, and around it. It writes some blocks, and deletes them; it makes no file or directory, and
 * takes half a minute at most.
 * @example
 * const { status, results } = await examine(loadSettings({ env: process.env }), { env: process.env });
 */
export async function examine(
  settings: Settings,
  { env = {}, config = null }: DoctorSurroundings = {},
): Promise<DoctorReport> {
  const isS3 = settings.storageUrl !== '';
  const results = [
    ...checkNode(process.versions.node),
    ...checkSettings(settings, env),
    ...checkKeys(settings, Date.now()),
    ...checkSurroundings(settings, config),
    ...(await bounded('login', checkIssuer(settings), ISSUER)),
    ...(await bounded('audit', checkAudit(settings), DISK)),
    ...(isS3 ? await bounded('data', checkS3(settings), SERVICE) : await bounded('data', checkStorage(settings), DISK)),
    ...(await bounded('queue', checkQueue(settings), queuePlace(settings))),
  ];
  return { status: worst(results), results };
}

/** What may answer never. */
const [DISK, SERVICE] = ['the disk or the file server', 'the service of AWS, or the way to it,'];
const ISSUER = 'the issuer of logins, or the way to it,';

function queuePlace({ queueUrl, redisUrl }: Settings): string {
  if (queueUrl !== '') return SERVICE;
  return redisUrl === '' ? DISK : 'Redis, or the way to it,';
}

async function bounded(
  check: string,
  results: Promise<readonly CheckResult[]>,
  place: string,
): Promise<readonly CheckResult[]> {
  return await within(CHECK_TIMEOUT_MS, results, () => {
    const message = `no answer within ${CHECK_TIMEOUT_MS / 1_000} s`;
    return [resultsOf(check).problem('timeout', message, `look whether ${place} hangs`)];
  });
}

function worst(results: readonly CheckResult[]): CheckResult['level'] {
  const levels = ['problem', 'warning'] as const;
  return levels.find((level) => results.some((result) => result.level === level)) ?? 'ok';
}
