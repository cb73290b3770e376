/**
 * `hrm keys …`: the API keys of the server. Whoever may write the file of the keys may make keys: the command asks
 * nobody.
 */
import { HrmError, plural } from 'hrm-core';
import {
  createKey,
  describeKey,
  type KeyRecord,
  keyIdIn,
  keyLimitsOf,
  keyToWire,
  type NewKey,
  noKeysText,
  readKeys,
  readLastUsed,
  revokeKey,
  rotateKey,
  SCOPES,
  type ShownKey,
  unknownKeysError,
} from 'hrm-core/keys';
import { isNowhere, visibleText } from 'hrm-core/process';
import type { Command, CommandOption, Invocation, OutputStream } from '../command.js';
import { visibleId } from '../output/output.js';
import { usageError } from '../usage-error.js';

const DAY_MS = 86_400_000;
const MAX_DAYS = 36_500;

const OPTIONS: readonly CommandOption[] = [
  { name: 'name', value: 'NAME', about: 'For people: whose key it is, or what for.', required: true },
  {
    name: 'scope',
    value: 'SCOPE',
    about: 'What it may do: send readings, read answers, erase, see how the system is.',
    required: true,
    repeatable: true,
    choices: SCOPES,
  },
  {
    name: 'user',
    value: 'U',
    about: 'A user it may ask about and send for; without any: all users.',
    repeatable: true,
  },
  {
    name: 'device',
    value: 'D',
    about: 'A device it may send readings of, with the scope ingest alone; without any: all devices.',
    repeatable: true,
  },
  { name: 'expires', value: 'DAYS', about: 'It expires after so many days; without it: never.' },
  {
    name: 'limit',
    value: 'NAME=N',
    about: "What it may have: requests a minute, body_bytes, streams, long_answers at once; default everybody's share.",
    repeatable: true,
  },
];

/** `hrm keys create` */
export const createCommand: Command = {
  name: 'keys create',
  audit: 'keys',
  about:
    'Makes an API key and prints it, once: only its hash is kept. With the first key the server answers nobody without one, ' +
    'and may listen beyond this machine (--host). Running servers know a new key at once.',
  options: OPTIONS,
  settings: ['keysFile'],
  examples: [
    'hrm keys create --name gateway --scope ingest',
    "hrm keys create --name 'dashboard of ana' --scope query --user ana --expires 90",
    'KEY=$(hrm keys create --name all --scope ingest --scope query --scope admin)',
  ],
  async run(invocation) {
    const { args, settings, stdout } = invocation;
    refuseNowhere(stdout);
    const [users, devices, expires] = [args.values('user'), args.values('device'), args.value('expires')];
    const nowMs = Date.now();
    const made = await createKey(
      settings.keysFile,
      {
        name: args.value('name') ?? '',
        scopes: SCOPES.filter((scope) => args.values('scope').includes(scope)),
        userIds: users.length === 0 ? null : users,
        deviceIds: devices.length === 0 ? null : devices,
        limits: keyLimitsOf(args.values('limit')),
        expiresMs: expires === undefined ? null : nowMs + daysOf('expires', expires, 1, MAX_DAYS),
      },
      nowMs,
    );
    return await printOnce(invocation, made, async () => void (await revokeKey(settings.keysFile, made.record.id)));
  },
};

/** Prints a new key. @param undo - takes it away again where nobody can have seen it. */
async function printOnce(
  invocation: Invocation,
  { record, token }: NewKey,
  undo: () => Promise<void>,
): Promise<'done'> {
  const { settings, json, output, stderr, trail } = invocation;
  trail?.addKey(record.id);
  if (!json) stderr.write(`the key ${record.id}, which is shown this once:\n`);
  let isSeen = false;
  try {
    isSeen = await output.write(
      json ? `${JSON.stringify({ key: token, ...keyToWire(shown(record)) })}\n` : `${token}\n`,
    );
  } finally {
    // A key that nobody has, and that counts, is one too many.
    if (!isSeen) await undo();
    if (!isSeen && !json) {
      stderr.write('the key, which nobody has seen, was taken away again\n');
      await sayIfNone(settings.keysFile, stderr);
    }
  }
  if (!isSeen) throw unseenError('the reader of standard output is gone', 'unavailable');
  return 'done';
}

function shown(key: KeyRecord, used?: ReadonlyMap<string, number>): ShownKey {
  return { key, usedMs: used?.get(key.id), nowMs: Date.now() };
}

