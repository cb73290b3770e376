/** Damage that knows what a Parquet file is made of: bits, lengths, fields of the footer and of page headers, pieces lost or doubled. */
import { withFooter } from './hand-made-parquet.js';
import { readThrift, type ThriftStruct, type ThriftValue, writeThrift } from './thrift.js';

/** What damage is chosen by. */
export interface Choice {
  /** 0 <= x < 1. */
  readonly fraction: () => number;
  /** Another file, to take pieces of. */
  readonly other: Buffer;
}

/** A whole file's layout. */
interface Layout {
  readonly footerFrom: number;
  readonly footer: ThriftStruct;
}

/** Values that counts and places break at. */
const EDGES = [
  0n,
  1n,
  -1n,
  7n,
  255n,
  65_536n,
  2n ** 24n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n,
  2n ** 63n - 1n,
];

type Mutation = (bytes: Buffer, choice: Choice) => Buffer;

/** Changes a copy of a file in one to three ways; returns it with their names. */
export function mutate(bytes: Buffer, choice: Choice): { readonly bytes: Buffer; readonly how: string } {
  const names: string[] = [];
  let changed: Buffer = Buffer.from(bytes);
  const count = choice.fraction() < 0.7 ? 1 : 1 + below(choice, 3);
  for (let i = 0; i < count; i += 1) {
    const [name, mutation] = pick(choice, Object.entries(MUTATIONS));
    try {
      changed = mutation(changed, choice);
      names.push(name);
    } catch {
      // What an earlier damage has left has no such structure any more.
      changed = flipBits(changed, choice);
      names.push('bits');
    }
  }
  return { bytes: changed, how: names.join('+') };
}

function below({ fraction }: Choice, bound: number): number {
  return Math.floor(fraction() * bound);
}

function pick<T>(choice: Choice, from: readonly T[]): T {
  return from[below(choice, from.length)] as T;
}

function flipBits(bytes: Buffer, choice: Choice, from = 0, to = bytes.length): Buffer {
  for (let i = choice.fraction() < 0.8 ? 1 : 1 + below(choice, 5); i > 0; i -= 1) {
    const at = from + below(choice, Math.max(1, to - from));
    if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << below(choice, 8));
  }
  return bytes;
}

function layoutOf(bytes: Buffer): Layout {
  const footerFrom = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
  return { footerFrom, footer: readThrift(bytes, footerFrom).struct };
}

/** Every value in a struct, with what replaces or removes it. */
function* valuesOf(struct: ThriftStruct): Generator<{ value: ThriftValue; remove: () => void; repeat: () => void }> {
  for (const [id, value] of struct) {
    yield { value, remove: () => struct.delete(id), repeat: () => undefined };
    if (value.value instanceof Map) yield* valuesOf(value.value);
    else if (typeof value.value === 'object' && 'items' in value.value) {
      const { items } = value.value;
      for (const [i, item] of items.entries()) {
        const repeat = () => items.splice(i, 0, ...Array.from({ length: 300 }, () => item));
        yield { value: item, remove: () => items.splice(i, 1), repeat };
        if (item.value instanceof Map) yield* valuesOf(item.value);
      }
    }
  }
}

function changeStruct(struct: ThriftStruct, choice: Choice): void {
  const all = [...valuesOf(struct)];
  const numbers = all.filter(({ value }) => typeof value.value === 'bigint');
  const way = choice.fraction();
  if (way < 0.1) pick(choice, all).remove();
  else if (way < 0.15) pick(choice, all).repeat();
  else if (way < 0.2) {
    const { value } = pick(choice, all);
    if (Buffer.isBuffer(value.value)) value.value = Buffer.alloc(below(choice, 5_000), below(choice, 256));
  } else {
    const { value } = pick(choice, numbers);
    const old = value.value as bigint;
    const near = [old + 1n, old - 1n, old * 2n, old / 2n, -old, old + BigInt(below(choice, 1_000)), old * 1_000n];
    value.value = pick(choice, choice.fraction() < 0.5 ? near : EDGES);
  }
}

/** Places of the chunks' first pages, and of some that follow. */
function pagesOf(bytes: Buffer, { footer, footerFrom }: Layout): number[] {
  const places: number[] = [];
  for (const { value } of valuesOf(footer)) {
    if (!(value.value instanceof Map)) continue;
    const metadata = value.value;
    const from = metadata.get(9)?.value;
    const size = metadata.get(7)?.value;
    if (typeof from !== 'bigint' || typeof size !== 'bigint' || !metadata.has(3)) continue;
    const dictionary = metadata.get(11)?.value;
    let at = Number(typeof dictionary === 'bigint' && dictionary > 0n ? dictionary : from);
    for (let i = 0; i < 20 && at > 0 && at < footerFrom; i += 1) {
      places.push(at);
      const { struct, to } = readThrift(bytes, at);
      at = to + Number(struct.get(3)?.value ?? 1e9);
    }
  }
  return places;
}

