/**
 * Parts of JSON as its text comes, so that a file is never held as a whole, and one that is cut gives what stands before the cut. What
 * is wanted is chosen by path; each part is then read by `JSON.parse`. At its root a text may have many values, which is NDJSON.
 */

/** `enter`: its members are chosen one by one; `list`: an array's are, all else is wanted; `take`: it is wanted; `skip`: it is passed over. */
export type JsonChoice = 'enter' | 'list' | 'take' | 'skip';

/** Chooses by path: names of members, and `*` for each element of an array. */
export type JsonSelect = (path: readonly string[]) => JsonChoice;

/** Hears of what was chosen. */
export interface JsonListener {
  value(path: readonly string[], value: unknown): void;
  /** A value that was wanted has begun well, but is none; or it is larger than {@link MAX_PART_LENGTH}, or deeper than {@link MAX_PART_DEPTH}. */
  bad(path: readonly string[], isTooLarge: boolean): void;
  /** An object or an array that was entered has ended. */
  left?(path: readonly string[]): void;
}

/** Takes text. After damage nothing more is heard. */
export interface JsonScanner {
  push(text: string): void;
  /** The text has ended. @returns whether all of it was JSON. */
  end(): boolean;
  /** The character, from 0 on, at which it was found to be no JSON; `null` where it is. */
  brokenAt(): number | null;
}

/** Characters of one part: a resource of FHIR with the longest series that a page of one holds. */
export const MAX_PART_LENGTH = 4 * 1024 * 1024;

/** Objects and arrays in one another within a part. */
export const MAX_PART_DEPTH = 128;

/** Of objects that are entered, in one another: no format has more than ten. */
const MAX_ENTERED = 32;

/** What is looked for next. */
type State = 'value' | 'valueOrEnd' | 'key' | 'keyOrEnd' | 'inKey' | 'colon' | 'comma' | 'part' | 'broken';

interface Frame {
  readonly isArray: boolean;
  /** Of its elements, which are all the same. */
  readonly choice: JsonChoice | null;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09 || code === 0xfeff;
}

/** The part that is being read: how far, and what of it there is. */
interface Part {
  readonly isWanted: boolean;
  readonly kind: 'string' | 'nested' | 'scalar';
  depth: number;
  deepest: number;
  inString: boolean;
  isEscaped: boolean;
  texts: string[];
  length: number;
}

function beginPart(isWanted: boolean, kind: Part['kind']): Part {
  return { isWanted, kind, depth: 0, deepest: 0, inString: false, isEscaped: false, texts: [], length: 0 };
}

