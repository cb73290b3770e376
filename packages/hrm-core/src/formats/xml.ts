/**
 * XML as devices and exports really write it, a piece at a time. It is no parser that validates, on purpose: DTDs are broken, tags do not match, an `&` stands
 * alone, control characters and several roots occur, and each of them makes a strict parser lose a file of years. Nothing is ever expanded but
 * the five entities of XML and numbers, nothing is ever loaded.
 *
 * Its own code, and not htmlparser2, of which 12.0.0 was measured: that reads as tolerantly, takes twice as long (2.8 s for 226 MB, here
 * 1.4 s), and is 1.1 MB.
 */
import { MAX_XML_TAG_LENGTH } from '../limits.js';
import { evenPieces } from './bytes.js';
import type { Piece } from './file-format.js';
import { createTextDecoding, type TextDecoding } from './text/text-decoding.js';

/** The attributes of a tag, read when they are asked for. */
export interface XmlAttributes {
  /** The value of one, by its whole name; `undefined` where there is none. */
  get(name: string): string | undefined;
}

/** Hears of tags and texts in their order. Names are local ones: `ns3:hr` is `hr`. */
export interface XmlHandler {
  open(name: string, attributes: XmlAttributes): void;
  /** A text may come in several pieces. */
  text(text: string): void;
  /** Of an empty tag as well. Nobody says that what is closed was open. */
  close(name: string): void;
}

/** Reads XML as it comes. */
interface XmlScanner {
  write(bytes: Uint8Array): void;
  /** Tells what was wrong. */
  end(): XmlFaults;
}

interface XmlFaults {
  /** The first element was not closed: the file breaks off. */
  readonly isCut: boolean;
  /** Tags that could not be read. */
  readonly brokenTags: number;
  /** Of its encoding. */
  readonly problem: ReturnType<TextDecoding['problem']>;
}

/** What is passed over up to its end. */
type Skipped = '?>' | '-->' | null;

/** Bytes of a piece: no turn takes long, and a tag that goes over many pieces is not searched often. */
const PIECE_BYTES = 64 * 1024;

/** `<![CDATA[`: so many characters tell what begins. */
const OPENING_LENGTH = 9;

/**
 * Reads XML to its end, and gives after each piece of it what a handler made of it by then.
 * @param takePieces - what was gathered since the last time.
 */
export async function* readXml(
  bytes: AsyncIterable<Uint8Array>,
  handler: XmlHandler,
  takePieces: () => readonly Piece[],
): AsyncGenerator<Piece> {
  const scanner = createXmlScanner(handler);
  let byteLength = 0;
  for await (const piece of evenPieces(bytes, PIECE_BYTES)) {
    byteLength += piece.byteLength;
    scanner.write(piece);
    yield* takePieces();
  }
  const { isCut, brokenTags, problem } = scanner.end();
  yield* takePieces();
  if (problem !== null) yield { kind: 'note', ...problem };
  if (brokenTags > 0) {
    yield { kind: 'dropped', reason: 'damaged', count: brokenTags };
    yield { kind: 'note', code: 'broken_tags', message: 'some tags cannot be read: each counts as one damaged value' };
  }
  if (isCut) yield { kind: 'damage', at: `byte ${byteLength}`, message: 'the file ends within its first element' };
}

/** The local name of the first element, as far as a beginning tells; `undefined` where it is no XML. */
export function xmlRootOf(head: Uint8Array): string | undefined {
  let root: string | undefined;
  const scanner = createXmlScanner({
    open(name) {
      root ??= name;
    },
    text: () => undefined,
    close: () => undefined,
  });
  if (!isXmlHead(head)) return undefined;
  scanner.write(head);
  return root ?? DOCTYPE.exec(new TextDecoder().decode(head))?.[1];
}

/** Of a DTD that is longer than the beginning. */
const DOCTYPE = /<!DOCTYPE\s+(?:[\w.-]+:)?([\w.-]+)/;

/** Whether what stands first, blanks and byte order marks aside, is `<`. */
function isXmlHead(head: Uint8Array): boolean {
  const blank = [0x09, 0x0a, 0x0d, 0x20, 0xef, 0xbb, 0xbf, 0xfe, 0xff, 0x00];
  return head.find((byte) => !blank.includes(byte)) === 0x3c;
}

