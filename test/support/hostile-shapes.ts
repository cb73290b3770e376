/**
 * Texts that strangers send to make a parser slow: each shape in any length. What a parser looks for, over and over; what it
 * looks for and never finds the end of; what is nearly right to the last character.
 */

/** A text of about `length` UTF-16 code units. */
export type Shape = (length: number) => string;

function repeated(unit: string): Shape {
  return (length) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
}

/** One unit as often as the other: brackets that close. */
function nested(open: string, close: string): Shape {
  return (length) => {
    const depth = Math.floor(length / (open.length + close.length));
    return open.repeat(depth) + close.repeat(depth);
  };
}

/** An object of many members. @param keyOf - of a number, all of them different. */
function members(keyOf: (i: number) => string): Shape {
  return (length) => {
    const parts: string[] = [];
    for (let i = 0, size = 0; size < length; i += 1) {
      const part = `"${keyOf(i)}":1`;
      parts.push(part);
      size += part.length + 1;
    }
    return `{${parts.join()}}`;
  };
}

/** The shapes by name. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  letters: repeated('a'),
  'letters T': repeated('T'),
  digits: repeated('1'),
  blanks: repeated(' '),
  tabs: repeated('\t'),
  newlines: repeated('\n'),
  'carriage returns': repeated('\r'),
  'pairs of both': repeated('\r\n'),
  commas: repeated(','),
  semicolons: repeated(';'),
  colons: repeated(':'),
  slashes: repeated('/'),
  'segments that go up': repeated('../'),
  dots: repeated('.'),
  quotes: repeated('"'),
  'quotes in words': repeated('a"b""c,'),
  backslashes: repeated('\\'),
  'escaped quotes': repeated('\\"'),
  'brackets without end': repeated('['),
  'brackets that close': nested('[', ']'),
  'objects without end': repeated('{"a":'),
  'objects that close': nested('{"a":[', ']}'),
  'a list of lists': (length) => `[${repeated('[],')(length)}0]`,
  'a list of numbers': (length) => `[${repeated('1e9,')(length)}0]`,
  'different keys': members((i) => `key ${i}`),
  'keys that are numbers': members((i) => String(4_000_000_000 - i * 256)),
  'keys with one rest': members((i) => String(1_000_000_000_000_000 + i * 2 ** 24)),
  'percent signs': repeated('%'),
  'escaped bytes': repeated('%41'),
  'lone surrogates': repeated('\ud800'),
  'characters of two units': repeated('😀'),
  zeros: repeated('\0'),
  'parameters of one name': repeated('a=1&'),
  'parameters without a name': repeated('=&'),
  weights: repeated('text/csv;q=0.5,'),
  'timestamps, nearly': repeated('2024-01-15T10:00:00 '),
  'a fraction': (length) => `2024-01-15T10:00:00.${repeated('0')(length)}`,
  'rows of CSV': repeated('ana,"watch",2024-01-15T10:00:00Z,72\n'),
  'a quote in each line': repeated('a"b\n'),
  'events of a stream': repeated('id: 1\nevent: reading\ndata: {}\n\n'),
  'data of one event': repeated('data: x\n'),
  'keys of the API, nearly': repeated('hrm_abcdefghijkl_'),
};