/** `hrm keys rotate` */
export const rotateCommand: Command = {
  name: 'keys rotate',
  audit: 'keys',
  about:
    'Makes an API key that may do what another may, and prints it, once. The other one ends after the overlap. ' +
    'By then whoever has it must use the new one.',
  operands: { label: 'ID', min: 1, max: 1 },
  options: [{ name: 'overlap', value: 'DAYS', about: 'How long both count, 0 to 365 days; default 7.' }],
  settings: ['keysFile'],
  examples: ['hrm keys rotate ID', 'hrm keys rotate ID --overlap 0'],
  async run(invocation) {
    const { args, settings, stdout, trail } = invocation;
    refuseNowhere(stdout);
    const overlapMs = daysOf('overlap', args.value('overlap') ?? '7', 0, 365);
    const id = keyIdIn(args.operands[0] ?? '');
    const made = await rotateKey(settings.keysFile, id, { overlapMs });
    trail?.addKey(id);
    return await printOnce(invocation, made, made.undo);
  },
};

function refuseNowhere({ fd }: OutputStream): void {
  if (fd !== undefined && isNowhere(fd))
    throw unseenError('standard output is closed or /dev/null, and a key is shown once: no key was made', 'invalid');
}

function unseenError(message: string, kind: 'invalid' | 'unavailable'): HrmError {
  return new HrmError(message, { kind, code: 'output_unwritable' });
}

/** `hrm keys list` */
export const listCommand: Command = {
  name: 'keys list',
  about:
    'Lists the API keys: ids, names, scopes, users, devices, their end, and the hour of their last use. The keys themselves are stored nowhere.',
  options: [],
  settings: ['keysFile'],
  examples: ['hrm keys list', 'hrm keys list --json'],
  async run({ settings, json, output, stderr }) {
    const used = readLastUsed(settings.keysFile);
    const keys = readKeys(settings.keysFile).map((key) => shown(key, used));
    if (json) {
      await output.write(`${JSON.stringify({ items: keys.map(keyToWire), count: keys.length })}\n`);
      return 'done';
    }
    if (keys.length === 0) stderr.write(noKeysText(settings.keysFile));
    for (const one of keys)
      if (!(await output.write(`${describeKey(one, visibleId)}  ${visibleText(one.key.name)}\n`))) break;
    return 'done';
  },
};

async function sayIfNone(keysFile: string, stderr: OutputStream): Promise<void> {
  if (readKeys(keysFile).length === 0) stderr.write(noKeysText(keysFile));
}

/** `hrm keys revoke` */
export const revokeCommand: Command = {
  name: 'keys revoke',
  audit: 'keys',
  about:
    'Takes API keys away, by id or by the whole key. Running servers refuse them within a second. It ends with 2 where one of them is not ' +
    'there, after it took the others away. A key that leaked may be in another file (--keys-file).\n\n' +
    'With the last key gone everybody is refused. To need no keys any more, delete the file of the keys and the one beside it that ' +
    'ends in .needed. Then start the servers anew. They do not start without the first but with the second.',
  operands: { label: 'ID…', min: 1, max: 1_000 },
  options: [],
  settings: ['keysFile'],
  examples: ['hrm keys revoke ID'],
  run: revoke,
};

/** @throws HrmError kind `invalid`, code `key_unknown`, once all that are there are taken away. */
async function revoke({ args, settings, json, output, stderr, trail }: Invocation): Promise<'done'> {
  const ids = new Set(args.operands.map(keyIdIn));
  let revoked = 0;
  for (const id of ids)
    if (await revokeKey(settings.keysFile, id)) {
      revoked += 1;
      trail?.addKey(id);
    }
  const missing = ids.size - revoked;
  const text = `revoked ${plural(revoked, 'key')}${missing === 0 ? '' : `; ${missing} not there`}\n`;
  await output.write(json ? `${JSON.stringify({ revoked, missing })}\n` : text);
  if (revoked > 0 && !json) await sayIfNone(settings.keysFile, stderr);
  if (missing === 0) return 'done';
  throw unknownKeysError(settings.keysFile, missing);
}

function daysOf(option: string, days: string, min: number, max: number): number {
  if (/^(?:0|[1-9]\d{0,5})$/.test(days) && Number(days) >= min && Number(days) <= max) return Number(days) * DAY_MS;
  throw usageError(`--${option} is ${JSON.stringify(days)}: it must be a number of days, ${min} to ${max}`);
}