function spliceBytes(bytes: Buffer, at: number, remove: number, insert: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);
}

/** Of a page: its header's place and end, and its body's. */
function pageAt(bytes: Buffer, choice: Choice) {
  const layout = layoutOf(bytes);
  const at = pick(choice, pagesOf(bytes, layout));
  const { struct, to } = readThrift(bytes, at);
  const size = Math.min(Number(struct.get(3)?.value ?? 0), layout.footerFrom - to);
  return { layout, at, struct, to, size };
}

/** Puts something else in place of bytes, and moves what the footer says of places behind them. */
function replaceInBody(
  bytes: Buffer,
  { footer, footerFrom }: Layout,
  from: number,
  to: number,
  insert: Buffer,
): Buffer {
  const by = BigInt(insert.length - (to - from));
  for (const { value } of valuesOf(footer)) {
    if (!(value.value instanceof Map) || !value.value.has(9) || !value.value.has(7)) continue;
    const fields = value.value;
    const start = Number(fields.get(9)?.value);
    const dictionary = Number(fields.get(11)?.value ?? start);
    const first = Math.min(start, dictionary || start);
    const size = fields.get(7) as ThriftValue;
    if (first <= from && from < first + Number(size.value)) size.value = (size.value as bigint) + by;
    for (const id of [9, 10, 11]) {
      const place = fields.get(id);
      if (place !== undefined && (place.value as bigint) > BigInt(from)) place.value = (place.value as bigint) + by;
    }
  }
  return withFooter(Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(to, footerFrom)]), footer);
}

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  bits: (bytes, choice) => flipBits(bytes, choice),
  'bits again': (bytes, choice) => flipBits(bytes, choice),
  'bits of the footer': (bytes, choice) => flipBits(bytes, choice, layoutOf(bytes).footerFrom),
  'bits of a page header': (bytes, choice) => {
    const { at, to } = pageAt(bytes, choice);
    return flipBits(bytes, choice, at, to);
  },
  'bits at the start of a page': (bytes, choice) => {
    const { to } = pageAt(bytes, choice);
    return flipBits(bytes, choice, to, to + 16);
  },
  'a field of the footer': (bytes, choice) => {
    const { footerFrom, footer } = layoutOf(bytes);
    changeStruct(footer, choice);
    return withFooter(bytes.subarray(0, footerFrom), footer);
  },
  'a field of a page header': (bytes, choice) => {
    const { layout, at, struct, to } = pageAt(bytes, choice);
    changeStruct(struct, choice);
    return replaceInBody(bytes, layout, at, to, writeThrift(struct));
  },
  'a page of extremes': (bytes, choice) => {
    const { to, size } = pageAt(bytes, choice);
    bytes.fill(
      pick(choice, [0, 255, 0x80, 0x7f]),
      to + below(choice, size),
      to + below(choice, size) + 1 + below(choice, 32),
    );
    return bytes;
  },
  'a page twice': (bytes, choice) => {
    const { layout, at, to, size } = pageAt(bytes, choice);
    return replaceInBody(bytes, layout, at, at, Buffer.from(bytes.subarray(at, to + size)));
  },
  'a page lost': (bytes, choice) => {
    const { layout, at, to, size } = pageAt(bytes, choice);
    return replaceInBody(bytes, layout, at, to + size, Buffer.alloc(0));
  },
  'another length of the footer': (bytes, choice) => {
    bytes.writeUInt32LE(Number(BigInt.asUintN(32, pick(choice, EDGES))), bytes.length - 8);
    return bytes;
  },
  truncated: (bytes, choice) => bytes.subarray(0, below(choice, bytes.length)),
  'without its beginning': (bytes, choice) => bytes.subarray(below(choice, bytes.length)),
  twice: (bytes) => Buffer.concat([bytes, bytes]),
  'a run of zeros': (bytes, choice) => {
    const at = below(choice, bytes.length);
    return bytes.fill(0, at, at + 1 + below(choice, 4_096));
  },
  'bytes lost': (bytes, choice) =>
    spliceBytes(bytes, below(choice, bytes.length), 1 + below(choice, 16), Buffer.alloc(0)),
  'bytes more': (bytes, choice) =>
    spliceBytes(bytes, below(choice, bytes.length), 0, Buffer.alloc(1 + below(choice, 16), 0xa5)),
  'a piece of another': (bytes, choice) => {
    const length = 1 + below(choice, 512);
    const from = below(choice, choice.other.length);
    return spliceBytes(bytes, below(choice, bytes.length), length, choice.other.subarray(from, from + length));
  },
  'the footer of another': (bytes, choice) => {
    const { footerFrom } = layoutOf(bytes);
    return Buffer.concat([bytes.subarray(0, footerFrom), choice.other.subarray(layoutOf(choice.other).footerFrom)]);
  },
};
