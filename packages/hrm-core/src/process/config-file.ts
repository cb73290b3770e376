/**
 * The config file of one call, which is read once.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, HrmError } from '../errors.js';
import { MAX_CONFIG_BYTES } from '../limits.js';
import { READ_AT_ONCE } from '../regular-file.js';

/** The config file that is read when none is named. */
const DEFAULT_CONFIG = './hrm.config.json';

/** How long a pipe may take to bring a config, ms: what decrypts it (`--config <(…)`) may ask for a password first. */
const MAX_PIPE_MS = 30_000;
const PIPE_POLL_MS = 10;

/** A config file as it was when it was read. */
export interface ReadConfigFile {
  /** As it was named. */
  readonly path: string;
  /** JSON, as settings are. */
  readonly text: string;
  /** Permission bits, and what kind of file it is. */
  readonly mode: number;
}

/** Settings that are secrets whatever they hold. */
const SECRETS = ['apiKey', 'alertsWebhookSecret'];

/** Whether there is a password or a secret in it, and everybody on this machine may read it. */
export function isOpenSecret(config: ReadConfigFile | null): config is ReadConfigFile {
  if (config === null || (config.mode & 0o004) === 0) return false;
  const values: [string, unknown][] = Object.entries(JSON.parse(config.text));
  return values.some(
    ([name, value]) =>
      SECRETS.includes(name) || (URL.canParse(String(value)) && new URL(String(value)).password !== ''),
  );
}

/** Where a config file is looked for, and what ends the wait for one that comes through a pipe. */
export interface ConfigSurroundings {
  readonly cwd: string;
  readonly signal: AbortSignal;
  /** Milliseconds; default 30,000. */
  readonly maxPipeMs?: number;
}

/**
 * Reads the config file, which may come through a pipe.
 * @param named - what `--config` names, which must exist; without it `./hrm.config.json`, if it exists.
 * @throws HrmError kind `invalid`, code `config_unreadable`; kind `closed`, code `aborted`, when `signal` fires.
 */
export async function readConfigFile(
  named: string | undefined,
  { cwd, signal, maxPipeMs = MAX_PIPE_MS }: ConfigSurroundings,
): Promise<ReadConfigFile | null> {
  const path = named ?? DEFAULT_CONFIG;
  try {
    const handle = await open(resolve(cwd, path), READ_AT_ONCE);
    try {
      const stats = await handle.stat();
      if (stats.size > MAX_CONFIG_BYTES)
        throw unreadableError(path, `has ${stats.size} bytes, and a config has ${MAX_CONFIG_BYTES} at most`);
      if (stats.isFile()) return { path, text: await handle.readFile('utf8'), mode: stats.mode };
      if (!stats.isFIFO()) throw unreadableError(path, 'is neither a file nor a pipe');
      return { path, text: await readPipe(path, handle, { signal, maxPipeMs }), mode: stats.mode };
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (cause instanceof HrmError) throw cause;
    const code = errorCode(cause);
    const isMissing = code === 'ENOENT';
    if (named === undefined && isMissing) return null;
    throw unreadableError(path, isMissing ? 'does not exist' : `cannot be read (${code})`, cause);
  }
}

/** What comes through a pipe, whose writer may come later. @throws HrmError as {@link readConfigFile}. */
async function readPipe(
  path: string,
  handle: FileHandle,
  { signal, maxPipeMs }: Required<Omit<ConfigSurroundings, 'cwd'>>,
): Promise<string> {
  const bytes = Buffer.alloc(MAX_CONFIG_BYTES);
  let length = 0;
  for (const endMs = performance.now() + maxPipeMs; performance.now() < endMs; ) {
    if (signal.aborted) throw new HrmError('interrupted', { kind: 'closed', code: 'aborted' });
    const count = await readNow(handle, bytes, length);
    // Without a writer there is an end as well.
    if (count === 0 && length > 0) return bytes.toString('utf8', 0, length);
    length += count ?? 0;
    if (length === bytes.length) throw unreadableError(path, `is a pipe that brings ${length} bytes, and more`);
    if (count === null || count === 0) await sleep(PIPE_POLL_MS);
  }
  throw unreadableError(path, `is a pipe, and nobody wrote a config to it within ${maxPipeMs / 1_000} s`);
}

/** Reads what is there. @returns `null` where there is nothing yet. */
async function readNow(handle: FileHandle, to: Buffer, offset: number): Promise<number | null> {
  try {
    return (await handle.read(to, offset, to.length - offset, null)).bytesRead;
  } catch (cause) {
    if (errorCode(cause) === 'EAGAIN') return null;
    throw cause;
  }
}

function unreadableError(path: string, problem: string, cause?: unknown): HrmError {
  const message = `the config file ${path} ${problem}`;
  const faults = [{ path: '/config', message }];
  return new HrmError(message, { kind: 'invalid', code: 'config_unreadable', cause, faults });
}