/** Begins to read. */
function createXmlScanner(handler: XmlHandler): XmlScanner {
  let decoding: TextDecoding | null = null;
  // What was not understood yet: the beginning of a tag, or of what is no tag.
  let rest = '';
  let skipped: Skipped = null;
  let isCdata = false;
  let isDoctype = false;
  let root: string | null = null;
  let isRootClosed = false;
  let brokenTags = 0;

  function open(tag: string, isEmpty: boolean): void {
    const { name, after } = nameOf(tag, 0);
    if (name === '') {
      brokenTags += 1;
      return;
    }
    root ??= name;
    handler.open(name, attributesOf(tag, after));
    if (isEmpty) close(name);
  }
  function close(name: string): void {
    if (name === root) isRootClosed = true;
    handler.close(name);
  }

  /** @returns where what is not understood yet begins. */
  function scan(text: string, isEnd: boolean): number {
    let at = 0;
    while (at < text.length) {
      if (skipped !== null) {
        const end = text.indexOf(skipped, at);
        if (end === -1) return Math.max(at, text.length - skipped.length + 1);
        at = end + skipped.length;
        skipped = null;
        continue;
      }
      if (isCdata) {
        const end = text.indexOf(']]>', at);
        if (end === -1) {
          const sure = isEnd ? text.length : Math.max(at, text.length - 2);
          if (sure > at) handler.text(text.slice(at, sure));
          return sure;
        }
        if (end > at) handler.text(text.slice(at, end));
        at = end + 3;
        isCdata = false;
        continue;
      }
      if (isDoctype) {
        const end = doctypeEnd(text, at, isEnd);
        if (end === -1) return at;
        at = end;
        isDoctype = false;
        continue;
      }
      const start = text.indexOf('<', at);
      if (start !== at) {
        // An entity may go on behind the piece.
        const end = start === -1 ? sureTextEnd(text, at, isEnd) : start;
        if (end > at) handler.text(decodeEntities(text.slice(at, end)));
        if (start === -1) return end;
        at = start;
      }
      const next = scanMarkup(text, at, isEnd);
      if (next === -1) return at;
      at = next;
    }
    return at;
  }

  /** @param at - of a `<`. @returns where it goes on; -1 where more has to come. */
  function scanMarkup(text: string, at: number, isEnd: boolean): number {
    const kind = text[at + 1];
    if (kind === undefined) return isEnd ? text.length : -1;
    if (kind === '?') {
      skipped = '?>';
      return at + 2;
    }
    if (kind === '!') {
      if (text.startsWith('<!--', at)) {
        skipped = '-->';
        return at + 4;
      }
      if (text.startsWith('<![CDATA[', at)) {
        isCdata = true;
        return at + OPENING_LENGTH;
      }
      if (text.length - at < OPENING_LENGTH && !isEnd) return -1;
      isDoctype = true;
      return at + 2;
    }
    const end = tagEnd(text, at, isEnd);
    if (end === UNFINISHED) return -1;
    if (end < 0) {
      // Where the file breaks off, that is told by itself.
      if (!isEnd || -end < text.length) brokenTags += 1;
      return -end;
    }
    if (kind === '/') close(nameOf(text.slice(at + 2, end), 0).name);
    else {
      const isEmpty = text[end - 1] === '/';
      open(text.slice(at + 1, isEmpty ? end - 1 : end), isEmpty);
    }
    return end + 1;
  }

  function take(text: string, isEnd: boolean): void {
    const all = rest + text;
    rest = all.slice(scan(all, isEnd));
  }

  return {
    write(bytes) {
      decoding ??= createTextDecoding(bytes, declaredEncoding(bytes));
      take(decoding.decode(bytes), false);
    },
    end() {
      take(decoding?.end() ?? '', true);
      return { isCut: root !== null && !isRootClosed, brokenTags, problem: decoding?.problem() ?? null };
    },
  };
}

/** No place of an end: a tag has a `<` before it. */
const UNFINISHED = 0;

/**
 * Where a tag ends: the `>` that is in no quotes. In XML no `<` stands in a value. Where one does, it is taken for a part of the value if a
 * quote closes that as quotes do; else a quote was forgotten, and the tag is lost.
 * @param at - of its `<`.
 * @returns {@link UNFINISHED} where more has to come; of a tag that is lost, where it goes on, negative.
 */
function tagEnd(text: string, at: number, isEnd: boolean): number {
  let next = text.indexOf('<', at + 1);
  for (let i = at + 1; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 0x3e) return i;
    if (code === 0x3c) return -i;
    if (code !== 0x22 && code !== 0x27) continue;
    const close = text.indexOf(code === 0x22 ? '"' : "'", i + 1);
    if (close === -1) break;
    while (next !== -1 && next <= i) next = text.indexOf('<', next + 1);
    if (next !== -1 && next < close && !closesValue(text, close)) return -next;
    i = close;
  }
  if (!isEnd && text.length - at <= MAX_XML_TAG_LENGTH) return UNFINISHED;
  next = text.indexOf('<', at + 1);
  return next === -1 ? -text.length : -next;
}

/** Whether a quote stands where one ends a value: not behind `=`, and before a blank or the tag's end. */
function closesValue(text: string, close: number): boolean {
  const after = text[close + 1];
  return text[close - 1] !== '=' && (after === undefined || ' \t\r\n/>?'.includes(after));
}

