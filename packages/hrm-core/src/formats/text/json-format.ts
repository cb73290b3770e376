import type { FileFormat, FormatContext } from '../file-format.js';
import { decodeHead, decodeText } from './decode-text.js';
import { createGatherer, type Gatherer } from './gather.js';
import { createJsonScanner, type JsonSelect, MAX_PART_DEPTH, MAX_PART_LENGTH } from './json-values.js';

/** Reads the parts of a file that its format chose. */
export interface JsonReader {
  value(path: readonly string[], value: unknown): void;
  /** An object or an array that was entered has ended. */
  left?(path: readonly string[]): void;
  /** A part that was chosen cannot be read, which is counted already. */
  bad?(path: readonly string[]): void;
  /** The file has ended, or is damaged from here on. */
  end?(): void;
}

/** A format of JSON. */
export interface JsonFormat extends Pick<FileFormat, 'name' | 'title'> {
  /** @param head - the text that a file begins with, from its first character that is not blank. */
  recognizes(head: string, fileName: string): boolean;
  readonly select: JsonSelect;
  createReader(gather: Gatherer, context: FormatContext): JsonReader;
}

const PART_TOO_LARGE = `a part is longer than ${MAX_PART_LENGTH} characters, or deeper than ${MAX_PART_DEPTH} levels, and is not read: split it`;

/** The format that reads JSON by its parts. */
export function jsonFormat({ name, title, recognizes, select, createReader }: JsonFormat): FileFormat {
  return {
    name,
    title,
    recognizes: (bytes, fileName) => {
      const head = decodeHead(bytes).trimStart();
      return (head.startsWith('{') || head.startsWith('[')) && recognizes(head, fileName);
    },
    async *read(bytes, context) {
      const gather = createGatherer();
      const reader = createReader(gather, context);
      const scanner = createJsonScanner(select, {
        value: reader.value,
        bad(path, isTooLarge) {
          if (isTooLarge) gather.tooLarge(PART_TOO_LARGE);
          else gather.drop('damaged');
          reader.bad?.(path);
        },
        left: reader.left ?? (() => undefined),
      });
      for await (const text of decodeText(bytes, gather)) {
        scanner.push(text);
        yield* gather.take();
        if (scanner.brokenAt() !== null) break;
      }
      const isWhole = scanner.end();
      reader.end?.();
      const brokenAt = scanner.brokenAt();
      if (brokenAt !== null) gather.damage(`character ${brokenAt}`, 'from here on it is no JSON');
      else if (!isWhole) gather.damage('end', 'the file ends early');
      yield* gather.take();
    },
  };
}

/** The member of what may be an object; `undefined` where it is none. */
export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

/** The text that a member is; `null` where it is none. */
export function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** The elements of what may be an array. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A path without the array that a text may have at its root: many answers of an API in one file. */
export function belowRoot(path: readonly string[]): readonly string[] {
  return path[0] === '*' ? path.slice(1) : path;
}

/**
 * Hands on objects, wherever they stand: each in a list, one after the other, or a single one at the root, of which `wanted` are the members.
 * @param read - gets an object of a list as it is, and of one at the root its wanted members, once it has ended.
 */
export function objectReader(
  wanted: readonly string[],
  read: (one: unknown) => void,
): Pick<JsonFormat, 'select'> & JsonReader {
  let members: Record<string, unknown> = {};
  let isBad = false;
  return {
    select(path) {
      const [name] = path;
      if (name === undefined) return 'enter';
      if (name === '*') return 'take';
      if (!wanted.includes(name)) return 'skip';
      return path.length === 1 ? 'list' : 'take';
    },
    value(path, value) {
      const [name = '*'] = path;
      if (name === '*' || path.length > 1) read(value);
      else members[name] = value;
    },
    bad([name = '*', ...within]) {
      if (name !== '*' && within.length === 0) isBad = true;
    },
    left(path) {
      if (path.length > 0) return;
      // Without a part of it nobody knows what it says.
      if (Object.keys(members).length > 0 && !isBad) read(members);
      members = {};
      isBad = false;
    },
  };
}
