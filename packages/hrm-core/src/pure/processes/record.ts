/**
 * What a process says of itself, as it is written beside the data. No time in it is of a clock: each is how long ago it was when the file
 * was written, and the age of the file is the disk's. So neither a clock that is wrong here nor one that is wrong there changes anything.
 */
import * as v from 'valibot';
import { PROCESS_GONE_MS, PROCESS_KEPT_MS, STOPPED_PROCESS_KEPT_MS } from '../../limits.js';

/** What a process can do. `primary` starts the others of `hrm serve --workers`, and does nothing else. */
export const PROCESS_PARTS = ['api', 'consumer', 'compacter', 'primary'] as const;

const name = v.pipe(v.string(), v.maxLength(255));
const ms = v.pipe(v.number(), v.finite(), v.minValue(0));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const runner = { host: name, pid: count, version: name };

const RecordSchema = v.object({
  ...runner,
  parts: v.pipe(v.array(v.picklist(PROCESS_PARTS)), v.maxLength(PROCESS_PARTS.length)),
  /** Since it began. */
  up_ms: ms,
  /** Whether it has ended as it should. */
  stopped: v.boolean(),
});

/** What a process says of itself. */
export type ProcessRecord = Readonly<v.InferOutput<typeof RecordSchema>>;

const CompactionSchema = v.object({
  ...runner,
  /** Since it ended. */
  ago_ms: ms,
  partitions: count,
  left: count,
  compacted: count,
  merged: count,
  readings: count,
  swept: count,
  failures: count,
});

/** The last run of any compacter. */
export type CompactionRecord = Readonly<v.InferOutput<typeof CompactionSchema>>;

/** The name of the file of the last compaction, which is the last one's who compacted. */
export const COMPACTION_FILE = 'last-compaction.json';

/** A process as its file tells it; `null` for what is none: of another version, or cut by a power cut. */
export function parseProcess(text: string): ProcessRecord | null {
  return parse(RecordSchema, text);
}

/** The last compaction as its file tells it; `null` for what is none. */
export function parseCompaction(text: string): CompactionRecord | null {
  return parse(CompactionSchema, text);
}

function parse<S extends v.GenericSchema>(schema: S, text: string): v.InferOutput<S> | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const result = v.safeParse(schema, json);
  return result.success ? result.output : null;
}

/** How a process is: it lives, it has ended as it should, or nothing was heard of it for too long. */
export type ProcessState = 'running' | 'stopped' | 'gone';

/** How a process is whose file is so old; `null`: it is forgotten. */
export function stateOfProcess({ stopped }: Pick<ProcessRecord, 'stopped'>, ageMs: number): ProcessState | null {
  if (ageMs > (stopped ? STOPPED_PROCESS_KEPT_MS : PROCESS_KEPT_MS)) return null;
  if (stopped) return 'stopped';
  return ageMs > PROCESS_GONE_MS ? 'gone' : 'running';
}