/** Reads JSON and tells the parts that are chosen. */
export function createJsonScanner(select: JsonSelect, listener: JsonListener): JsonScanner {
  const frames: Frame[] = [];
  const path: string[] = [];
  let state: State = 'value';
  let part: Part | null = null;
  let before = 0;
  let broken: number | null = null;

  function afterValue(): void {
    const frame = frames.at(-1);
    if (frame !== undefined && !frame.isArray) path.pop();
    state = frame === undefined ? 'value' : 'comma';
  }

  function enter(isArray: boolean): void {
    if (frames.length >= MAX_ENTERED) {
      state = 'broken';
      return;
    }
    if (isArray) path.push('*');
    frames.push({ isArray, choice: isArray ? select(path) : null });
    state = isArray ? 'valueOrEnd' : 'keyOrEnd';
  }

  function leave(isArray: boolean): void {
    const frame = frames.at(-1);
    if (frame === undefined || frame.isArray !== isArray) {
      state = 'broken';
      return;
    }
    if (isArray) path.pop();
    frames.pop();
    listener.left?.(path);
    afterValue();
  }

  function begin(code: number): void {
    const frame = frames.at(-1);
    const choice = frame?.choice ?? select(path);
    const isNested = code === OPEN_BRACE || code === OPEN_BRACKET;
    if ((choice === 'enter' && isNested) || (choice === 'list' && code === OPEN_BRACKET)) {
      enter(code === OPEN_BRACKET);
      return;
    }
    const kind = isNested ? 'nested' : code === QUOTE ? 'string' : 'scalar';
    part = beginPart(choice === 'take' || choice === 'list', kind);
    state = 'part';
  }

  function keep(one: Part, text: string): void {
    one.length += text.length;
    if (!one.isWanted) return;
    if (one.length > MAX_PART_LENGTH) one.texts = [];
    else one.texts.push(text);
  }

  function finish(one: Part): void {
    part = null;
    if (one.isWanted) tell(one);
    afterValue();
  }

  function tell(one: Part): void {
    const isRead = one.length <= MAX_PART_LENGTH && one.deepest <= MAX_PART_DEPTH;
    const value = isRead ? parseJson(one.texts.join('')) : undefined;
    if (value === undefined) listener.bad(path, !isRead);
    else listener.value(path, value);
  }

  /** Goes on with a part. @returns where it ends, or the text's length. */
  function readPart(one: Part, text: string, from: number): number {
    const end = findEnd(one, text, from);
    keep(one, from === 0 && end === text.length ? text : text.slice(from, end));
    return end;
  }

  /** One character between values. @returns whether it is where it belongs. */
  function step(code: number): boolean {
    switch (state) {
      case 'value':
      case 'valueOrEnd':
        if (code === CLOSE_BRACKET && state === 'valueOrEnd') leave(true);
        else if (code === CLOSE_BRACKET || code === CLOSE_BRACE || code === COMMA || code === COLON) return false;
        else begin(code);
        return true;
      case 'key':
      case 'keyOrEnd':
        if (code === CLOSE_BRACE && state === 'keyOrEnd') leave(false);
        else if (code !== QUOTE) return false;
        else {
          part = beginPart(true, 'string');
          state = 'inKey';
        }
        return true;
      case 'colon':
        state = 'value';
        return code === COLON;
      default:
        if (code === COMMA) state = frames.at(-1)?.isArray === true ? 'value' : 'key';
        else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) leave(code === CLOSE_BRACKET);
        else return false;
        return true;
    }
  }

  function noteBroken(at: number): void {
    if (state === 'broken') broken = before + at;
  }

  function finishKey(one: Part): void {
    part = null;
    const key = one.length > MAX_PART_LENGTH ? undefined : parseJson(one.texts.join(''));
    path.push(typeof key === 'string' ? key : '');
    state = typeof key === 'string' ? 'colon' : 'broken';
  }

  return {
    push(text) {
      for (let at = 0; at < text.length && state !== 'broken'; ) {
        if (part !== null) {
          const one: Part = part;
          at = readPart(one, text, at);
          if (at === text.length && !isWhole(one)) break;
          if (state === 'inKey') finishKey(one);
          else finish(one);
          noteBroken(at);
          continue;
        }
        const code = text.charCodeAt(at);
        if (isBlank(code)) {
          at += 1;
          continue;
        }
        if (!step(code)) state = 'broken';
        noteBroken(at);
        // A part begins with this character.
        if (part === null) at += 1;
      }
      before += text.length;
    },
    end() {
      if (part?.kind === 'scalar' && frames.length === 0) finish(part);
      return state !== 'broken' && part === null && frames.length === 0;
    },
    brokenAt: () => broken,
  };
}

/** Whether what was read of a part is all of it; of a scalar only what follows tells. */
function isWhole({ kind, depth, inString, length }: Part): boolean {
  if (kind === 'scalar') return false;
  return length > 0 && !inString && depth === 0;
}

function findEnd(part: Part, text: string, from: number): number {
  if (part.kind === 'scalar') {
    let at = from;
    while (at < text.length && !endsScalar(text.charCodeAt(at))) at += 1;
    return at;
  }
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (part.inString) {
      if (part.isEscaped) part.isEscaped = false;
      else if (code === BACKSLASH) part.isEscaped = true;
      else if (code === QUOTE) {
        part.inString = false;
        if (part.depth === 0) return at + 1;
      }
    } else if (code === QUOTE) part.inString = true;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      part.depth += 1;
      part.deepest = Math.max(part.deepest, part.depth);
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      part.depth -= 1;
      if (part.depth === 0) return at + 1;
    }
  }
  return text.length;
}

function endsScalar(code: number): boolean {
  return isBlank(code) || code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
