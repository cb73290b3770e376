import {
  answerJson,
  type DamageReport,
  HrmError,
  INTERVAL_MS,
  type Interval,
  isHrmError,
  queryTables,
  type Row,
  type RowTable,
  rowsOf,
} from 'hrm-core';
import { openStorage } from 'hrm-core/open';
import type { Command, Invocation } from '../command.js';
import { type Output, visibleId, visibleText } from '../output.js';

/** `hrm query` */
export const queryCommand: Command = {
  name: 'query',
  about:
    "Shows one user's heart rate, a row a minute that has readings, for start <= t < end; readings still queued are not in it.\n" +
    'Where devices disagree at the same millisecond the one with the best priority counts (--device-priority).',
  options: [
    { name: 'user', value: 'U', about: 'The user_id.', required: true },
    { name: 'start', value: 'S', about: 'First instant, like 2024-01-15T10:00:00Z.', required: true },
    { name: 'end', value: 'E', about: 'Instant to stop before; at most 3,660 days later.', required: true },
    { name: 'device', value: 'D', about: "Only this device's readings; priority does not matter then." },
    { name: 'interval', value: 'I', about: 'Width of a row; default 1m.', choices: Object.keys(INTERVAL_MS) },
  ],
  settings: ['dataDir', 'devicePriority', 'naiveTimestamps'],
  examples: [
    'hrm query --user ana --start 2024-01-15T00:00:00Z --end 2024-01-16T00:00:00Z',
    'hrm query --user ana --start 2024-01-01T00:00:00+01:00 --end 2025-01-01T00:00:00+01:00 --interval 1d --json',
    'hrm query --user=-x --device watch --start 2024-01-15T10:00:00Z --end 2024-01-15T11:00:00Z | head',
  ],
  async run(invocation) {
    const { settings, json, output } = invocation;
    const userId = invocation.args.value('user') ?? '';
    const storage = await openStorage(settings, { readOnly: true });
    try {
      const tables = ask(storage, userId, invocation);
      await (json ? printJson(output, userId, tables) : printTable(output, tables));
    } finally {
      await storage.close();
    }
    return 'done';
  },
};

type Tables = AsyncIterable<RowTable>;

function ask(storage: Parameters<typeof queryTables>[0]['storage'], userId: string, invocation: Invocation): Tables {
  const { args, settings, signal } = invocation;
  try {
    return queryTables(
      { storage },
      {
        userId,
        start: args.value('start') ?? '',
        end: args.value('end') ?? '',
        deviceId: args.value('device'),
        // The table of options admits no other.
        interval: args.value('interval') as Interval | undefined,
        priority: settings.devicePriority,
      },
      { signal, naiveTimestamps: settings.naiveTimestamps, onDamage: warn },
    );
  } catch (error) {
    throw isHrmError(error) && error.code === 'invalid_query' ? withFlagNames(error) : error;
  }
}

function warn({ message, outcome }: DamageReport): void {
  const advice = outcome === 'answered' ? 'run hrm verify --repair' : 'the answer is without it: run hrm verify';
  process.stderr.write(`hrm query: warning: ${visibleText(message)}; ${advice}\n`);
}

const FLAG_NAMES: Readonly<Record<string, string>> = { userId: 'user', deviceId: 'device' };

/** The same error in the words of the command line: `--user must …`. */
function withFlagNames(error: HrmError): HrmError {
  const faults = error.faults.map(({ path, message }) => {
    const name = path.slice(1);
    return { path: `/${FLAG_NAMES[name] ?? name}`, message };
  });
  const message = faults.map(({ path, message }) => `--${path.slice(1)} ${message}`).join('\n');
  return new HrmError(message, { kind: 'invalid', code: error.code, faults, cause: error });
}

/** The GET's body, byte for byte; a line end follows only where a person reads it. */
async function printJson(output: Output, userId: string, tables: Tables): Promise<void> {
  const pieces = answerJson(userId, tables);
  // The first day is there before anything is printed: an error must not leave half a document.
  const opening = await pieces.next();
  let beginning = opening.value ?? new Uint8Array();
  for await (const piece of pieces) {
    if (!(await output.write(Buffer.concat([beginning, piece])))) return;
    beginning = new Uint8Array();
  }
  if (process.stdout.isTTY) await output.write('\n');
}

async function printTable(output: Output, tables: Tables): Promise<void> {
  let beginning = tableLine(['timestamp', 'bpm', 'min', 'max', 'count', 'devices']);
  for await (const table of tables) {
    if (
      !(await output.write(
        beginning +
          rowsOf(table)
            .map((row) => tableLine(cells(row)))
            .join(''),
      ))
    )
      return;
    beginning = '';
  }
  if (beginning === '') return;
  await output.write(beginning);
  process.stderr.write('no readings of this user in this range\n');
}

function cells({ timestamp, heartRate, min, max, count, deviceIds }: Row): readonly string[] {
  return [
    timestamp,
    heartRate.toFixed(2),
    String(min),
    String(max),
    String(count),
    deviceIds.map(visibleId).join(', '),
  ];
}

/** Widths of all columns but the last: rows are printed as they come, so no width can follow from the rows. */
const WIDTHS = [20, 6, 3, 3, 6] as const;

function tableLine(cells: readonly string[]): string {
  const aligned = cells.map((cell, i) => (i === 0 ? cell.padEnd(WIDTHS[0]) : cell.padStart(WIDTHS[i] ?? 0)));
  return `${aligned.join('  ')}\n`;
}