/** The local name that a tag begins with, and where it ends. */
function nameOf(tag: string, from: number): { readonly name: string; readonly after: number } {
  let at = from;
  let start = from;
  for (; at < tag.length; at += 1) {
    const code = tag.charCodeAt(at);
    if (code <= 0x20 || code === 0x2f) break;
    if (code === 0x3a) start = at + 1;
  }
  return { name: tag.slice(start, at), after: at };
}

/** Reads them one by one, up to the one that is wanted; what is not wanted is not decoded. */
function attributesOf(tag: string, from: number): XmlAttributes {
  const known = new Map<string, string>();
  let at = from;
  function readNext(): void {
    const equals = tag.indexOf('=', at);
    if (equals === -1) {
      at = tag.length;
      return;
    }
    // Of `<a checked b="1">` it is the last word.
    const name = lastWord(tag, at, equals);
    let open = equals + 1;
    while (open < tag.length && tag.charCodeAt(open) <= 0x20) open += 1;
    const quote = tag[open];
    const isQuoted = quote === '"' || quote === "'";
    const start = isQuoted ? open + 1 : open;
    const end = isQuoted ? tag.indexOf(quote, start) : blankAfter(tag, start);
    if (!known.has(name)) known.set(name, tag.slice(start, end === -1 ? tag.length : end));
    at = end === -1 ? tag.length : end + 1;
  }
  return {
    get(wanted) {
      while (!known.has(wanted) && at < tag.length) readNext();
      const value = known.get(wanted);
      return value === undefined ? undefined : decodeEntities(value);
    },
  };
}

function blankAfter(tag: string, from: number): number {
  let at = from;
  while (at < tag.length && tag.charCodeAt(at) > 0x20) at += 1;
  return at;
}

function lastWord(tag: string, from: number, to: number): string {
  let end = to;
  while (end > from && tag.charCodeAt(end - 1) <= 0x20) end -= 1;
  let start = end;
  while (start > from && tag.charCodeAt(start - 1) > 0x20) start -= 1;
  return tag.slice(start, end);
}

/**
 * Where a DTD ends, from behind its `<!` on. What is within it may be broken, so its declarations are not read: one with a subset in brackets ends
 * with them. One that has no end is over where a line begins with an element.
 * @returns -1 where more has to come.
 */
function doctypeEnd(text: string, at: number, isEnd: boolean): number {
  const end = text.indexOf('>', at);
  const bracket = text.indexOf('[', at);
  if (end !== -1 && (bracket === -1 || end < bracket)) return end + 1;
  SUBSET_END.lastIndex = bracket;
  if (bracket !== -1 && SUBSET_END.exec(text) !== null) return SUBSET_END.lastIndex;
  if (!isEnd && text.length - at <= MAX_XML_TAG_LENGTH) return -1;
  FIRST_ELEMENT.lastIndex = at;
  return FIRST_ELEMENT.exec(text) === null ? text.length : FIRST_ELEMENT.lastIndex - 2;
}

const SUBSET_END = /\][ \t\r\n]*>/g;
const FIRST_ELEMENT = /\n<\w/g;

/** Up to where a text is sure to be whole: not within `&am`. */
function sureTextEnd(text: string, at: number, isEnd: boolean): number {
  if (isEnd) return text.length;
  const entity = text.lastIndexOf('&');
  const mayGoOn = entity >= at && text.length - entity < MAX_ENTITY_LENGTH && !text.includes(';', entity);
  return mayGoOn ? entity : text.length;
}

/** `&#x10FFFF;` */
const MAX_ENTITY_LENGTH = 10;
const ENTITY = /&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#x([\da-f]{1,6}));/gi;
const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const MAX_CODE_POINT = 0x10ffff;

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(ENTITY, (whole, name?: string, decimal?: string, hex?: string) => {
    if (name !== undefined) return NAMED[name.toLowerCase()] ?? whole;
    const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex ?? '', 16);
    return code <= MAX_CODE_POINT ? String.fromCodePoint(code) : whole;
  });
}

const DECLARED_ENCODING = /^\s*<\?xml[^>]{0,200}?encoding=["']([\w.:-]{1,40})["']/;

/** The encoding that a declaration names; `undefined` where there is none, or one that is not known. */
function declaredEncoding(head: Uint8Array): string | undefined {
  const declared = DECLARED_ENCODING.exec(new TextDecoder('latin1').decode(head.subarray(0, 256)))?.[1];
  // It is in bytes, whatever it says.
  if (declared === undefined || /^utf-?(?:8|16)/i.test(declared)) return undefined;
  try {
    return new TextDecoder(declared).encoding;
  } catch {
    return undefined;
  }
}
