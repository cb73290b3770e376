/** Elements as strangers may push them: good ones, and what becomes of them by one or more changes to their structure or bytes. */

import type { Reading } from '../../src/pure/columns.js';
import { encodeColumnar } from '../../src/pure/reading/columnar.js';
import { queuedFrom } from '../../src/pure/reading/queued-readings.js';
import { resealed } from './naive-columns.js';

/** Numbers 0 <= x < 1. */
type Random = () => number;

type Item = Record<string, unknown>;

/** A noon. */
export const NOON_MS = Date.UTC(2024, 0, 15, 12);

/** What stands where something else belongs. As JSON, since not all of it is a value of JavaScript. */
const NASTY = [
  'null',
  'true',
  '0',
  '-0',
  '-1',
  '30.5',
  '1e999',
  '-1e999',
  '1e21',
  '9007199254740993',
  '1.7053128e12',
  '72.0',
  '253402300800000',
  '128849018880000',
  '""',
  '"72"',
  '"\\ud800"',
  '"\\udfff\\ud800"',
  '"a\\u0000b"',
  '"\\u0085"',
  '"\\u007f"',
  '"😀"',
  '"~😀"',
  '"../../etc"',
  '"__proto__"',
  '[]',
  '{}',
  '[[]]',
  '[72]',
  '{"a":{"b":[]}}',
  `"${'x'.repeat(128)}"`,
  `"${'x'.repeat(129)}"`,
  `"${'é'.repeat(128)}"`,
];

const FIELDS = ['user_id', 'device_id', 'timestamp_ms', 'heart_rate', 'received_ms'];
const STRANGE_FIELDS = ['__proto__', 'constructor', 'toString', 'userId', 'timestamp', '', 'note', 'User_Id'];
const WHOLE = [
  '',
  ' ',
  'null',
  '0',
  '"x"',
  'true',
  '{',
  '[',
  '[]',
  '{}',
  '[{}]',
  '[null,0,"x",[]]',
  '{"a":',
  '\ufeff[]',
  '#1,2,3#',
  '#1705312800000,0,1#{}',
  'NaN',
  "{'a':1}",
  '[1,]',
  '//',
];

/** Makes elements; no two readings that it gives are of the same millisecond, unless a change makes it so. */
export function createHostileElements(random: Random): () => Buffer {
  let count = 0;
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;

  /** The members of a good reading, as JSON. */
  function reading(): [field: string, json: string][] {
    count += 1;
    const fields: [string, string][] = [
      ['user_id', JSON.stringify(pick(['ana', 'ben', '😀', 'a/b']))],
      ['device_id', JSON.stringify(pick(['watch', 'strap']))],
      ['timestamp_ms', String(NOON_MS + count * 7)],
      ['heart_rate', String(30 + below(191))],
    ];
    return random() < 0.6 ? [...fields, ['received_ms', String(NOON_MS + below(600_000))]] : fields;
  }

  function changed(members: readonly [string, string][]): [string, string][] {
    const at = below(members.length);
    const field = pick(FIELDS);
    const kind = below(6);
    if (kind === 0) return members.filter((_, i) => i !== at);
    if (kind === 1) return members.map((member, i) => (i === at ? [member[0], pick(NASTY)] : member));
    // The last of two members of one name counts.
    if (kind === 2) return [...members, [field, pick(NASTY)]];
    if (kind === 3) return [[field, pick(NASTY)], ...members];
    if (kind === 4) return [...members, [pick(STRANGE_FIELDS), random() < 0.5 ? pick(NASTY) : write(reading())]];
    return [...members].reverse();
  }

  function item(): string {
    if (random() < 0.04)
      return pick([...NASTY, write(reading()).slice(0, -1).replace('{', '[').concat(']').replaceAll(':', ',')]);
    let members = reading();
    while (random() < 0.25) members = changed(members);
    return write(members);
  }

  function text(): string {
    const kind = random();
    if (kind < 0.05) return pick(WHOLE);
    if (kind < 0.06) return `${'['.repeat(100)}${item()}${']'.repeat(100)}`;
    if (kind < 0.4) return item();
    const length = random() < 0.9 ? below(5) : below(60);
    return `[${Array.from({ length }, item).join(random() < 0.1 ? ' ,\n' : ',')}]`;
  }

  function damaged(bytes: Buffer): Buffer {
    const at = below(bytes.length + 1);
    const kind = below(6);
    if (kind === 0) return bytes.subarray(0, at);
    if (kind === 1) return Buffer.concat([bytes, Buffer.from(pick([' ', '\n', 'x', ',', '\0', ']', '}']))]);
    if (kind === 2) return Buffer.concat([bytes.subarray(0, at), Buffer.from([below(256)]), bytes.subarray(at)]);
    if (kind === 3) return Buffer.concat([bytes.subarray(0, at), Buffer.from([0xed, 0xa0, 0x80]), bytes.subarray(at)]);
    if (kind === 4) return Buffer.from(bytes.toString('utf8'), 'utf16le');
    const flipped = Buffer.from(bytes);
    if (at < flipped.length) flipped[at] = (flipped[at] as number) ^ (1 << below(8));
    return flipped;
  }

  /** Several readings as columns, some of them none: nobody judged them. */
  function columns(): Buffer {
    const rows: Reading[] = Array.from({ length: 1 + below(6) }, () => {
      count += 1;
      return {
        userId: pick(['ana', 'ben', '😀', 'a/b', ...(random() < 0.1 ? ['', 'a\u0085', 'x'.repeat(129)] : [])]),
        deviceId: pick(['watch', 'strap']),
        timestampMs: NOON_MS + count * 7 + (random() < 0.05 ? 1e15 : 0),
        heartRate: random() < 0.1 ? below(256) : 30 + below(191),
        receivedMs: random() < 0.05 ? 2 ** 47 : NOON_MS + below(600_000),
      };
    });
    const bytes = Buffer.from(encodeColumnar(queuedFrom(rows), 0, rows.length));
    if (random() < 0.9) return bytes;
    bytes[4 + below(bytes.length - 4)] = below(256);
    return random() < 0.5 ? resealed(bytes) : bytes;
  }

  return () => {
    let bytes = random() < 0.15 ? columns() : Buffer.from(text());
    while (random() < 0.12) bytes = Buffer.from(damaged(bytes));
    return bytes;
  };
}

/** Elements of a size that others seldom have. @param make - makes readings. */
export function largeElements(): Buffer[] {
  const wire = (i: number): Item => ({
    user_id: 'cat',
    device_id: 'watch',
    timestamp_ms: NOON_MS + i,
    heart_rate: 72,
    received_ms: NOON_MS,
  });
  const list = (length: number, from: number) => JSON.stringify(Array.from({ length }, (_, i) => wire(from + i)));
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  return [
    list(1_001, 0),
    list(10_001, 2_000),
    `[${JSON.stringify(wire(20_000))},${deep},${deep}]`,
    deep,
    `[${'0,'.repeat(3_000)}0]`,
  ].map((text) => Buffer.from(text));
}

function write(members: readonly [string, string][]): string {
  return `{${members.map(([field, json]) => `${JSON.stringify(field)}:${json}`).join()}}`;
}
